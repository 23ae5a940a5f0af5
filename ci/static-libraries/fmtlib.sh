# shellcheck shell=bash disable=SC2034,SC2154
# Debian packages no archive.
release=bookworm
build() {
    with_cmake -DFMT_DOC=OFF -DFMT_TEST=OFF
    install_library libfmt.a
}
