//! Codes about Mach-O files and dyld's calls.
//! It must never promise that a mended library works, only that dyld accepts it.
//! Follows apple-oss-distributions/dyld: Loader.cpp, JustInTimeLoader.cpp, MachOFile.cpp, mach_o/Header.cpp.

use crate::analyzer::catalogue::Entry;

/// The entries.
pub(in crate::analyzer::catalogue) const ENTRIES: &[Entry] = &[
    Entry {
        code: "macho-no-file",
        title: "there is no file at the path, nor a library of the system",
        explanation: "dyld tried the path itself, the same below the system's second volume, and the shared cache, and found nothing. Libraries of the system \
                      exist in the shared cache only, not as files.",
        mend: "Check the path; a library that was moved leaves its old path in scripts and in the load commands of others.",
    },
    Entry {
        code: "macho-not-a-file",
        title: "a directory, pipe or device is where a library should be",
        explanation: "dyld opens regular files only and passes over everything else, saying so in the list of what it tried.",
        mend: "Remove what is there and install the library that belongs there.",
    },
    Entry {
        code: "macho-unreadable",
        title: "the file cannot be opened or looked at",
        explanation: "stat, open or mmap of the file failed for another reason than that it is not there, usually its permissions or those of a directory.",
        mend: "Make the file and the directories above it readable for the user of the process.",
    },
    Entry {
        code: "macho-empty",
        title: "the file is empty",
        explanation: "dyld takes an empty file for the place of a library that was taken away on purpose: it is refused without a reason, and the search goes on.",
        mend: "Install the library again; the usual cause is an interrupted download or a full disk.",
    },
    Entry {
        code: "not-macho",
        title: "the file is no Mach-O file",
        explanation: "The first bytes are neither those of a Mach-O image nor of a universal file: it is a script, an archive, a library for Linux, or damaged.",
        mend: "Install the build for macOS. If it should be one, compare it with the recorded checksum (--integrity) and install it again.",
    },
    Entry {
        code: "macho-malformed-fat",
        title: "the table of a universal file is malformed",
        explanation: "A slice lies outside the file, is not aligned, overlaps another, or has a header that disagrees with the table. dyld looks at the whole table before \
                      it takes a slice, so one bad slice spoils the others.",
        mend: "Build the file again with lipo -create, or install it again.",
    },
    Entry {
        code: "macho-wrong-arch",
        title: "no slice is for the architecture of the process",
        explanation: "A process takes slices of its own architecture: arm64 processes arm64e and arm64, Intel ones (also under Rosetta) x86_64, on newer processors x86_64h first.",
        mend: "Install the build for the architecture of the program that loads it, or a universal build; run an Intel program under Rosetta with Intel libraries only.",
    },
    Entry {
        code: "macho-wrong-platform",
        title: "the file is built for another system of Apple",
        explanation: "Its build command names iOS, a simulator, Mac Catalyst or another system. dyld loads what is built for the platform of the process; the oldest system it is \
                      for is not enforced, the platform is.",
        mend: "Install the build for macOS; a build for a phone or its simulator has the same file names.",
    },
    Entry {
        code: "macho-not-a-library",
        title: "the file is of a kind that is not loaded in this way",
        explanation: "dlopen takes libraries, bundles and, on macOS, programs; as a dependent only libraries count. Objects, debug files and stubs are refused.",
        mend: "Link against the library (type dylib), and open bundles with dlopen.",
    },
    Entry {
        code: "macho-not-for-dlopen",
        title: "the file refuses to be opened directly",
        explanation: "Its header has MH_NO_DYNAMIC_ACCESS: it may be loaded as a dependent of another library, but not by dlopen (macOS 26.5 and later).",
        mend: "Open the library that links it.",
    },
    Entry {
        code: "macho-malformed-header",
        title: "the header or the load commands are malformed",
        explanation: "dyld checks that load commands fit the file, and since macOS 15.4 much more: identifiers, segments, permissions, duplicate paths. Which checks bind a \
                      file depends on the SDK it was built with.",
        mend: "Rebuild the file with a current linker. Duplicate LC_RPATHs: install_name_tool -delete_rpath, then sign again.",
    },
    Entry {
        code: "macho-unsigned",
        title: "the file is not signed, and Apple silicon runs signed code only",
        explanation: "Native arm64 code needs at least an ad-hoc signature, which linkers add by themselves; strip and other tools take it away. Intel code may be unsigned.",
        mend: "codesign -s - FILE. tsuku does that after it edits a library.",
    },
    Entry {
        code: "macho-bad-signature",
        title: "the code signature cannot be used",
        explanation: "The signature is damaged or does not cover the whole file, so the kernel refuses to attach it and dyld gives up.",
        mend: "codesign -f -s - FILE, or install the library again.",
    },
    Entry {
        code: "macho-signature-damaged",
        title: "the file was changed after it was signed",
        explanation: "A page no longer has the hash that was signed. dlopen does not notice; the kernel kills the process (SIGKILL, Code Signature Invalid) when the page \
                      is used. The usual cause is a tool that edits load commands without signing again.",
        mend: "codesign -f -s - FILE after every change.",
    },
    Entry {
        code: "macho-malformed-segments",
        title: "a segment cannot be mapped",
        explanation: "Its place in the file is not on a page of its architecture (16 KiB on arm64), its size is beyond the address space, or the first segment does not start with the header.",
        mend: "Install the library again; universal files have to be put together with lipo.",
    },
    Entry {
        code: "macho-encrypted",
        title: "the file is encrypted",
        explanation: "It comes from a store and is encrypted for an account; the kernel decrypts it only for the program it belongs to.",
        mend: "Take the library from its maker.",
    },
    Entry {
        code: "dylib-not-found",
        title: "a needed library is nowhere",
        explanation: "The load path was tried as it is, or below every LC_RPATH of the images that lead to it, and in the default directories where those still count. \
                      @loader_path is the directory of the image with the command, @executable_path that of the main program.",
        mend: "Ship the library beside the one that needs it and add @loader_path: install_name_tool -add_rpath @loader_path FILE, then codesign -f -s - FILE.",
    },
    Entry {
        code: "dylib-unusable",
        title: "a needed library is there, but no file of it can be used",
        explanation: "Every candidate has a reason of its own: another architecture, another platform, no signature. dyld goes on to the next one and lists them all.",
        mend: "Replace the file that is named; `tree` shows all candidates.",
    },
    Entry {
        code: "dylib-symbol-not-found",
        title: "a library does not export a symbol that is needed of it",
        explanation: "Mach-O references name the library they are expected in. That library is loaded, but neither it nor what it re-exports has the symbol: usually it is \
                      older or newer than the one that was linked against.",
        mend: "Install matching versions. Owners: make references to newer functions weak, and test for them.",
    },
    Entry {
        code: "program-symbol-not-found",
        title: "a bundle needs a symbol of the program it was linked for",
        explanation: "It was linked with -bundle_loader: the symbol is looked for in the main program only.",
        mend: "Load it into that program; name it with --host.",
    },
    Entry {
        code: "flat-symbol-not-found",
        title: "no image in the process has a symbol",
        explanation: "It was linked with -undefined dynamic_lookup: the symbol may come from any image, usually from the host program of a plug-in. In a process of its own \
                      nothing defines it.",
        mend: "Load it into its host (--host). Owners: link what is no symbol of the host.",
    },
    Entry {
        code: "coalesced-symbol-not-found",
        title: "no image has a definition of a C++ symbol all images share",
        explanation: "Weak definitions (inline functions, type information) are looked for in every image that has some. Here no image has this one.",
        mend: "Install the library it was built against, in the same version.",
    },
    Entry {
        code: "bad-library-ordinal",
        title: "a symbol is bound to a library that is not listed",
        explanation: "References name their library by its number in the load commands. A tool took a load command away, or the table is damaged.",
        mend: "Install the library again; do not remove load commands of libraries that symbols refer to.",
    },
    Entry {
        code: "macho-malformed-tables",
        title: "the fix-up or export tables are malformed",
        explanation: "dyld reads them while it binds. Some faults it reports; after others it goes on with what it has read, or crashes, which nobody can predict from the file.",
        mend: "Install the library again; if it is as it was built, rebuild it with a current linker.",
    },
    Entry {
        code: "macho-malformed-thread-locals",
        title: "the thread-local variables are malformed",
        explanation: "The section of descriptors has a wrong size, or a descriptor points outside the initial content. Since macOS 15.4 dyld checks that.",
        mend: "Rebuild the library with a current linker.",
    },
    Entry {
        code: "macho-truncated",
        title: "the file is shorter than its segments",
        explanation: "Older releases map what the load commands say and read behind the end of the file, which kills the process. Newer ones refuse the file.",
        mend: "Install the library again; the usual cause is an interrupted download or a full disk.",
    },
    Entry {
        code: "system-symbols-assumed",
        title: "symbols of the system's libraries are taken for granted",
        explanation: "They are expected in libraries every macOS has, and the file was linked for that version or an older one. Without an SDK there is no list to look them up in.",
        mend: "Give an SDK with --sdk to have them looked up.",
    },
    Entry {
        code: "system-library-unverified",
        title: "only the system could have a needed library",
        explanation: "The path is one the shared cache may hold, but the library is not among those this program knows. Whether this macOS has it cannot be told from files.",
        mend: "Look for it in the SDK of that macOS, and give the SDK with --sdk.",
    },
    Entry {
        code: "system-symbols-unverified",
        title: "only the system could have some symbols",
        explanation: "They are looked for in all images, or in a library of the system that is not known, or the file was built for a newer macOS. No file here defines them.",
        mend: "Give an SDK with --sdk, or the host program with --host.",
    },
    Entry {
        code: "main-program-unknown",
        title: "a path starts at the main program, which was not named",
        explanation: "@executable_path is the directory of the program that runs, not of the library. In a process that is not described it may be anywhere.",
        mend: "Name the program with --host. Owners: use @loader_path in libraries.",
    },
    Entry {
        code: "refused-by-newer-macos",
        title: "a newer macOS refuses the file",
        explanation: "It passes the checks of the macOS it is judged for. A later one looks deeper at files of its SDK, and has something against this one.",
        mend: "Rebuild it, or mend the load commands and sign it again, before those systems are used.",
    },
    Entry {
        code: "built-for-newer-macos",
        title: "the file is built for a newer macOS",
        explanation: "dyld does not enforce the oldest system a library is for. It loads if its symbols are there, which on an older system they may not be.",
        mend: "Take a build for the older system if symbols are missing.",
    },
];
