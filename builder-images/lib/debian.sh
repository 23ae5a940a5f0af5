# shellcheck shell=bash
# What everything that takes from Debian's archive begins with: to be sourced with report_name set.
#
#   debian_archive MACHINE        the functions of ci/lib/debian-archive.sh, for the packages of that architecture
#   debian_archive_update         its lists, fresh; ends the command when the archive cannot be had or is not signed
#   debian_tools DIR PACKAGE...   programs that run on this machine, unpacked in DIR

library=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=builder-images/lib/report.sh
. "$library/report.sh"
# shellcheck source=builder-images/lib/arguments.sh
. "$library/arguments.sh"
# shellcheck source=builder-images/lib/architectures.sh
. "$library/architectures.sh"

debian_archive() {
    # shellcheck disable=SC2034 # for the archive
    OVERDRIVE_ARCHIVE_ARCHITECTURE=$(architecture_field "$1" debian)
    # shellcheck source=ci/lib/debian-archive.sh
    . "$library/../../ci/lib/debian-archive.sh"
}

debian_archive_update() {
    (archive_update) || die_input "the archive cannot be had, or its lists are not signed by its key; apt's message is above"
}

debian_tools() {
    # shellcheck disable=SC2016 # for the shell inside
    env -u OVERDRIVE_ARCHIVE_ARCHITECTURE -u OVERDRIVE_LEDGER bash -euo pipefail -c '. "$1" && shift && archive_unpack "$@"' debian-tools "$library/../../ci/lib/debian-archive.sh" "$@"
}
