// The library itself, of which Debian packages no archive: its headers hold it.
#define TOML_HEADER_ONLY 0
#define TOML_IMPLEMENTATION
#include <toml++/toml.h>
