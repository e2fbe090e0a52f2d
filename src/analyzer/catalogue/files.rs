//! Codes about one file taken alone: what its header, segments and tables can have wrong with them.
//! It must never name a machine's path or a number that a release changes without saying so.
//! Follows glibc elf/dl-load.c, elf/dl-map-segments.h and elf/get-dynamic-info.h.

use super::Entry;

/// The entries.
pub(super) const FILES: &[Entry] = &[
    Entry {
        code: "cannot-open",
        title: "the file cannot be opened",
        explanation: "The kernel refused to open the path: it does not exist, a link in it leads nowhere, or this user may not \
                      read it. The loader repeats the kernel's reason and looks no further, because a path with a slash is never searched for.",
        mend: "Owners: ship the file, or repair the link. Users: reinstall the package, or correct the permissions of the file and of every directory above it.",
    },
    Entry {
        code: "not-a-file",
        title: "the path names a pipe, a socket or a device",
        explanation: "The loader opens whatever the path names. Opening a pipe nobody writes to never returns, so the whole process \
                      hangs; a socket cannot be opened; what a device gives cannot be known without reading it.",
        mend: "Replace it by the library that belongs there. Something that is no regular file has no business in a library directory.",
    },
    Entry {
        code: "changed-while-reading",
        title: "the file changed while it was read",
        explanation: "Its size or modification time were not the same before and after it was read, so what was read may be half of an old \
                      file and half of a new one. Nothing is said about such a file.",
        mend: "Run again when the installation has finished. Installers should write a new file and rename it over the old one.",
    },
    Entry {
        code: "file-too-short",
        title: "the file is shorter than an ELF header",
        explanation: "The loader reads the header first and gives up at once when there are fewer bytes than one. During a search this \
                      ends the whole call, even if a good file of that name lies in a later directory.",
        mend: "The file is empty or was cut off: install it again. A disk that ran full during an installation leaves such files.",
    },
    Entry {
        code: "unreadable",
        title: "the file opens but cannot be read",
        explanation: "Opening succeeded and the first read failed. The usual reason is that the path names a directory; an input/output error \
                      of the disk is the other one. During a search this ends the whole call.",
        mend: "If it is a directory, give the path of the library in it, or use `audit` for directories. If it is not, check the disk.",
    },
    Entry {
        code: "not-elf",
        title: "the file is no ELF file",
        explanation: "It does not begin with the four bytes every ELF file begins with. Linker scripts (text files called libfoo.so in \
                      development packages), static archives, and pages a proxy sent in place of a download are the usual cases. During a search this ends the whole call.",
        mend: "Owners: load the versioned name (libfoo.so.1), which is the library; the plain one is for linkers. Users: look at the first bytes of the file and install it again.",
    },
    Entry {
        code: "wrong-class",
        title: "the file is made for the other word size",
        explanation: "A 64-bit loader passes 32-bit files over, and the reverse. In a search the next directory is tried; when nothing else is \
                      found, or the path was given, the loader reports the wrong ELF class.",
        mend: "Install the library for the word size of the program that loads it. Nothing is wrong with the file if the other word size has a use for it.",
    },
    Entry {
        code: "wrong-byte-order",
        title: "the file has the other byte order",
        explanation: "The data encoding in the header is not the one of this machine. Upstream loaders end the whole call at such a file, even \
                      in the middle of a search; those with Debian's multiarch patch look at the machine number first and may pass it over.",
        mend: "Install the library for this machine, and keep files of other machines out of its library directories.",
    },
    Entry {
        code: "wrong-machine",
        title: "the file is made for another processor",
        explanation: "The machine number in the header is not the one of this loader, which passes the file over as if it were not there. \
                      So the message says that the file does not exist, although it does.",
        mend: "Install the library for this processor. If it came with a package for several machines, the file is not meant for this one and nothing is wrong with it.",
    },
    Entry {
        code: "bad-header",
        title: "a field of the ELF header has a value the loader does not accept",
        explanation: "The identification bytes, the versions, the operating system ABI and the size of a program header are compared with the \
                      only values this loader knows. ABI numbers and the kernel in the ABI note are the ones that honest files get wrong: the file is made for a newer C library, a newer kernel, or another system.",
        mend: "If the operating system ABI, the ABI version or the ABI note is meant, use a build for this system; otherwise the header is damaged: install the file again.",
    },
    Entry {
        code: "truncated",
        title: "the file ends before what its headers promise",
        explanation: "The loader maps segments without comparing them with the length of the file. Touching a page behind its end kills the \
                      process with SIGBUS; headers that are not all there are an error. What nobody touches while loading stays unnoticed until it is used.",
        mend: "The file was cut off in a copy or a download, or the disk was full: install it again, and compare checksums.",
    },
    Entry {
        code: "not-a-library",
        title: "the file is a program or an object file, not a shared library",
        explanation: "Only shared objects can be loaded into a running process. Programs at fixed addresses cannot, and since 2.30 the loader \
                      refuses position-independent programs too, because their copy relocations and initialisation assume they are the main program.",
        mend: "Run it instead of loading it. Owners: to load it as a library as well, build it a second time with -shared.",
    },
    Entry {
        code: "not-for-dlopen",
        title: "the library forbids being opened at run time",
        explanation: "It was linked with -z nodlopen (DF_1_NOOPEN): it may be a dependency a program starts with, but not be opened later. The loader refuses it.",
        mend: "Link the program against it, or preload it. Owners: drop -z nodlopen if the reason for it is gone.",
    },
    Entry {
        code: "segment-alignment",
        title: "a segment's address and file offset do not agree modulo the page size",
        explanation: "A page of a file can only be mapped where offset and address have the same remainder. Loaders up to 2.34 want p_align itself to be a \
                      multiple of the page size too. Files linked for small pages fail this on kernels with large ones.",
        mend: "Link with -z max-page-size as large as any page size in use (65536 on arm64 and ppc64). Tools that rewrite ELF files damage alignment too: try without them.",
    },
    Entry {
        code: "no-segments",
        title: "the file has nothing to load",
        explanation: "There is no PT_LOAD among its program headers, so there is nothing to map. Relocatable files and some debug files look so.",
        mend: "Link it into a shared library. If it is debug information, it belongs below a debug directory and is never loaded.",
    },
    Entry {
        code: "no-dynamic-section",
        title: "the file has no dynamic section",
        explanation: "Everything the loader needs to know stands in the dynamic section: without PT_DYNAMIC, or with an empty one, the file is \
                      refused. Separate debug information keeps the header but not the contents; static programs have none at all.",
        mend: "Install the library itself instead of its debug file. Owners: look for a strip or objcopy step that kept the wrong half.",
    },
    Entry {
        code: "mapping-refused",
        title: "the kernel refuses to map a segment",
        explanation: "The file system forbids executable mappings (mount option noexec), or the segments ask for more address space than there is. \
                      The loader passes the refusal on without the kernel's reason.",
        mend: "Users: put the library on a file system mounted without noexec. Owners: if no such mount is involved, look for an absurd size or alignment among the program headers.",
    },
    Entry {
        code: "executable-stack",
        title: "the library wants an executable stack",
        explanation: "PT_GNU_STACK asks for execution, or is missing on a machine whose default is an executable stack. Since 2.41 (and in patched earlier \
                      releases) the loader no longer changes the stacks of a running process and refuses the library. One assembly file without a stack note is enough to cause this.",
        mend: "Owners: add a .note.GNU-stack section to assembly files, or link with -z noexecstack. Users: `patchelf --clear-execstack` on the library; as a stopgap GLIBC_TUNABLES=glibc.rtld.execstack=2.",
    },
    Entry {
        code: "malformed-segments",
        title: "the program headers or segments lead the loader out of the mapped file",
        explanation: "Mapping the segments, or zeroing what lies behind a data segment, touches memory that is not there or not writable. The loader \
                      does not check and dies of it.",
        mend: "The file is damaged or was rewritten by a tool that moved segments wrongly: install the original again.",
    },
    Entry {
        code: "malformed-dynamic",
        title: "the dynamic section or its strings lead to memory that is not there",
        explanation: "The loader follows the addresses in the dynamic section without checking them. A missing table, an address outside the mapping, \
                      or a missing end mark makes it read elsewhere and, mostly, die with SIGSEGV.",
        mend: "The file is damaged or was rewritten wrongly (tools that edit names and paths are suspect): install the original again.",
    },
    Entry {
        code: "malformed-symbols",
        title: "the symbol table leads to memory that is not there",
        explanation: "A relocation or a hash chain refers to a symbol outside what is mapped, there is no symbol table at all, or a relocation without \
                      a value to use reads address zero. The loader does not check and dies of it.",
        mend: "The file is damaged: install it again. If it was stripped or edited, do that with a current tool.",
    },
    Entry {
        code: "malformed-hash",
        title: "the symbol hash table cannot be walked",
        explanation: "The loader looks symbols up through DT_GNU_HASH or DT_HASH. A bloom filter whose size is no power of two trips an assertion \
                      (exit status 127), an address outside the mapping is SIGSEGV, and a chain that returns to itself never ends.",
        mend: "The file is damaged, or was written by a linker or tool with a fault: install the original again, or relink with a current linker.",
    },
    Entry {
        code: "malformed-versions",
        title: "the symbol version tables cannot be walked",
        explanation: "DT_VERSYM, DT_VERNEED and DT_VERDEF refer to each other by offsets that the loader does not check. A table that is announced \
                      but not there is read at address zero.",
        mend: "The file is damaged, or a tool removed one version table and left the others: install the original again, or relink.",
    },
    Entry {
        code: "malformed-relocations",
        title: "the relocation tables are not what the loader takes for granted",
        explanation: "Record sizes, the kind of PLT relocations, and the count of relative relocations are asserted (exit status 127 when wrong); the \
                      places that relocations write to are not checked at all, and an address outside the mapping is SIGSEGV.",
        mend: "The file is damaged or was rewritten wrongly: install the original again, or relink with a current linker.",
    },
    Entry {
        code: "malformed-notes",
        title: "a note segment leads to memory that is not there",
        explanation: "The loader reads GNU property notes for the processor level a library needs, at the address the program headers give, without a check.",
        mend: "The file is damaged, or a tool moved segments without the program headers of the notes: install the original again.",
    },
    Entry {
        code: "malformed-tls",
        title: "the initial values of thread-local variables are not there",
        explanation: "PT_TLS names bytes that are copied for every thread. When they lie outside what is mapped, copying them kills the process.",
        mend: "The file is damaged or was rewritten wrongly: install the original again.",
    },
    Entry {
        code: "relro-range",
        title: "the range to be made read-only after relocation leaves the mapping",
        explanation: "After relocating, the loader protects PT_GNU_RELRO. When the kernel refuses because a page of the range is not mapped, the library \
                      is given up.",
        mend: "The program headers do not fit each other, as after a careless rewrite: install the original again, or relink with -z norelro.",
    },
    Entry {
        code: "code-unreachable",
        title: "code that the loader calls cannot be executed",
        explanation: "A constructor, an initialisation array or an IFUNC resolver lies outside what is mapped, or on a page that is not executable. \
                      The loader jumps there and the process dies.",
        mend: "The file is damaged, or its address was relocated wrongly: install the original again, or relink with a current linker.",
    },
    Entry {
        code: "relocation-type",
        title: "a relocation is of a type the loader does not know",
        explanation: "Each machine has a list of relocations that may be left to the loader. The others belong to linkers; meeting one, the loader \
                      gives up and prints its number.",
        mend: "Compile everything in the library with -fPIC and relink. If the type is a recent one, the library needs a newer C library.",
    },
];
