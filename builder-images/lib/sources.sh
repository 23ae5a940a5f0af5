# shellcheck shell=bash
# Where the files of an OS come from, as data, and how one is taken: to be sourced after report.sh.
#
#   os_sources FOLDER          reads FOLDER/sources.conf: addresses, and fingerprints of the keys that must have signed.
#                              OVERDRIVE_OS_SOURCES names another such file: a mirror's
#   fetch_file OPTION...       lib/fetch, noted in the ledger; ends the command when the file is not what its pin says
#   inputs_dir                 prints the directory in which fetched files are kept
#   packaged_key NAME FPR OUT  a key file of Debian's distribution-gpg-keys or ubuntu-keyring, checked by its fingerprint

# shellcheck disable=SC2154 # report.sh sets it
sources_library=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=ci/lib/ledger.sh
. "$sources_library/../../ci/lib/ledger.sh"

os_sources() {
    # shellcheck source=/dev/null
    . "${OVERDRIVE_OS_SOURCES:-$1/sources.conf}"
}

inputs_dir() {
    local dir=${OVERDRIVE_INPUTS:-$sources_library/../../build/inputs}
    mkdir -p "$dir"
    cd "$dir" && pwd
}

fetch_file() {
    local -A option=()
    "$sources_library/fetch" "$@" || exit "$exit_input"
    while [ $# -gt 1 ]; do option[$1]=$2 && shift 2; done
    ledger_note "$(basename "${option[--out]}")" - - "$(sha256sum "${option[--out]}" | cut -d' ' -f1)" "${option[--url]}" -
}

packaged_key() {
    local work package=${4:-distribution-gpg-keys} found
    work=$(mktemp -d)
    bash -euo pipefail -c '. "$1" && archive_unpack "$2" "$3"' key "$sources_library/../../ci/lib/debian-archive.sh" "$work" \
        "$package" || die_input "Debian's package $package, which holds the key $1, cannot be had"
    found=$(find "$work" -type f -name "$1" -print -quit)
    [ -n "$found" ] || { rm -r "$work" && die_input "Debian's package $package holds no key $1"; }
    OVERDRIVE_LEDGER='' fetch_file --url "file://$found" --key-of "$2" --out "$3"
    rm -r "$work"
}
