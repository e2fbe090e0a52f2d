//! The host programs whose plugins are known: how each is recognised, and where such a program may lie.
//! It must never name a single library or package; a kind is symbols, places and entry points, and the proof is elsewhere.
//! Rests on each host's documented plugin interface and on glibc's global scope (what a program exports to `dlopen`).

/// A kind of host program.
#[derive(Debug)]
pub struct Kind {
    /// Name for reports.
    pub name: &'static str,
    /// What its interface's symbols begin with.
    pub symbols: &'static [&'static str],
    /// Symbols by which it finds its way into a plugin; `@` is the file's name up to the first dot.
    pub entries: &'static [&'static str],
    /// Libraries that are in its process already (patterns of names).
    pub libraries: &'static [&'static str],
    /// Where its plugins lie (patterns of whole paths).
    pub paths: &'static [&'static str],
    /// Its programs, below a prefix such as `/usr` or any directory above the plugin, best first.
    pub programs: &'static [&'static str],
    /// What the program opens first with RTLD_GLOBAL, from the program's own directory.
    pub opens: &'static [&'static str],
    /// Libraries that are the host for programs which embed it: below a prefix, or without a slash names in the cache.
    pub embedded: &'static [&'static str],
    /// `(mark, head)`: a path with `mark` is for the version `head` followed by the digits behind the mark.
    pub versions: &'static [(&'static str, &'static str)],
    /// Its programs are different hosts: a plugin may be made for the one that is not installed.
    pub distinct: bool,
    /// It opens plugins with RTLD_GLOBAL, so that they may rest on each other.
    pub global: bool,
}

/// Nothing known: what the rows below leave out.
const NONE: Kind = Kind {
    name: "",
    symbols: &[],
    entries: &[],
    libraries: &[],
    paths: &[],
    programs: &[],
    opens: &[],
    embedded: &[],
    versions: &[],
    distinct: false,
    global: false,
};

/// All kinds. The order decides between kinds for which the same speaks.
pub static KINDS: &[Kind] = &[
    Kind {
        name: "Python",
        symbols: &["Py", "_Py"],
        entries: &["PyInit_@"],
        libraries: &["libpython*"],
        paths: &["*.cpython-3*", "*.abi3.so", "*/site-packages/*", "*/dist-packages/*", "*/lib-dynload/*"],
        programs: &["bin/python3.#", "bin/python3", "bin/python"],
        embedded: &["libpython3.#.so.#"],
        versions: &[(".cpython-3", "3."), ("python3.", "3.")],
        ..NONE
    },
    Kind {
        name: "Perl",
        symbols: &["Perl_", "PL_", "PerlIO", "perl_"],
        libraries: &["libperl.so*"],
        paths: &["*/perl*/auto/*", "*/auto/*/*.so"],
        programs: &["bin/perl", "bin/perl5.#"],
        embedded: &["libperl.so.#"],
        ..NONE
    },
    Kind {
        name: "Node.js",
        symbols: &["napi_", "node_", "uv_", "_ZN2v8", "_ZNK2v8", "_ZTVN2v8", "_ZN4node", "_ZNK4node"],
        entries: &["napi_register_module_v1"],
        libraries: &["libnode.so*"],
        paths: &["*.node"],
        programs: &["bin/node", "bin/nodejs"],
        embedded: &["libnode.so.#"],
        ..NONE
    },
    Kind {
        name: "Bare",
        symbols: &["js_", "bare_", "uv_"],
        paths: &["*.bare"],
        programs: &["bin/bare"],
        ..NONE
    },
    Kind {
        name: "Ruby",
        symbols: &["rb_", "ruby_"],
        entries: &["Init_@"],
        libraries: &["libruby*"],
        paths: &["*/ruby/*.so", "*/gems/*.so"],
        programs: &["bin/ruby#", "bin/ruby"],
        embedded: &["libruby*.so.#"],
        ..NONE
    },
    Kind {
        name: "R",
        symbols: &[
            "R_",
            "Rf_",
            "Rprintf",
            "REprintf",
            "Rvprintf",
            "REvprintf",
            "INTEGER",
            "LOGICAL",
            "REAL",
            "COMPLEX",
            "RAW",
            "STRING_",
            "SET_",
            "SETCAR",
            "SETCDR",
            "VECTOR_",
            "ATTRIB",
            "CAR",
            "CDR",
            "CADR",
            "PRINTNAME",
            "LENGTH",
            "XLENGTH",
            "TYPEOF",
            "unif_rand",
            "norm_rand",
            "exp_rand",
            "GetRNGstate",
            "PutRNGstate",
            "vmax",
        ],
        entries: &["R_init_@"],
        libraries: &["libR.so", "libRblas.so", "libRlapack.so"],
        paths: &["*/R/*/libs/*.so", "*/site-library/*/libs/*.so"],
        programs: &["lib/R/bin/exec/R", "lib64/R/bin/exec/R", "bin/exec/R"],
        embedded: &["libR.so", "lib/R/lib/libR.so", "lib64/R/lib/libR.so"],
        ..NONE
    },
    Kind {
        name: "Lua",
        symbols: &["lua_", "luaL_", "luaopen_"],
        entries: &["luaopen_@"],
        libraries: &["liblua*"],
        paths: &["*/lua/5.*", "*/liblua5*"],
        programs: &["bin/lua5.#", "bin/luajit", "bin/luajit-#", "bin/lua"],
        embedded: &["liblua5.#.so.#", "liblua.so.#", "libluajit-5.#.so.#"],
        versions: &[("/lua/5.", "5."), ("lua5.", "5.")],
        ..NONE
    },
    Kind {
        name: "PHP",
        symbols: &[
            "zend_",
            "_zend_",
            "php_",
            "_php_",
            "sapi_",
            "spl_",
            "OnUpdate",
            "add_assoc_",
            "add_index_",
            "add_next_",
            "array_",
            "object_",
            "_object_",
            "convert_to_",
            "smart_str_",
            "tsrm_",
            "ts_resource",
            "_emalloc",
            "_efree",
            "_ecalloc",
            "_erealloc",
            "_estrdup",
            "_estrndup",
            "_safe_",
            "executor_globals",
            "compiler_globals",
            "core_globals",
            "basic_globals",
            "file_globals",
            "std_object_handlers",
            "display_ini_entries",
            "empty_fcall_info",
            "instanceof_function",
            "gc_",
            "rc_dtor_func",
            "get_zend",
            "ap_php_",
            "virtual_",
        ],
        entries: &["get_module"],
        libraries: &["libphp*"],
        paths: &["*/php/2*/*.so", "*/php*/modules/*.so", "*/no-debug-*zts-*/*.so"],
        programs: &["bin/php#", "bin/php", "sbin/php-fpm#", "sbin/php-fpm"],
        embedded: &["libphp#.so", "libphp.so"],
        global: true,
        ..NONE
    },
    Kind {
        name: "Apache",
        symbols: &["ap_", "apr_"],
        paths: &["*/apache2/modules/*", "*/httpd/modules/*"],
        programs: &["sbin/apache2", "sbin/httpd", "bin/httpd"],
        global: true,
        ..NONE
    },
    Kind {
        name: "nginx",
        symbols: &["ngx_"],
        entries: &["ngx_modules"],
        paths: &["*/nginx/modules/*"],
        programs: &["sbin/nginx", "bin/nginx"],
        global: true,
        ..NONE
    },
    Kind {
        name: "PostgreSQL",
        symbols: &[
            "SPI_",
            "palloc",
            "pfree",
            "repalloc",
            "MemoryContext",
            "CurrentMemoryContext",
            "TopMemoryContext",
            "pg_",
            "Pg",
            "errstart",
            "errfinish",
            "errmsg",
            "errcode",
            "errdetail",
            "errhint",
            "elog_",
            "heap_",
            "Exec",
            "Datum",
            "DirectFunctionCall",
            "OidFunctionCall",
            "FunctionCall",
            "text_to_cstring",
            "cstring_to_text",
            "GetUserId",
            "DefineCustom",
            "InterruptPending",
            "ProcessInterrupts",
            "slot_",
            "relation_",
            "table_",
            "SysCache",
            "SearchSysCache",
            "ReleaseSysCache",
            "construct_",
            "deconstruct_",
            "get_",
            "list_",
            "lappend",
            "initStringInfo",
            "appendStringInfo",
            "appendBinaryStringInfo",
            "DecrTupleDescRefCount",
        ],
        entries: &["Pg_magic_func"],
        paths: &["*/postgresql/*/lib/*", "*/lib/postgresql/*", "*/pgsql*/lib/*"],
        programs: &["bin/postgres", "lib/postgresql/#/bin/postgres"],
        global: true,
        ..NONE
    },
    Kind {
        name: "Java",
        symbols: &["JVM_", "JNI_", "jio_"],
        entries: &["JNI_OnLoad"],
        libraries: &[
            "libjvm.so",
            "libjava.so",
            "libverify.so",
            "libjli.so",
            "libawt*.so",
            "libmawt.so",
            "libjawt.so",
            "libnet.so",
            "libnio.so",
            "libfontmanager.so",
        ],
        paths: &["*/jvm/*", "*/jni/*", "*/jre/lib/*", "*/jdk*/lib/*"],
        programs: &["bin/java", "lib/jvm/*/bin/java"],
        opens: &["../lib/server/libjvm.so", "../lib/*/server/libjvm.so", "../jre/lib/*/server/libjvm.so"],
        embedded: &["libjvm.so", "lib/server/libjvm.so", "lib/jvm/*/lib/server/libjvm.so"],
        ..NONE
    },
    Kind {
        name: "Tcl/Tk",
        symbols: &["Tcl_", "Tk_", "TclInt", "tclStubs", "tkStubs"],
        libraries: &["libtcl*", "libtk*"],
        paths: &["*/tcl8*", "*/tk8*", "*/tcltk/*"],
        programs: &["bin/tclsh8.#", "bin/wish8.#", "bin/tclsh", "bin/wish"],
        embedded: &["libtcl8.#.so*", "libtk8.#.so*"],
        ..NONE
    },
    Kind {
        name: "GCC",
        symbols: &["_Z8plugin", "plugin_default_version_check", "register_callback", "g_line_table"],
        entries: &["plugin_is_GPL_compatible"],
        paths: &["*/gcc*/*/plugin/*"],
        programs: &["cc1plus", "cc1", "lto1", "lib/gcc/*/#/cc1plus", "lib/gcc/*/#/cc1"],
        distinct: true,
        ..NONE
    },
    Kind {
        name: "Erlang",
        symbols: &["enif_", "driver_", "erl_drv_", "erts_", "ei_"],
        entries: &["nif_init", "driver_init"],
        paths: &["*/erlang/*/priv/*"],
        programs: &[
            "erts-#/bin/beam.smp",
            "lib/erlang/erts-#/bin/beam.smp",
            "lib64/erlang/erts-#/bin/beam.smp",
        ],
        ..NONE
    },
    Kind {
        name: "OCaml",
        symbols: &["caml_", "Caml_"],
        paths: &["*/ocaml/*"],
        programs: &["bin/ocamlrun", "bin/ocamlrund"],
        embedded: &["libcamlrun_shared.so", "lib/ocaml/libcamlrun_shared.so"],
        ..NONE
    },
    Kind {
        name: "GIMP",
        symbols: &["gimp_", "gegl_"],
        paths: &["*/gimp/*"],
        programs: &["bin/gimp-#", "bin/gimp"],
        ..NONE
    },
    Kind {
        name: "MariaDB/MySQL",
        symbols: &[
            "my_",
            "mysql_",
            "type_handler_",
            "wsrep_",
            "_ZN3THD",
            "_ZN4Item",
            "_ZTI7handler",
            "plugin_",
        ],
        entries: &["_maria_plugin_declarations_", "_mysql_plugin_declarations_"],
        paths: &["*/mysql/plugin/*", "*/mysql/*/plugin/*", "*/mariadb/plugin/*"],
        programs: &["sbin/mariadbd", "sbin/mysqld", "libexec/mysqld", "bin/mariadbd", "bin/mysqld"],
        ..NONE
    },
    Kind {
        name: "rsyslog",
        symbols: &["r_dbg", "dbgprintf", "runConf", "loadConf"],
        entries: &["modInit"],
        paths: &["*/rsyslog/*"],
        programs: &["sbin/rsyslogd"],
        ..NONE
    },
    Kind {
        name: "Open MPI",
        symbols: &["opal_", "ompi_", "orte_", "mca_", "MPI_", "PMPI_", "mpi_"],
        libraries: &["libmpi.so*", "libopen-pal.so*", "libopen-rte.so*"],
        paths: &["*/openmpi/*", "*/libmca_common_*"],
        embedded: &["libmpi.so.#"],
        ..NONE
    },
    Kind {
        name: "Samba",
        paths: &["*/samba/*"],
        programs: &["sbin/smbd", "sbin/winbindd", "sbin/samba"],
        ..NONE
    },
    Kind {
        name: "debugger",
        symbols: &["ps_p", "ps_l", "ps_get"],
        entries: &["td_ta_new"],
        programs: &["bin/gdb"],
        ..NONE
    },
    Kind {
        name: "trace reader",
        symbols: &["tep_", "trace_seq_", "kbuffer_", "tracecmd_"],
        entries: &["tep_plugin_loader"],
        paths: &["*/traceevent/plugins/*"],
        programs: &["bin/trace-cmd"],
        embedded: &["libtraceevent.so.#"],
        ..NONE
    },
    Kind {
        name: "X server",
        symbols: &["xf86"],
        paths: &["*/xorg/modules/*"],
        programs: &["lib/xorg/Xorg", "libexec/Xorg", "bin/Xorg"],
        global: true,
        ..NONE
    },
    Kind {
        name: "iptables",
        symbols: &["xtables_"],
        paths: &["*/xtables/*"],
        programs: &["sbin/xtables-nft-multi", "sbin/xtables-legacy-multi", "sbin/iptables"],
        embedded: &["libxtables.so.#"],
        ..NONE
    },
    Kind {
        name: "VLC",
        symbols: &["vlc_", "libvlc_"],
        paths: &["*/vlc/plugins/*"],
        programs: &["bin/vlc"],
        embedded: &["libvlc.so.#"],
        ..NONE
    },
];

impl Kind {
    /// Whether its interface has a symbol of that name, as far as names tell.
    pub fn has_symbol(&self, name: &[u8]) -> bool {
        self.symbols.iter().any(|s| name.starts_with(s.as_bytes()))
    }

    /// Whether a library of that name is in its process.
    pub fn has_library(&self, name: &[u8]) -> bool {
        self.libraries.iter().any(|p| matches(p.as_bytes(), name))
    }

    /// Whether its plugins lie in such a place.
    pub fn has_place(&self, path: &[u8]) -> bool {
        self.paths.iter().any(|p| matches(p.as_bytes(), path))
    }

    /// The version a path is for, if it says one.
    pub fn version(&self, path: &[u8]) -> Option<Vec<u8>> {
        self.versions.iter().find_map(|(mark, head)| {
            let at = path.windows(mark.len()).rposition(|w| w == mark.as_bytes())? + mark.len();
            let digits: Vec<u8> = path.get(at..)?.iter().copied().take_while(u8::is_ascii_digit).collect();
            (!digits.is_empty()).then(|| [head.as_bytes(), &digits].concat())
        })
    }
}

/// Whether a program's file name is for `version`, or says no version at all.
pub fn fits_version(name: &[u8], version: &[u8]) -> bool {
    let numbers: Vec<&[u8]> = name
        .split(|b| !b.is_ascii_digit() && *b != b'.')
        .map(|n| n.strip_prefix(b".").unwrap_or(n))
        .filter(|n| n.contains(&b'.'))
        .collect();
    numbers.is_empty()
        || numbers.iter().any(|n| {
            n.strip_prefix(version).is_some_and(|rest| !rest.first().is_some_and(u8::is_ascii_digit))
        })
}

/// `*` stands for any bytes, `#` for one or more digits and dots. Takes no more than quadratic time.
pub fn matches(pattern: &[u8], text: &[u8]) -> bool {
    let (mut p, mut t) = (0, 0);
    // Where to go on if what follows fails: the wildcard, and the text it has swallowed so far.
    let mut choices: Vec<(usize, usize)> = Vec::new();
    loop {
        let goes_on = match (pattern.get(p), text.get(t)) {
            (None, None) => return true,
            (Some(b'*'), _) => {
                // A later star can swallow whatever an earlier choice could.
                choices.clear();
                choices.push((p, t));
                p += 1;
                true
            }
            (Some(b'#'), Some(b)) if is_number(*b) => {
                choices.push((p, t + 1));
                p += 1;
                t += 1;
                true
            }
            (Some(a), Some(b)) if a == b && *a != b'#' => {
                p += 1;
                t += 1;
                true
            }
            _ => false,
        };
        if goes_on {
            continue;
        }
        loop {
            let Some((at, swallowed)) = choices.pop() else { return false };
            let Some(next) = text.get(swallowed) else { continue };
            if pattern.get(at) == Some(&b'*') || is_number(*next) {
                choices.push((at, swallowed + 1));
                (p, t) = (at + 1, swallowed + 1);
                break;
            }
        }
    }
}

fn is_number(byte: u8) -> bool {
    byte.is_ascii_digit() || byte == b'.'
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(name: &str) -> &'static Kind {
        KINDS.iter().find(|k| k.name == name).unwrap()
    }

    #[test]
    fn patterns() {
        for (pattern, text, expected) in [
            ("python3.#", "python3.11", true),
            ("python3.#", "python3.11-config", false),
            ("python3.#", "python3.", false),
            ("lib*.so.#", "libperl.so.5.36.0", true),
            ("liblua5.#.so.#", "liblua5.2-c++.so.0", false),
            ("*/auto/*/*.so", "/x/auto/a/b/c.so", true),
            ("*", "", true),
        ] {
            assert_eq!(matches(pattern.as_bytes(), text.as_bytes()), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn versions_in_paths() {
        let python = kind("Python");
        assert_eq!(python.version(b"/a/python3/x.cpython-311-x86_64-linux-gnu.so"), Some(b"3.11".to_vec()));
        assert_eq!(python.version(b"/a/lib/python3.9/site-packages/x.abi3.so"), Some(b"3.9".to_vec()));
        assert_eq!(python.version(b"/a/lib/python3/dist-packages/x.abi3.so"), None);
        assert_eq!(kind("Lua").version(b"/l/liblua5.1-bit32.so.0.0.0"), Some(b"5.1".to_vec()));
        for (name, version, expected) in [
            ("python3.11", "3.11", true),
            ("python3.1", "3.11", false),
            ("python3.11", "3.1", false),
            ("python3", "3.11", true),
            ("libpython3.11.so.1.0", "3.11", true),
            ("liblua5.2.so.0", "5.1", false),
            ("luajit", "5.1", true),
        ] {
            assert_eq!(fits_version(name.as_bytes(), version.as_bytes()), expected, "{name} {version}");
        }
    }

    #[test]
    fn families() {
        assert!(kind("Python").has_symbol(b"_PyObject_New") && !kind("Python").has_symbol(b"pypy"));
        assert!(kind("Java").has_library(b"libjvm.so") && !kind("Java").has_library(b"libjvm.so.1"));
        assert!(kind("PHP").has_place(b"/usr/lib/php/20220829/gd.so"));
        let mut names: Vec<_> = KINDS.iter().map(|k| k.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), KINDS.len());
    }
}
