// The length is looked at before the magic number.
//#Write: libx.so "not a library\n"
//#Expect: fails "{D}/libx.so: file too short"
