# shellcheck shell=bash disable=SC2034,SC2154
# sd-bus. Debian packages no archive. Everything that can be left out is.
release=bookworm
build() {
    local -a off
    mapfile -t off < <(sed -nE "s/^option\('([a-z0-9-]+)', *type *: *'boolean'.*/-D\1=false/p" "$source/meson_options.txt" |
        grep -vE '^-D(install-tests|slow-tests|fuzz-tests)=')
    meson setup . "$source" --auto-features=disabled --buildtype=plain -Dmode=release -Dstatic-libsystemd=pic "${off[@]}"
    # version.h is missing among what the archive is said to depend on.
    ninja -j"$jobs" version.h
    ninja -j"$jobs" libsystemd.a
    mkdir members
    (cd members && ar x ../libsystemd.a)
    keep_only 'sd_*' libsystemd-kept.a members/*.o
    mv libsystemd-kept.a libsystemd.a
    install_library libsystemd.a systemd "$source"/src/systemd/sd-*.h "$source"/src/systemd/_sd-common.h
}
