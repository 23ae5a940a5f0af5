/* The self-contained program's front: starts the real program with the bundle's own loader and libraries.
 *
 * Static, so that it runs on a host with another C library or none. The bundle is found from where this file lies,
 * links resolved:  <bundle>/bin/overdrive (this)  <bundle>/lib/overdrive/{overdrive,libraries,loader}
 *
 * Variables that steer a dynamic loader (LD_*, GLIBC_TUNABLES) are dropped: they are meant for the host's libraries. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifndef OVERDRIVE_LOADER
#error "OVERDRIVE_LOADER is the loader's file name, such as ld-linux-x86-64.so.2"
#endif

extern char **environ;

enum { kFailed = 1, kFixedArguments = 7 };

static int is_for_a_loader(const char *variable) {
    return strncmp(variable, "LD_", 3) == 0 || strncmp(variable, "GLIBC_TUNABLES=", 15) == 0;
}

static void drop_loader_variables(void) {
    char **kept = environ;
    for (char **variable = environ; *variable != NULL; ++variable) {
        if (!is_for_a_loader(*variable)) *kept++ = *variable;
    }
    *kept = NULL;
}

static int fail(const char *what, const char *path) {
    fprintf(stderr, "overdrive: %s '%s': %s\n", what, path, strerror(errno));
    return kFailed;
}

/* Cuts the last component off. */
static void to_parent(char *path) {
    char *slash = strrchr(path, '/');
    if (slash != NULL) *slash = '\0';
}

int main(int argc, char **argv) {
    char bundle[PATH_MAX], library_path[PATH_MAX + 32], loader[PATH_MAX + 96], program[PATH_MAX + 96];
    const ssize_t length = readlink("/proc/self/exe", bundle, sizeof bundle - 1);
    if (length < 0) return fail("cannot find out where this program lies (is /proc mounted?):", "/proc/self/exe");
    bundle[length] = '\0';
    to_parent(bundle); /* the program's own name */
    to_parent(bundle); /* bin */
    snprintf(library_path, sizeof library_path, "%s/lib/overdrive", bundle);
    snprintf(loader, sizeof loader, "%s/" OVERDRIVE_LOADER, library_path);
    snprintf(program, sizeof program, "%s/overdrive", library_path);
    if (access(loader, X_OK) != 0) return fail("this bundle is incomplete, copy it again; its loader", loader);
    if (access(program, X_OK) != 0) return fail("this bundle is incomplete, copy it again; its program", program);

    char **arguments = calloc((size_t)argc + kFixedArguments + 1, sizeof *arguments);
    if (arguments == NULL) return fail("no memory to start", program);
    char *fixed[kFixedArguments] = {loader, "--inhibit-cache", "--library-path", library_path, "--argv0",
                                    argc > 0 ? argv[0] : program, program};
    memcpy(arguments, fixed, sizeof fixed);
    for (int i = 1; i < argc; ++i) arguments[kFixedArguments + i - 1] = argv[i];
    drop_loader_variables();
    execv(loader, arguments);
    return fail("cannot start", loader);
}
