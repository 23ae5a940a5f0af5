# shellcheck shell=bash
# Packages of one snapshot of Tumbleweed, verified: to be sourced with report_name set.
#
#   suse_snapshot VERSION_ID MACHINE     fetches nothing; sets the repository of the snapshot
#   suse_packages OUT KERNEL NAME...     the packages of that kernel in OUT

# shellcheck disable=SC2154 # sources.conf sets them
suse_folder=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=builder-images/lib/report.sh
. "$suse_folder/../lib/report.sh"
# shellcheck source=builder-images/lib/arguments.sh
. "$suse_folder/../lib/arguments.sh"
# shellcheck source=builder-images/lib/sources.sh
. "$suse_folder/../lib/sources.sh"
# shellcheck source=builder-images/lib/rpm.sh
. "$suse_folder/../lib/rpm.sh"

suse_snapshot() {
    local name=repository_$2
    [[ $1 =~ ^[0-9]{8}$ ]] || die_input "'$1' is no snapshot of Tumbleweed, such as 20260115"
    # shellcheck source=builder-images/microos/sources.conf
    os_sources "$suse_folder"
    [ -n "${!name:-}" ] || die_input "microos/sources.conf names no repository for $2"
    suse_machine=$2
    suse_repository=${!name/SNAPSHOT/$1}
    suse_dir=$(inputs_dir)/microos/$1-$2
}

suse_packages() {
    local out=$1 kernel=$2 key=$suse_dir/key.asc url sum file found
    local -a names=()
    shift 2
    if [ -n "${key_file:-}" ]; then
        fetch_file --url "file://$key_file" --key-of "$key_fingerprint" --out "$key"
    else
        packaged_key "$key_name" "$key_fingerprint" "$key"
    fi
    for file in "$@"; do names+=(--package "$file"); done
    found=$("$suse_folder/../lib/rpm-repository" --url "$suse_repository" --key "$key" --fingerprint "$key_fingerprint" \
        --architecture "$suse_machine" --kernel "$kernel" --directory "$suse_dir" "${names[@]}")
    mkdir -p "$out"
    while read -r url sum file; do
        fetch_file --url "$url" --sha256 "$sum" --out "$suse_dir/$file"
        cp "$suse_dir/$file" "$out/"
    done <<<"$found"
}
