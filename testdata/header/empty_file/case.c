// No bytes at all.
//#Write: libx.so ""
//#Expect: fails "{D}/libx.so: file too short"
