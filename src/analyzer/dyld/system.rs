//! The libraries of the system that live in the shared cache, as far as they are known without a Mac.
//! It must never claim that an unknown library is absent: a path the cache may hold is "assumed", and the report says so.
//! Paths as in dyld common/DyldSharedCache.cpp (isSharedCacheEligiblePath); the list holds names public SDKs link against.

use crate::analyzer::image::macho::platform::Version;

/// Whether a path of the system is there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Presence {
    /// Every macOS of that version has it.
    Known,
    /// It may be in the cache: the path is eligible, the name is not listed.
    Assumed,
    /// It was taken out, or is not there yet.
    Gone,
    /// No such path is in the cache.
    Never,
}

/// One library: path, the first macOS that has it, the first that has it no more.
struct Row(&'static str, (u16, u8), Option<(u16, u8)>);

const EVER: (u16, u8) = (10, 5);

/// Libraries of `/usr/lib`, below that directory.
const USR_LIB: &[Row] = &[
    Row("libSystem.B.dylib", EVER, None),
    Row("libSystem.dylib", EVER, None),
    Row("libc.dylib", EVER, None),
    Row("libm.dylib", EVER, None),
    Row("libdl.dylib", EVER, None),
    Row("libpthread.dylib", EVER, None),
    Row("libc++.1.dylib", (10, 7), None),
    Row("libc++.dylib", (10, 7), None),
    Row("libc++abi.dylib", (10, 7), None),
    Row("libobjc.A.dylib", EVER, None),
    Row("libobjc.dylib", EVER, None),
    Row("libz.1.dylib", EVER, None),
    Row("libz.dylib", EVER, None),
    Row("libbz2.1.0.dylib", EVER, None),
    Row("libbz2.dylib", EVER, None),
    Row("liblzma.5.dylib", (10, 10), None),
    Row("libiconv.2.dylib", EVER, None),
    Row("libiconv.dylib", EVER, None),
    Row("libcharset.1.dylib", (10, 9), None),
    Row("libresolv.9.dylib", EVER, None),
    Row("libresolv.dylib", EVER, None),
    Row("libsqlite3.dylib", EVER, None),
    Row("libsqlite3.0.dylib", EVER, None),
    Row("libxml2.2.dylib", EVER, None),
    Row("libxml2.dylib", EVER, None),
    Row("libxslt.1.dylib", EVER, None),
    Row("libexslt.0.dylib", EVER, None),
    Row("libcurl.4.dylib", EVER, None),
    Row("libcurl.dylib", EVER, None),
    Row("libexpat.1.dylib", EVER, None),
    Row("libedit.3.dylib", (10, 7), None),
    Row("libedit.2.dylib", EVER, None),
    Row("libedit.dylib", EVER, None),
    Row("libncurses.5.4.dylib", EVER, None),
    Row("libncurses.dylib", EVER, None),
    Row("libpanel.5.4.dylib", EVER, None),
    Row("libform.5.4.dylib", EVER, None),
    Row("libmenu.5.4.dylib", EVER, None),
    Row("libffi.dylib", EVER, None),
    Row("libcompression.dylib", (10, 11), None),
    Row("libarchive.2.dylib", EVER, None),
    Row("libbsm.0.dylib", EVER, None),
    Row("libpam.2.dylib", EVER, None),
    Row("libsasl2.2.dylib", EVER, None),
    Row("libpcap.A.dylib", EVER, None),
    Row("libproc.dylib", EVER, None),
    Row("libutil.dylib", EVER, None),
    Row("libsandbox.1.dylib", EVER, None),
    Row("libicucore.A.dylib", EVER, None),
    Row("libgssapi_krb5.dylib", EVER, None),
    Row("libgssapi_krb5.2.2.dylib", EVER, None),
    Row("libkrb5.dylib", EVER, None),
    Row("libcom_err.dylib", EVER, None),
    Row("libk5crypto.dylib", EVER, None),
    Row("libldap.dylib", EVER, None),
    Row("libldap_r.dylib", EVER, None),
    Row("liblber.dylib", EVER, None),
    Row("libcups.2.dylib", EVER, None),
    Row("libstdc++.6.dylib", EVER, None),
    Row("libgcc_s.1.dylib", EVER, None),
    Row("libauto.dylib", (10, 7), None),
    Row("libnetwork.dylib", (10, 10), None),
    Row("libtidy.A.dylib", EVER, None),
    Row("libhunspell-1.2.0.dylib", (10, 6), None),
    Row("libDiagnosticMessagesClient.dylib", (10, 8), None),
    Row("libOpenScriptingUtil.dylib", (10, 8), None),
    Row("libenergytrace.dylib", (10, 10), None),
    Row("libMobileGestalt.dylib", (10, 11), None),
    Row("libCoreStorage.dylib", (10, 7), None),
    Row("libcoretls.dylib", (10, 11), None),
    Row("libEndpointSecurity.dylib", (10, 15), None),
    Row("libAccountPolicyTranslation.dylib", (10, 9), None),
    Row("libodfde.dylib", (10, 8), None),
    Row("swift/libswiftCore.dylib", (10, 14), None),
];

/// One framework: name, version letter, the first macOS that has it, the first that has it no more.
type Framework = (&'static str, &'static str, (u16, u8), Option<(u16, u8)>);

/// Public frameworks of `/System/Library/Frameworks`.
const FRAMEWORKS: &[Framework] = &[
    ("AVFoundation", "A", (10, 7), None),
    ("AVFAudio", "A", (11, 0), None),
    ("AVKit", "A", (10, 9), None),
    ("Accelerate", "A", EVER, None),
    ("Accounts", "A", (10, 8), None),
    ("AddressBook", "A", EVER, None),
    ("AppKit", "C", EVER, None),
    ("AppleScriptKit", "A", EVER, None),
    ("AppleScriptObjC", "A", (10, 6), None),
    ("ApplicationServices", "A", EVER, None),
    ("AudioToolbox", "A", EVER, None),
    ("AudioUnit", "A", EVER, None),
    ("AuthenticationServices", "A", (10, 15), None),
    ("Automator", "A", EVER, None),
    ("BackgroundTasks", "A", (13, 0), None),
    ("CFNetwork", "A", EVER, None),
    ("CalendarStore", "A", EVER, None),
    ("CallKit", "A", (10, 15), None),
    ("Carbon", "A", EVER, None),
    ("CloudKit", "A", (10, 10), None),
    ("Cocoa", "A", EVER, None),
    ("Collaboration", "A", EVER, None),
    ("ColorSync", "A", (10, 13), None),
    ("Combine", "A", (10, 15), None),
    ("Contacts", "A", (10, 11), None),
    ("ContactsUI", "A", (10, 11), None),
    ("CoreAudio", "A", EVER, None),
    ("CoreAudioKit", "A", EVER, None),
    ("CoreBluetooth", "A", (10, 7), None),
    ("CoreData", "A", EVER, None),
    ("CoreDisplay", "A", (10, 12), None),
    ("CoreFoundation", "A", EVER, None),
    ("CoreGraphics", "A", (10, 8), None),
    ("CoreHaptics", "A", (10, 15), None),
    ("CoreImage", "A", (10, 11), None),
    ("CoreLocation", "A", (10, 6), None),
    ("CoreMIDI", "A", EVER, None),
    ("CoreML", "A", (10, 13), None),
    ("CoreMedia", "A", (10, 7), None),
    ("CoreMediaIO", "A", (10, 7), None),
    ("CoreServices", "A", EVER, None),
    ("CoreSpotlight", "A", (10, 13), None),
    ("CoreTelephony", "A", (10, 10), None),
    ("CoreText", "A", (10, 8), None),
    ("CoreVideo", "A", EVER, None),
    ("CoreWLAN", "A", (10, 6), None),
    ("CryptoKit", "A", (10, 15), None),
    ("CryptoTokenKit", "A", (10, 10), None),
    ("DVDPlayback", "A", EVER, None),
    ("DeviceCheck", "A", (10, 15), None),
    ("DirectoryService", "A", EVER, None),
    ("DiscRecording", "A", EVER, None),
    ("DiskArbitration", "A", EVER, None),
    ("EventKit", "A", (10, 8), None),
    ("ExceptionHandling", "A", EVER, None),
    ("ExternalAccessory", "A", (10, 13), None),
    ("FinderSync", "A", (10, 10), None),
    ("ForceFeedback", "A", EVER, None),
    ("Foundation", "C", EVER, None),
    ("GLKit", "A", (10, 8), None),
    ("GLUT", "A", EVER, None),
    ("GSS", "A", (10, 7), None),
    ("GameController", "A", (10, 9), None),
    ("GameKit", "A", (10, 8), None),
    ("GameplayKit", "A", (10, 11), None),
    ("Hypervisor", "A", (10, 10), None),
    ("ICADevices", "A", EVER, None),
    ("IMServicePlugIn", "A", (10, 7), None),
    ("IOBluetooth", "A", EVER, None),
    ("IOKit", "A", EVER, None),
    ("IOSurface", "A", (10, 6), None),
    ("ImageCaptureCore", "A", (10, 6), None),
    ("ImageIO", "A", (10, 8), None),
    ("InputMethodKit", "A", EVER, None),
    ("Intents", "A", (10, 12), None),
    ("JavaNativeFoundation", "A", (10, 9), None),
    ("JavaScriptCore", "A", EVER, None),
    ("JavaVM", "A", EVER, None),
    ("Kerberos", "A", EVER, None),
    ("LDAP", "A", EVER, None),
    ("LatentSemanticMapping", "A", EVER, None),
    ("LocalAuthentication", "A", (10, 10), None),
    ("MapKit", "A", (10, 9), None),
    ("MediaAccessibility", "A", (10, 9), None),
    ("MediaPlayer", "A", (10, 12), None),
    ("MediaToolbox", "A", (10, 9), None),
    ("Metal", "A", (10, 11), None),
    ("MetalFX", "A", (13, 0), None),
    ("MetalKit", "A", (10, 11), None),
    ("MetalPerformanceShaders", "A", (10, 13), None),
    ("MetalPerformanceShadersGraph", "A", (11, 0), None),
    ("MetricKit", "A", (12, 0), None),
    ("ModelIO", "A", (10, 11), None),
    ("MultipeerConnectivity", "A", (10, 10), None),
    ("NaturalLanguage", "A", (10, 14), None),
    ("NetFS", "A", (10, 6), None),
    ("Network", "A", (10, 14), None),
    ("NetworkExtension", "A", (10, 10), None),
    ("OSAKit", "A", EVER, None),
    ("OSLog", "A", (10, 15), None),
    ("OpenAL", "A", EVER, None),
    ("OpenCL", "A", (10, 6), None),
    ("OpenDirectory", "A", (10, 6), None),
    ("OpenGL", "A", EVER, None),
    ("PCSC", "A", EVER, None),
    ("PDFKit", "A", (10, 11), None),
    ("PassKit", "A", (11, 0), None),
    ("Photos", "A", (10, 11), None),
    ("PreferencePanes", "A", EVER, None),
    ("PushKit", "A", (10, 15), None),
    ("Python", "2.7", EVER, Some((12, 3))),
    ("QTKit", "A", EVER, Some((10, 15))),
    ("Quartz", "A", EVER, None),
    ("QuartzCore", "A", EVER, None),
    ("QuickLook", "A", EVER, None),
    ("QuickTime", "A", EVER, Some((10, 15))),
    ("ReplayKit", "A", (11, 0), None),
    ("Ruby", "2.6", EVER, None),
    ("SafariServices", "A", (10, 12), None),
    ("SceneKit", "A", (10, 8), None),
    ("ScreenCaptureKit", "A", (12, 3), None),
    ("ScreenSaver", "A", EVER, None),
    ("ScriptingBridge", "A", EVER, None),
    ("Security", "A", EVER, None),
    ("SecurityFoundation", "A", EVER, None),
    ("SecurityInterface", "A", EVER, None),
    ("ServiceManagement", "A", (10, 6), None),
    ("Social", "A", (10, 8), None),
    ("SoundAnalysis", "A", (10, 15), None),
    ("Speech", "A", (10, 15), None),
    ("SpriteKit", "A", (10, 9), None),
    ("StoreKit", "A", (10, 7), None),
    ("SwiftUI", "A", (10, 15), None),
    ("SyncServices", "A", EVER, Some((10, 15))),
    ("System", "B", EVER, None),
    ("SystemConfiguration", "A", EVER, None),
    ("SystemExtensions", "A", (10, 15), None),
    ("TWAIN", "A", EVER, None),
    ("Tcl", "8.5", EVER, None),
    ("Tk", "8.5", EVER, None),
    ("UniformTypeIdentifiers", "A", (11, 0), None),
    ("UserNotifications", "A", (10, 14), None),
    ("VideoToolbox", "A", (10, 8), None),
    ("Virtualization", "A", (11, 0), None),
    ("Vision", "A", (10, 13), None),
    ("WebKit", "A", EVER, None),
    ("vecLib", "A", EVER, None),
    ("vmnet", "A", (10, 10), None),
];

/// Where the cache's libraries have their paths.
const ELIGIBLE: &[&str] = &[
    "/usr/lib/",
    "/System/Library/",
    "/System/iOSSupport/usr/lib/",
    "/System/iOSSupport/System/Library/",
    "/Library/Apple/usr/lib/",
    "/Library/Apple/System/Library/",
    "/System/DriverKit/",
];

/// `mightBeInSharedCache`: the paths of which a message says that they are not in the cache.
pub fn might_be_in_cache(path: &[u8]) -> bool {
    let shown = |p: &&&str| !p.starts_with("/Library/Apple/");
    ELIGIBLE.iter().filter(shown).any(|prefix| path.starts_with(prefix.as_bytes()))
}

/// Whether macOS `macos` has a library at `path` in its cache.
pub fn presence(path: &[u8], macos: Version) -> Presence {
    let between = |since: (u16, u8), until: Option<(u16, u8)>| {
        let at = |v: (u16, u8)| Version::new(v.0, v.1);
        if macos >= at(since) && until.is_none_or(|gone| macos < at(gone)) {
            Presence::Known
        } else {
            Presence::Gone
        }
    };
    if let Some(leaf) = path.strip_prefix(b"/usr/lib/")
        && let Some(Row(_, since, until)) = USR_LIB.iter().find(|row| row.0.as_bytes() == leaf)
    {
        return between(*since, *until);
    }
    if path.starts_with(b"/usr/lib/system/libsystem_") && path.ends_with(b".dylib") {
        return Presence::Assumed;
    }
    if let Some(rest) = path.strip_prefix(b"/System/Library/Frameworks/")
        && let Some((_, _, since, until)) = FRAMEWORKS.iter().find(|f| is_framework(rest, f.0, f.1))
    {
        return between(*since, *until);
    }
    if ELIGIBLE.iter().any(|prefix| path.starts_with(prefix.as_bytes())) {
        Presence::Assumed
    } else {
        Presence::Never
    }
}

/// `Foo.framework/Foo` and `Foo.framework/Versions/A/Foo` are one library.
fn is_framework(rest: &[u8], name: &str, letter: &str) -> bool {
    let short = format!("{name}.framework/{name}");
    let long = format!("{name}.framework/Versions/{letter}/{name}");
    rest == short.as_bytes() || rest == long.as_bytes()
}

/// The name under which the cache knows a library: aliases and short framework paths lead to it.
pub fn canonical(path: &[u8]) -> Vec<u8> {
    let aliases: &[(&[u8], &[u8])] = &[
        (b"/usr/lib/libSystem.dylib", b"/usr/lib/libSystem.B.dylib"),
        (b"/usr/lib/libc.dylib", b"/usr/lib/libSystem.B.dylib"),
        (b"/usr/lib/libm.dylib", b"/usr/lib/libSystem.B.dylib"),
        (b"/usr/lib/libdl.dylib", b"/usr/lib/libSystem.B.dylib"),
        (b"/usr/lib/libpthread.dylib", b"/usr/lib/libSystem.B.dylib"),
        (b"/usr/lib/libc++.dylib", b"/usr/lib/libc++.1.dylib"),
        (b"/usr/lib/libobjc.dylib", b"/usr/lib/libobjc.A.dylib"),
        (b"/usr/lib/libz.dylib", b"/usr/lib/libz.1.dylib"),
        (b"/usr/lib/libbz2.dylib", b"/usr/lib/libbz2.1.0.dylib"),
        (b"/usr/lib/libiconv.dylib", b"/usr/lib/libiconv.2.dylib"),
        (b"/usr/lib/libresolv.dylib", b"/usr/lib/libresolv.9.dylib"),
        (b"/usr/lib/libxml2.dylib", b"/usr/lib/libxml2.2.dylib"),
        (b"/usr/lib/libcurl.dylib", b"/usr/lib/libcurl.4.dylib"),
        (b"/usr/lib/libedit.dylib", b"/usr/lib/libedit.3.dylib"),
        (b"/usr/lib/libncurses.dylib", b"/usr/lib/libncurses.5.4.dylib"),
    ];
    if let Some((_, to)) = aliases.iter().find(|(from, _)| *from == path) {
        return to.to_vec();
    }
    let frameworks = b"/System/Library/Frameworks/";
    if let Some(rest) = path.strip_prefix(frameworks)
        && let Some((name, letter, ..)) = FRAMEWORKS.iter().find(|f| is_framework(rest, f.0, f.1))
    {
        return [frameworks, format!("{name}.framework/Versions/{letter}/{name}").as_bytes()].concat();
    }
    path.to_vec()
}

/// Names that images look up everywhere and that only the system defines: since which macOS, and where. It is short, because
/// references to a library by its number need no list.
const KNOWN_EXPORTS: &[(&str, (u16, u8), &[&str])] = &[
    (
        "/usr/lib/libSystem.B.dylib",
        (10, 7),
        &[
            "dyld_stub_binder",
            "___stack_chk_guard",
            "___stack_chk_fail",
            "__tlv_bootstrap",
            "__tlv_atexit",
            "___memcpy_chk",
            "___memmove_chk",
            "___memset_chk",
            "___strcpy_chk",
            "___strcat_chk",
            "___strncpy_chk",
            "___snprintf_chk",
            "___sprintf_chk",
            "___vsnprintf_chk",
            "___error",
            "___toupper",
            "___tolower",
            "___maskrune",
            "__DefaultRuneLocale",
            "___stdinp",
            "___stdoutp",
            "___stderrp",
            "___cxa_atexit",
            "___assert_rtn",
            "_abort",
            "_atexit",
            "_atof",
            "_atoi",
            "_atol",
            "_bsearch",
            "_bzero",
            "_calloc",
            "_clock",
            "_close",
            "_ctime",
            "_exit",
            "_fclose",
            "_feof",
            "_ferror",
            "_fflush",
            "_fgetc",
            "_fgets",
            "_fopen",
            "_fprintf",
            "_fputc",
            "_fputs",
            "_fread",
            "_free",
            "_fseek",
            "_ftell",
            "_fwrite",
            "_getc",
            "_getenv",
            "_gmtime",
            "_isalnum",
            "_isalpha",
            "_isdigit",
            "_isspace",
            "_localtime",
            "_longjmp",
            "_malloc",
            "_memchr",
            "_memcmp",
            "_memcpy",
            "_memmove",
            "_memset",
            "_mktime",
            "_open",
            "_perror",
            "_printf",
            "_putc",
            "_putchar",
            "_puts",
            "_qsort",
            "_rand",
            "_read",
            "_realloc",
            "_remove",
            "_rename",
            "_rewind",
            "_setjmp",
            "_setlocale",
            "_signal",
            "_snprintf",
            "_sprintf",
            "_srand",
            "_sscanf",
            "_strcasecmp",
            "_strcat",
            "_strchr",
            "_strcmp",
            "_strcpy",
            "_strcspn",
            "_strdup",
            "_strerror",
            "_strftime",
            "_strlen",
            "_strncasecmp",
            "_strncat",
            "_strncmp",
            "_strncpy",
            "_strpbrk",
            "_strrchr",
            "_strspn",
            "_strstr",
            "_strtod",
            "_strtok",
            "_strtol",
            "_strtoul",
            "_time",
            "_tolower",
            "_toupper",
            "_ungetc",
            "_unlink",
            "_vfprintf",
            "_vprintf",
            "_vsnprintf",
            "_vsprintf",
            "_write",
            "_acos",
            "_asin",
            "_atan",
            "_atan2",
            "_ceil",
            "_cos",
            "_cosh",
            "_exp",
            "_fabs",
            "_floor",
            "_fmod",
            "_frexp",
            "_ldexp",
            "_log",
            "_log10",
            "_modf",
            "_pow",
            "_sin",
            "_sinh",
            "_sqrt",
            "_tan",
            "_tanh",
            "_pthread_create",
            "_pthread_join",
            "_pthread_mutex_lock",
            "_pthread_mutex_unlock",
            "_pthread_once",
            "_pthread_getspecific",
            "_pthread_setspecific",
        ],
    ),
    ("/usr/lib/libSystem.B.dylib", (10, 9), &["_memset_s"]),
    ("/usr/lib/libSystem.B.dylib", (10, 15), &["___chkstk_darwin", "____chkstk_darwin"]),
    ("/usr/lib/libobjc.A.dylib", (10, 5), &["_objc_msgSend", "_objc_getClass", "_sel_registerName"]),
    (
        "/usr/lib/libc++.1.dylib",
        (10, 7),
        &[
            "__Znwm",
            "__Znam",
            "__ZdlPv",
            "__ZdaPv",
            "__ZnwmRKSt9nothrow_t",
            "__ZnamRKSt9nothrow_t",
            "__ZdlPvRKSt9nothrow_t",
            "__ZdaPvRKSt9nothrow_t",
            "___gxx_personality_v0",
            "___cxa_throw",
        ],
    ),
    ("/usr/lib/libc++.1.dylib", (10, 11), &["__ZdlPvm", "__ZdaPvm"]),
    (
        "/usr/lib/libc++.1.dylib",
        (10, 14),
        &[
            "__ZnwmSt11align_val_t",
            "__ZnamSt11align_val_t",
            "__ZdlPvSt11align_val_t",
            "__ZdaPvSt11align_val_t",
            "__ZdlPvmSt11align_val_t",
            "__ZdaPvmSt11align_val_t",
            "__ZnwmSt11align_val_tRKSt9nothrow_t",
            "__ZnamSt11align_val_tRKSt9nothrow_t",
            "__ZdlPvSt11align_val_tRKSt9nothrow_t",
            "__ZdaPvSt11align_val_tRKSt9nothrow_t",
        ],
    ),
];

/// The types whose type information the C++ runtime defines: the standard exceptions, and the fundamental types.
const KNOWN_TYPES: &[&str] = &[
    "St9exception",
    "St9bad_alloc",
    "St8bad_cast",
    "St10bad_typeid",
    "St13bad_exception",
    "St20bad_array_new_length",
    "St11logic_error",
    "St12domain_error",
    "St16invalid_argument",
    "St12length_error",
    "St12out_of_range",
    "St13runtime_error",
    "St11range_error",
    "St14overflow_error",
    "St15underflow_error",
    "St9type_info",
];

/// Libraries that are in every process, since libSystem brings them.
pub const EVERYWHERE: &[&[u8]] =
    &[b"/usr/lib/libSystem.B.dylib", b"/usr/lib/libobjc.A.dylib", b"/usr/lib/libc++.1.dylib"];

/// Whether the library of that canonical name is known to export a symbol. `false` means "not known".
pub fn exports(library: &[u8], symbol: &[u8], macos: Version) -> bool {
    let listed = KNOWN_EXPORTS.iter().any(|(path, since, symbols)| {
        path.as_bytes() == library
            && macos >= Version::new(since.0, since.1)
            && symbols.iter().any(|s| s.as_bytes() == symbol)
    });
    listed || (library == b"/usr/lib/libc++.1.dylib" && is_known_type(symbol))
}

/// Whether any process has a symbol, as far as it is known.
pub fn everywhere(symbol: &[u8], macos: Version) -> bool {
    EVERYWHERE.iter().any(|library| exports(library, symbol, macos))
}

/// `__ZTI` or `__ZTS` of a known type, of a fundamental one, or of a pointer to that.
fn is_known_type(symbol: &[u8]) -> bool {
    let Some(name) = symbol.strip_prefix(b"__ZTI").or_else(|| symbol.strip_prefix(b"__ZTS")) else {
        return false;
    };
    if KNOWN_TYPES.iter().any(|known| known.as_bytes() == name) {
        return true;
    }
    let pointed = name.strip_prefix(b"PK").or_else(|| name.strip_prefix(b"P")).unwrap_or(name);
    matches!(
        pointed,
        [b'v'
            | b'w'
            | b'b'
            | b'c'
            | b'a'
            | b'h'
            | b's'
            | b't'
            | b'i'
            | b'j'
            | b'l'
            | b'm'
            | b'x'
            | b'y'
            | b'f'
            | b'd'
            | b'e']
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn presence_follows_the_version() {
        let v = |major, minor| Version::new(major, minor);
        assert_eq!(presence(b"/usr/lib/libSystem.B.dylib", v(14, 0)), Presence::Known);
        assert_eq!(presence(b"/usr/lib/libfoo.9.dylib", v(14, 0)), Presence::Assumed);
        assert_eq!(presence(b"/usr/local/lib/libz.1.dylib", v(14, 0)), Presence::Never);
        let screen = b"/System/Library/Frameworks/ScreenCaptureKit.framework/Versions/A/ScreenCaptureKit";
        assert_eq!(presence(screen, v(12, 2)), Presence::Gone);
        assert_eq!(presence(screen, v(12, 3)), Presence::Known);
        let python = b"/System/Library/Frameworks/Python.framework/Versions/2.7/Python";
        assert_eq!(presence(python, v(12, 2)), Presence::Known);
        assert_eq!(presence(python, v(14, 0)), Presence::Gone);
    }

    #[test]
    fn what_every_process_has() {
        let macos = Version::new(14, 0);
        let nothrow = "__ZnwmSt11align_val_tRKSt9nothrow_t";
        for name in
            ["_memcpy", "__Znwm", nothrow, "__ZTISt12length_error", "__ZTSPKc", "__ZTIi", "_objc_msgSend"]
        {
            assert!(everywhere(name.as_bytes(), macos), "{name}");
        }
        for name in ["_PyLong_Type", "__ZTI7MyClass", "__ZTISt3foo", "memcpy"] {
            assert!(!everywhere(name.as_bytes(), macos), "{name}");
        }
        assert!(!everywhere(b"____chkstk_darwin", Version::new(10, 14)));
    }

    #[test]
    fn short_and_long_framework_paths_are_one() {
        let long = b"/System/Library/Frameworks/AppKit.framework/Versions/C/AppKit";
        assert_eq!(canonical(b"/System/Library/Frameworks/AppKit.framework/AppKit"), long);
        assert_eq!(canonical(long), long);
        assert_eq!(canonical(b"/usr/lib/libz.dylib"), b"/usr/lib/libz.1.dylib");
    }
}
