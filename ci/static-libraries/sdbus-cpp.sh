# shellcheck shell=bash disable=SC2034,SC2154
# Debian 12 packages 1.2 as a shared library, and the archive no longer has its source. Of 2.1, Debian 13's, it has what the
# authors published, without Debian's packaging.
release=trixie
bare=yes
build() {
    with_cmake -DSDBUSCPP_BUILD_DOCS=OFF -DSDBUSCPP_BUILD_CODEGEN=OFF -DSDBUSCPP_BUILD_TESTS=OFF \
        -DSDBUSCPP_BUILD_EXAMPLES=OFF
    install_library libsdbus-c++.a sdbus-c++ "$source"/include/sdbus-c++/*
}
