// A static archive under the name of a shared library.
//#Write: libx.so "!<arch>\nx.o/            0           0     0     644     4         `\nabcdabcdabcdabcdabcd"
//#Expect: fails "{D}/libx.so: invalid ELF header"
