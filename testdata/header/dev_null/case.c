// A device that reads as empty.
//#Symlink: libx.so /dev/null
//#Expect: fails "{D}/libx.so: file too short"
