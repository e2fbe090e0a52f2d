int o(void) { return 0; }
int first(void) { return 1; }
int second(void) { return 2; }
__asm__(".symver first,v@V2");
__asm__(".symver second,v@@V3");
