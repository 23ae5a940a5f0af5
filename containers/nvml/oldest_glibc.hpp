#pragma once

// The program runs on hosts whose C library may be far older than the one that it was built with: it asks for each
// function in the version that the architecture's first glibc had. Included by every source that calls one of these.
// @see "LD, VERSION Command" of binutils for .symver; glibc 2.34 moved libdl into libc and gave its functions new
// versions
#if defined(__x86_64__)
#define OVERDRIVE_OLDEST_GLIBC "GLIBC_2.2.5"
#elif defined(__aarch64__)
#define OVERDRIVE_OLDEST_GLIBC "GLIBC_2.17"
#else
#error "name the oldest glibc of this architecture"
#endif
// NOLINTBEGIN(hicpp-no-assembler)
__asm__(".symver dlopen,dlopen@" OVERDRIVE_OLDEST_GLIBC);
__asm__(".symver dlsym,dlsym@" OVERDRIVE_OLDEST_GLIBC);
__asm__(".symver dlerror,dlerror@" OVERDRIVE_OLDEST_GLIBC);
// NOLINTEND(hicpp-no-assembler)
