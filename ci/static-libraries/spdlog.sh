# shellcheck shell=bash disable=SC2034,SC2154
# Debian packages no archive.
release=bookworm
build() {
    with_cmake -DSPDLOG_BUILD_EXAMPLE=OFF -DSPDLOG_FMT_EXTERNAL=ON
    install_library libspdlog.a
}
