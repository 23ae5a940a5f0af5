/* Leaves a trace in every process that loads it: the file that the environment names, or /preloaded. */
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

__attribute__((constructor)) static void leave_trace(void) {
    const char* name = getenv("PRELOAD_TRACE");
    const int fd = open(name != NULL ? name : "/preloaded", O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    if (fd >= 0) close(fd);
}
