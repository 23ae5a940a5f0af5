# shellcheck shell=bash disable=SC2034,SC2154
# Debian packages no libmount.a. Patches made configure older than its sources: it must not be made anew.
release=bookworm
build() {
    local -a without=(selinux systemd python tinfo ncurses ncursesw readline cap-ng libz user udev cryptsetup econf audit)
    "$source/configure" --quiet --disable-all-programs --enable-libmount --enable-libblkid --enable-static --disable-shared \
        --disable-nls --disable-dependency-tracking --disable-symvers "${without[@]/#/--without-}"
    make -s -j"$jobs" ACLOCAL=: AUTOCONF=: AUTOMAKE=: AUTOHEADER=: libmount.la
    install_library .libs/libmount.a libmount libmount/src/libmount.h
    install_library .libs/libblkid.a blkid libblkid/src/blkid.h
}
