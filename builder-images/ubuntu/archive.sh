# shellcheck shell=bash
# Packages of Ubuntu's archive, by the same private apt as Debian's (ci/lib/debian-archive.sh) with lists, cache and key
# of its own: to be sourced with report_name set.
#
#   ubuntu_archive VERSION_ID MACHINE   sets it up; then archive_versions, archive_fetch, archive_unpack ... are Ubuntu's

# shellcheck disable=SC2154 # sources.conf sets them
ubuntu_folder=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=builder-images/lib/debian.sh
. "$ubuntu_folder/../lib/debian.sh"
# shellcheck source=builder-images/lib/sources.sh
. "$ubuntu_folder/../lib/sources.sh"

ubuntu_archive() {
    local site
    # shellcheck source=builder-images/ubuntu/sources.conf
    os_sources "$ubuntu_folder"
    ubuntu_suite=$(sed -n "s/^$1=//p" <<<"$releases")
    [ -n "$ubuntu_suite" ] || die_input "Ubuntu $1 is not in ubuntu/sources.conf; add the line '$1=NAME' to releases"
    ubuntu_key=$(inputs_dir)/ubuntu/archive-key.asc
    if [ -n "$key_file" ]; then
        fetch_file --url "file://$key_file" --key-of "$key_fingerprint" --out "$ubuntu_key"
    else
        packaged_key "$key_name" "$key_fingerprint" "$ubuntu_key" ubuntu-keyring
    fi
    debian_archive "$2"
    archive_dir+=-ubuntu-$1
    archive_release=$ubuntu_suite
    # No second release beside it: the name that the preferences hold back is nobody's.
    archive_next_release=none
    site=archive_$archive_architecture
    ubuntu_site=${!site:-$archive_ports}
    # In the place of Debian's: apt takes no other key than the pinned one.
    # shellcheck disable=SC2317
    archive_sources() {
        local suite
        for suite in "$ubuntu_suite" "$ubuntu_suite-updates" "$ubuntu_suite-security"; do
            echo "deb [arch=$archive_architecture signed-by=$ubuntu_key] $ubuntu_site $suite $components"
        done
    }
    debian_archive_update
}

# The package of a kernel's image: signed by Ubuntu where there is such a one, else not.
ubuntu_kernel_image() {
    local name
    for name in "linux-image-$1" "linux-image-unsigned-$1"; do
        if archive_versions "$name" | grep . >/dev/null; then echo "$name" && return; fi
    done
    die_input "Ubuntu's archive has no kernel $1"
}
