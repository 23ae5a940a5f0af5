# shellcheck shell=bash
# Headers of one kernel release, unpacked and ready to build modules, with nothing installed: to be sourced
# after debian-archive.sh.
#
#   kernel_headers RELEASE            prints the build directory (what /lib/modules/RELEASE/build would be);
#                                     downloads and unpacks it under build/archive/headers the first time
#   kernel_module_build RELEASE DIR   builds the out-of-tree modules of DIR (a Kbuild file) for RELEASE
#
# Debian's headers name one thing by an absolute path: the first line of their Makefile includes
# /usr/src/linux-headers-*-common/Makefile. That line is pointed at the unpacked tree; all links are relative.

: "${archive_dir:?source ci/lib/debian-archive.sh before kernel-headers.sh}"

kernel_headers_unpack() {
    local release=$1 dir=$2 staging deb
    staging=$(mktemp -d "$dir.XXXXXX")
    OVERDRIVE_LEDGER="" archive_fetch_headers "$staging/debs" "$release" || return 1
    for deb in "$staging"/debs/*.deb; do
        dpkg-deb -x "$deb" "$staging/root" || archive_die "cannot unpack $(basename "$deb")"
    done
    sed -i "s,^include /usr/src/,include $dir/usr/src/," "$staging/root/usr/src/linux-headers-$release/Makefile"
    chmod 755 "$staging/root"
    # Another process may have been quicker; its tree is the same.
    [ -d "$dir" ] || mv -T "$staging/root" "$dir" 2>/dev/null || [ -d "$dir" ]
    rm -rf "$staging"
}

# Headers that were unpacked before belong into the ledger of this build all the same.
kernel_headers_note() {
    [ -n "${OVERDRIVE_LEDGER:-}" ] || return 0
    local debs
    debs=$(mktemp -d "$archive_dir/unpack.XXXXXX")
    archive_fetch_headers "$debs" "$1"
    rm -r "$debs"
}

kernel_headers() {
    local release=$1 dir=$archive_dir/headers/$1
    mkdir -p "$archive_dir/headers"
    [ -d "$dir" ] || kernel_headers_unpack "$release" "$dir" >&2 || return 1
    [ -f "$dir/usr/src/linux-headers-$release/Module.symvers" ] ||
        archive_die "no headers of kernel $release in $dir; remove that directory and try again"
    kernel_headers_note "$release" >&2
    echo "$dir/usr/src/linux-headers-$release"
}

kernel_module_build() {
    local release=$1 dir=$2 headers
    headers=$(kernel_headers "$release") || return 1
    make -s -C "$headers" M="$(realpath "$dir")" modules
}
