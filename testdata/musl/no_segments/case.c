// Without PT_LOAD the span makes no sense to the kernel.
//#Loader: musl
//#Lib: libx.so
//#Run: python3 -c "import struct;f=open(\"libx.so\",\"r+b\");d=bytearray(f.read());n=struct.unpack_from(\"<H\",d,56)[0]
for i in range(n):
 o=64+56*i
 if struct.unpack_from(\"<I\",d,o)[0]==1: struct.pack_into(\"<I\",d,o,4)
f.seek(0);f.write(d)"
//#Expect: fails "Error loading shared library {D}/libx.so: Out of memory"
int x(void) { return 1; }
