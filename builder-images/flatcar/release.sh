# shellcheck shell=bash
# The files of one Flatcar release, verified, and its developer container unpacked: to be sourced with report_name set.
#
#   flatcar_release VERSION MACHINE   fetches nothing; sets release_url and release_dir, refuses what is no version
#   flatcar_file NAME                 prints the path of a file of the release, signed by Flatcar's key
#   flatcar_root                      prints the directory of the unpacked developer container

# shellcheck disable=SC2154 # sources.conf sets them
flatcar_folder=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=builder-images/lib/report.sh
. "$flatcar_folder/../lib/report.sh"
# shellcheck source=builder-images/lib/arguments.sh
. "$flatcar_folder/../lib/arguments.sh"
# shellcheck source=builder-images/lib/architectures.sh
. "$flatcar_folder/../lib/architectures.sh"
# shellcheck source=builder-images/lib/sources.sh
. "$flatcar_folder/../lib/sources.sh"

flatcar_release() {
    local channel board
    # The second number of a release is its channel. @see flatcar.org/docs, "Release channels"
    case $1 in
        [0-9]*.0.[0-9]*) channel=alpha ;;
        [0-9]*.1.[0-9]*) channel=beta ;;
        [0-9]*.2.[0-9]*) channel=stable ;;
        [0-9]*.3.[0-9]*) channel=lts ;;
        *) die_input "'$1' is no Flatcar release: MAJOR.CHANNEL.PATCH with channel 0 to 3" ;;
    esac
    board=$(architecture_field "$2" flatcar)
    # shellcheck source=builder-images/flatcar/sources.conf
    os_sources "$flatcar_folder"
    release_url=${releases/CHANNEL/$channel}
    release_url=${release_url/BOARD/$board}
    release_url=${release_url/VERSION/$1}
    release_dir=$(inputs_dir)/flatcar/$board/$1
}

flatcar_file() {
    local key=$release_dir/signing-key.asc
    fetch_file --url "$key_url" --key-of "$key_fingerprint" --out "$key"
    fetch_file --url "$release_url/$1" --signature-url "$release_url/$1.sig" --key "$key" \
        --fingerprint "$key_fingerprint" --out "$release_dir/$1"
    echo "$release_dir/$1"
}

# The image is a disk with one partition; nothing is mounted, debugfs reads the file system.
flatcar_root() {
    local root=$release_dir/root packed image offset _
    packed=$(flatcar_file flatcar_developer_container.bin.bz2)
    if [ ! -d "$root" ]; then
        image=$release_dir/developer.img
        bzip2 -dc "$packed" | dd of="$image" bs=1M conv=sparse iflag=fullblock status=none || die_input "$packed does not decompress"
        read -r offset _ < <("$flatcar_folder/../lib/gpt_partition.py" "$image" ROOT) || exit "$exit_input"
        rm -rf "$root.new"
        mkdir "$root.new"
        debugfs -R "rdump / $root.new" "$image?offset=$offset" >"$release_dir/unpack.log" 2>&1 || true
        # debugfs says nothing by its exit status: what must be there, is looked for.
        [ -d "$root.new/usr/lib" ] || die_input "the partition ROOT of $image holds no file system of the kind ext4 with" \
            "usr/lib in it; what debugfs said is in $release_dir/unpack.log"
        rm "$image"
        mv -T "$root.new" "$root"
    fi
    echo "$root"
}

# Refuses a kernel that the release does not have.
flatcar_check_kernel() {
    [ -f "$1/usr/lib/modules/$2/build/Module.symvers" ] ||
        die_input "this Flatcar release has no kernel $2; it has: $(cd "$1/usr/lib/modules" && echo *)"
}
