// A tunable that takes a feature away takes the directories of its level away.
//#Requires: cpu:sse4_2
//#Write: libs/glibc-hwcaps/x86-64-v2/liba.so "short"
//#Lib: libs/liba.so inline="int a(void) { return 1; }"
//#Lib: libx.so needs=libs/liba.so runpath=$ORIGIN/libs
//#Env: GLIBC_TUNABLES=glibc.cpu.hwcaps=-SSE4_2
//#Expect: loads
int a(void);
int x(void) { return a(); }
