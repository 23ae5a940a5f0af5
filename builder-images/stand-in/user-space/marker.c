// Stand-in for the libraries that matter by name only.
const char* stand_in_version(void) { return STAND_IN_VERSION; }
