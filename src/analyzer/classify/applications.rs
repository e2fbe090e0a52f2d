//! Servers and applications whose modules are known.
//! It must never name a single module; see `hosts.rs` for what a row says.
//! Each row follows the program's manual on writing modules: symbol prefix, entry point, directory.

use super::hosts::{Kind, NONE};

/// The rows.
pub static APPLICATIONS: &[Kind] = &[
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
