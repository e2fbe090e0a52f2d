// So is an empty file.
//#Write: l1/liba.so ""
//#Lib: l2/liba.so inline="int a(void) { return 1; }"
//#Lib: libx.so needs=l2/liba.so runpath=$ORIGIN/l1:$ORIGIN/l2
//#Expect: fails "{D}/l1/liba.so: file too short"
int a(void);
int x(void) { return a(); }
