# shellcheck shell=bash disable=SC2034,SC2154
# Debian packages no archive. Only what inflates gzip, and its checksums.
release=bookworm
build() {
    make -s -C "$source" -f Makefile.unx -j"$jobs" units="crc igzip" lib
    mv "$source/bin/isa-l.a" libisal.a
    install_library libisal.a
}
