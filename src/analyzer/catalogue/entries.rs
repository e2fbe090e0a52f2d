//! Codes about a whole call: needs, versions, symbols, thread-local storage, order; and advice.
//! It must never promise that a mended library works, only that the loader accepts it.
//! Follows glibc elf/dl-deps.c, elf/dl-version.c, elf/dl-lookup.c and elf/dl-reloc.c.

use super::Entry;

/// The entries.
pub(super) const CALLS: &[Entry] = &[
    Entry {
        code: "needed-not-found",
        title: "a needed library is nowhere",
        explanation: "A DT_NEEDED name was looked for in the RPATH of the objects that lead to it (unless the requester has a RUNPATH), LD_LIBRARY_PATH, the \
                      requester's RUNPATH, ld.so.cache and the default directories, and no usable file was there. The first such need ends the call.",
        mend: "Users: install the package that owns the library; run ldconfig if it lies in a configured directory. Owners: ship it beside the requester and give that one DT_RUNPATH $ORIGIN.",
    },
    Entry {
        code: "needed-wrong-class",
        title: "a needed library is only there for the other word size",
        explanation: "Every file of that name that was found is 32-bit where 64-bit is wanted, or the reverse. The loader passed all of them over and \
                      remembers that for its message.",
        mend: "Install the library for the word size of the requester.",
    },
    Entry {
        code: "needed-unusable",
        title: "the needed library that is found first is refused",
        explanation: "Some defects end a search at once instead of letting it go on: a text file, an empty file, a directory or a damaged library in an early \
                      directory hides a good one in a later directory.",
        mend: "Remove or replace the file that is named, or the path element that leads to it; `tree` shows which one it is.",
    },
    Entry {
        code: "needed-blocks",
        title: "a needed library is a pipe, and opening it never returns",
        explanation: "The search met a pipe under the name of a library. The loader opens it for reading and waits for a writer, for ever.",
        mend: "Remove the pipe from the library directory.",
    },
    Entry {
        code: "needed-empty-token",
        title: "a token in a filter's name has no value",
        explanation: "A DT_AUXILIARY name contains $ORIGIN, $PLATFORM or $LIB and the process has no value for it, so the name becomes empty. For this tag the \
                      loader makes that an error; for DT_NEEDED and DT_FILTER it passes the entry over.",
        mend: "Owners: name the filtee without the token. Users: the usual reason is a kernel or emulator that gives no platform name.",
    },
    Entry {
        code: "needed-unknowable",
        title: "a needed library cannot be judged from files",
        explanation: "The candidate is a device, it changed while it was read, or the dependencies are more than the limits of the analysis. What the \
                      loader would do depends on something that is not in the files.",
        mend: "Run again when nothing is being installed; if the candidate is a device, remove it from the library directory.",
    },
    Entry {
        code: "version-not-found",
        title: "a library is too old: it lacks a version that is needed of it",
        explanation: "Every object lists which symbol versions it needs of which library. The loader compares these lists before it looks at any symbol, so one \
                      missing version refuses the object, even if only weak symbols carry it (unless the need itself is marked weak). With libc.so.6 it means that the object was built for a newer C library.",
        mend: "Users: upgrade the provider, or take a build made for this system. Owners: build on the oldest system you support, or avoid the symbols that carry the version.",
    },
    Entry {
        code: "version-file-not-loaded",
        title: "versions are needed of a library that nothing loads",
        explanation: "A version need names a file that is neither needed nor loaded under that name. The loader takes this for impossible and aborts the whole process \
                      with an assertion (exit status 127). Removing a DT_NEEDED entry with an editing tool and leaving the version need causes it.",
        mend: "Owners: put the DT_NEEDED entry back, or relink without the library instead of editing the entry away. Users: install the original build.",
    },
    Entry {
        code: "version-revision",
        title: "a version record has a revision the loader does not know",
        explanation: "The records of DT_VERNEED and DT_VERDEF carry a revision, which has always been 1. Another number is refused with its own message.",
        mend: "The file is damaged: install it again.",
    },
    Entry {
        code: "relr-without-version",
        title: "compact relocations without the version that announces them",
        explanation: "Objects with DT_RELR must need the version GLIBC_ABI_DT_RELR of libc.so.6, so that older loaders refuse them instead of leaving them \
                      unrelocated. Since 2.36 the loader insists on it.",
        mend: "Owners: link with -z pack-relative-relocs (which adds the version) in place of a bare --pack-dyn-relocs=relr.",
    },
    Entry {
        code: "isa-level",
        title: "the processor is below the level the library was compiled for",
        explanation: "The library carries the mark of an x86-64 level above what this processor, or the one asked for with --cpu, has. Since 2.33 the loader refuses such \
                      objects instead of letting them die of an unknown instruction.",
        mend: "Owners: ship a baseline build too, and the faster one below glibc-hwcaps/x86-64-vN. Users: install the baseline build.",
    },
    Entry {
        code: "symbol-not-found",
        title: "a symbol is not defined anywhere in scope",
        explanation: "With RTLD_NOW every reference is bound before the call returns. Searched are the program with its libraries, then the library itself and everything \
                      it needs, breadth first. A strong reference that nothing there defines ends the call. Plug-ins often leave symbols to the program that loads them.",
        mend: "Owners: link with -Wl,--no-undefined and add the library that has the symbol. Users: if it is a plug-in, judge it with --host PROGRAM; else install a newer provider.",
    },
    Entry {
        code: "symbol-not-in-version-file",
        title: "the library that a version was needed of lacks the symbol",
        explanation: "Loaders up to 2.29 insist that a versioned symbol comes from the very file it was linked against, even for weak references; newer ones take it \
                      from any object in scope.",
        mend: "Use the provider the library was linked against, or a newer C library. Owners: relink against the library that defines the symbol now.",
    },
    Entry {
        code: "filtee-before-root",
        title: "an old loader aborts on the library's filtee",
        explanation: "DT_FILTER or DT_AUXILIARY puts another object before the library in the search list. Loaders up to 2.31 assert that the library comes first, \
                      and end the process.",
        mend: "Link without -f and -F, or open the library in a program that lists it as needed.",
    },
    Entry {
        code: "unversioned-provider",
        title: "a versioned symbol is found in a library without versions",
        explanation: "The provider was built without version tables, or stripped of them, but has the very name that the version need asks for. Loaders up to 2.40 take \
                      this for impossible and abort the process with an assertion (exit status 127).",
        mend: "Owners of the provider: link it with its version script. Users: put the distribution's own build of the provider first in the search path.",
    },
    Entry {
        code: "static-tls-exhausted",
        title: "no room is left for thread-local variables in the static block",
        explanation: "Variables compiled for the initial-exec model need a place at a fixed distance from the thread pointer. Only a little of it is kept for libraries opened \
                      later; when that is used up, or aligned more strictly than the block, the library is refused.",
        mend: "Owners: compile with -ftls-model=global-dynamic. Users: preload the library (LD_PRELOAD), or raise the tunable glibc.rtld.optional_static_tls.",
    },
    Entry {
        code: "tls-without-segment",
        title: "a thread-local reference is bound to an object without thread-local storage",
        explanation: "Two libraries define one name, once as thread-local and once not, and the wrong one comes first. The loader then divides by an alignment of zero and \
                      the process dies with SIGFPE.",
        mend: "Owners: rename or hide one of the two symbols. Users: change the order in which the libraries are loaded.",
    },
    Entry {
        code: "ifunc-order",
        title: "a resolver is called before its own library is relocated",
        explanation: "An IFUNC is bound by calling a function of the library that defines it. When that library comes later in the order of relocation, its resolver runs with \
                      unrelocated data and mostly dies with SIGSEGV. This is common where the reference is not backed by a DT_NEEDED entry.",
        mend: "Owners of the referring library: add the provider to its DT_NEEDED entries, so that it is relocated first. Owners of the provider: let the resolver use no global data.",
    },
    Entry {
        code: "initial-exec-tls",
        title: "a thread-local variable is reached in a way only start-up libraries allow",
        explanation: "The initial-exec model needs a place at a fixed distance from the thread pointer. musl keeps none free behind what was there when the \
                      program started, so that every library opened later that wants one is refused, however small it is.",
        mend: "Owners: compile with -ftls-model=global-dynamic (-fPIC does by itself, unless the model is named). Users: preload the library that owns the variable (LD_PRELOAD).",
    },
    Entry {
        code: "accepted-unchecked",
        title: "musl accepts the file without looking, and it cannot work",
        explanation: "musl's loader compares neither the magic number nor the word size, byte order, machine or kind of a file. What is made for something else \
                      may be mapped and called a success; its first function that is called, or its first access, goes wrong.",
        mend: "Install the build for this machine. If the file was put there for another machine on purpose, keep it out of this machine's search path.",
    },
    Entry {
        code: "made-for-another-libc",
        title: "the file is made for another C library than this loader's",
        explanation: "The libraries and versions it asks for are those of the other C library of Linux. The loader does not know that: it \
                      reports whatever it misses first, or even accepts the file and leaves the misunderstanding to the first call.",
        mend: "Install the build for this system's C library: a manylinux package where glibc is, a musllinux or Alpine package where musl is. A directory that carries both is in order.",
    },
    Entry {
        code: "made-for-macos",
        title: "the file is made for macOS, not for Linux",
        explanation: "It is a Mach-O image, which no loader of Linux understands. The loader reports a file of an unknown format; nothing in the \
                      file itself has to be wrong for that.",
        mend: "Install the build for Linux. If the directory holds builds for several systems side by side, each is loaded on its own system and nothing is wrong.",
    },
    Entry {
        code: "interpreter-not-found",
        title: "the program's interpreter is missing",
        explanation: "A dynamically linked program names the loader that starts it. When that file is missing, the kernel refuses to run the program and shells say that the program does not exist.",
        mend: "Users: install the C library the program was made for. Owners: set the interpreter to the path of the target system.",
    },
    Entry {
        code: "optional-missing",
        title: "an optional library that the file announces is missing",
        explanation: "A .note.dlopen lists libraries that the code opens itself when a feature is used, with a priority. The loader does not look at it; the feature is missing \
                      when none of the names can be found.",
        mend: "Install one of the named libraries if the feature is wanted. Owners: make the package depend on, or recommend, it as the priority says.",
    },
    Entry {
        code: "filtee-missing",
        title: "the library named by an auxiliary filter is missing",
        explanation: "DT_AUXILIARY names a library whose definitions are preferred when it is there. Its absence is no error.",
        mend: "Nothing needs to be done; install the named library if its faster or newer definitions are wanted.",
    },
    Entry {
        code: "beyond-end-of-file",
        title: "the file was cut off, but nothing the loader touches is missing",
        explanation: "A segment claims bytes behind the end of the file. The loader does not compare them and loads it; code or data in the missing pages kills the \
                      process with SIGBUS when it is used, and the rest of the last page reads as zeros.",
        mend: "Install the file again and compare checksums; a copy or download was cut off, or a disk was full.",
    },
    Entry {
        code: "unload-unreachable",
        title: "the library loads, but unloading it will crash",
        explanation: "DT_FINI names an address where no code can be fetched. dlopen never looks at it; dlclose, or the end of the program, jumps there.",
        mend: "Install the file again; if it was always so, it was edited or linked wrongly.",
    },
    Entry {
        code: "working-directory",
        title: "where a library is found depends on the working directory",
        explanation: "A path element that is empty or does not begin with a slash is looked up in the directory the process happens to be in when it loads. The verdict holds \
                      for the directory given with --cwd only, and whoever controls that directory controls the code.",
        mend: "Owners: write $ORIGIN/... in place of relative elements and remove empty ones (a leading, trailing or doubled colon).",
    },
    Entry {
        code: "undecidable",
        title: "the outcome depends on something that is not in the files",
        explanation: "The loader would read memory outside the library, call code that decides, or exceed a limit of the analysis. What it finds there depends on the process, so \
                      no honest prediction exists.",
        mend: "A file that makes the loader read outside itself is damaged or hostile: install the original again. Otherwise load it in a throw-away process to find out.",
    },
];
