# shellcheck shell=bash
# RPM packages: to be sourced after report.sh.
#
#   rpm_check KEY FILE...       ends the command when a package is not signed by the key
#   rpm_unpack DIR FILE...      unpacks packages over each other
#   rpm_module_list FILE...     names of all files in packages

# A database of its own with one key: nothing that this machine trusts counts. Without a signature a package is refused.
rpm_check() {
    local key=$1 database said file
    shift
    command -v rpmkeys >/dev/null || die "rpmkeys is missing; run ci/setup images"
    database=$(mktemp -d)
    rpmkeys --dbpath "$database" --import "$key" || { rm -r "$database" && die_input "$key is no key for packages"; }
    for file in "$@"; do
        said=$(rpmkeys --dbpath "$database" --define '_pkgverify_level signature' --checksig "$file" 2>&1) ||
            { rm -r "$database" && die_input "$(basename "$file") is not signed by the pinned key: ${said##*$'\n'}"; }
    done
    rm -r "$database"
}

rpm_unpack() {
    local dir=$1 file
    shift
    mkdir -p "$dir"
    for file in "$@"; do
        rpm2cpio "$file" | (cd "$dir" && cpio --quiet -idm --no-absolute-filenames) || die_input "$(basename "$file") does not unpack"
    done
}

rpm_module_list() { rpm -qpl --dbpath /nonexistent "$@" 2>/dev/null; }
