// The start of the program, in the version of the oldest glibc: crt1.o asks for the newest, and the linker's --wrap has
// it call this instead.
#include "nvml/oldest_glibc.hpp"

extern "C" {

using Main = int (*)(int, char**, char**);
using Nothing = void (*)();

int oldest_libc_start_main(Main main, int argc, char** argv, Nothing init, Nothing fini, Nothing rtld_fini,
                           void* stack);
__asm__(".symver oldest_libc_start_main,__libc_start_main@" OVERDRIVE_OLDEST_GLIBC);  // NOLINT(hicpp-no-assembler)

/// @param init  none: nothing of this program is constructed before main()
// NOLINTNEXTLINE(bugprone-reserved-identifier): the name that --wrap makes
int __wrap___libc_start_main(Main main, int argc, char** argv, Nothing init, Nothing fini, Nothing rtld_fini,
                             void* stack) {
    return oldest_libc_start_main(main, argc, argv, init, fini, rtld_fini, stack);
}

}  // extern "C"
