/* Prints the path of the library that the dynamic linker finds for the name given; exit status 1 when it finds none. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <link.h>
#include <stdio.h>

int main(int count, char** words) {
    struct link_map* found = NULL;
    void* library = count == 2 ? dlopen(words[1], RTLD_NOW) : NULL;
    if (library == NULL || dlinfo(library, RTLD_DI_LINKMAP, &found) != 0) {
        fprintf(stderr, "not found: %s\n", count == 2 ? dlerror() : "no name is given");
        return 1;
    }
    puts(found->l_name);
    return 0;
}
