// A symbolic link to nothing is a file that does not exist.
//#Symlink: libx.so gone.so
//#Expect: fails "{D}/libx.so: cannot open shared object file: No such file or directory"
