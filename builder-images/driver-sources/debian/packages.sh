# shellcheck shell=bash
# Which of Debian's packages hold what of a driver: to be sourced after lib/debian.sh.
#
#   source_package TYPE              the package with the source of the modules: open or proprietary
#   package_version PACKAGE DRIVER   the newest version of a package that holds that driver version

source_package() {
    case $1 in
        open) echo nvidia-open-kernel-dkms ;;
        proprietary) echo nvidia-kernel-source ;;
        *) die_usage "--module-type must be open or proprietary, not '$1'" ;;
    esac
}

package_version() {
    archive_versions "$1" | awk -v want="$2" '{ version = $1; sub("-.*", "", version) }
        version == want { print $1; exit }' | grep . ||
        die_input "the archive has no $1 of driver $2; it has: $(archive_versions "$1" | cut -d- -f1 | tr '\n' ' ')"
}
