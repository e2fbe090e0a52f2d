// Opening a named pipe waits for a writer that never comes.
//#Fifo: libx.so
//#Expect: dies hang
