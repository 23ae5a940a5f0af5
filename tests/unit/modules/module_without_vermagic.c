/* Fake: a module that says nothing about its kernel. */
static const char info[] __attribute__((section(".modinfo"), used, aligned(1))) = "name=nothing";
