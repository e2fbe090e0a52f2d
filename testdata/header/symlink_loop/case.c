// Two symbolic links that point at each other.
//#Symlink: libx.so liby.so
//#Symlink: liby.so libx.so
//#Expect: fails "{D}/libx.so: cannot open shared object file: Too many levels of symbolic links"
