# shellcheck shell=bash
# The packages of one kernel release of Fedora, verified: to be sourced with report_name set.
#
#   fedora_kernel RELEASE       fetches nothing; sets what the name says: version, release, architecture, Fedora's number
#   fedora_package NAME         prints the path of a package of that kernel (kernel-devel, kernel-core, ...), signed

# shellcheck disable=SC2154 # sources.conf sets them
fedora_folder=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=builder-images/lib/report.sh
. "$fedora_folder/../lib/report.sh"
# shellcheck source=builder-images/lib/arguments.sh
. "$fedora_folder/../lib/arguments.sh"
# shellcheck source=builder-images/lib/sources.sh
. "$fedora_folder/../lib/sources.sh"
# shellcheck source=builder-images/lib/rpm.sh
. "$fedora_folder/../lib/rpm.sh"

fedora_kernel() {
    [[ $1 =~ ^([0-9.]+)-([0-9.]+\.fc([0-9]+))\.([a-z0-9_]+)$ ]] ||
        die_input "'$1' is no kernel release of Fedora, such as 6.12.9-200.fc41.x86_64"
    kernel_version=${BASH_REMATCH[1]} kernel_release=${BASH_REMATCH[2]} fedora=${BASH_REMATCH[3]} kernel_arch=${BASH_REMATCH[4]}
    # shellcheck source=builder-images/fedora-coreos/sources.conf
    os_sources "$fedora_folder"
    fingerprint=$(sed -n "s/^$fedora=//p" <<<"$fingerprints")
    [[ $fingerprint =~ ^[0-9A-F]{40}$ ]] ||
        die_input "the key of Fedora $fedora is not pinned in fedora-coreos/sources.conf; add the line '$fedora=FINGERPRINT'"
}

fedora_key() {
    local out
    out=$(inputs_dir)/fedora/RPM-GPG-KEY-fedora-$fedora
    if [ -n "${key_file:-}" ]; then
        fetch_file --url "file://$key_file" --key-of "$fingerprint" --out "$out"
    else
        packaged_key "RPM-GPG-KEY-fedora-$fedora-primary" "$fingerprint" "$out"
    fi
    echo "$out"
}

fedora_package() {
    local url=$kernels key id file
    key=$(fedora_key)
    id=${fingerprint: -8}
    url=${url//VERSION/$kernel_version} url=${url//RELEASE/$kernel_release} url=${url//KEYID/${id,,}}
    url=${url//ARCH/$kernel_arch} url=${url//NAME/$1}
    file=$(inputs_dir)/fedora/$(basename "$url")
    if [ ! -f "$file" ]; then
        curl --fail --location --silent --show-error --proto '=https,file' --proto-redir '=https' --retry 3 \
            --output "$file.unverified" "$url" || die_input "$url cannot be fetched"
        rpm_check "$key" "$file.unverified"
        mv "$file.unverified" "$file"
    else
        rpm_check "$key" "$file"
    fi
    ledger_note "$1" "$kernel_version-$kernel_release" "$kernel_arch" "$(sha256sum "$file" | cut -d' ' -f1)" "$url" GPL-2.0-only
    echo "$file"
}
