# shellcheck shell=bash
# Built drivers under build/drivers/DRIVER ID/, each with a key of what it was made from: what is there with the
# right key is not built again. TREE.inputs is the ledger of its build (ci/lib/ledger.sh). To be sourced after report.sh and debian-archive.sh, with `shopt -s inherit_errexit`.
#
#   cached_user_space ID TYPE VERSION         prints the user-space tree (no kernel among its inputs)
#   cached_modules ID TYPE VERSION RELEASE    prints the directory with modules/ and Module.symvers

drivers_dir=${OVERDRIVE_DRIVERS:-$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)/build/drivers}
images_dir=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

# A checksum of files and directories as they are in the checkout, and of the words on stdin.
cache_key() { { cat && find "$@" -type f -print0 | sort -z | xargs -0 sha256sum | sed "s,$images_dir,,"; } | sha256sum | cut -c1-16; }

# Runs a command that makes $1 unless $1 was made with the key $2. The command's messages go to stderr.
cached() {
    local target=$1 key=$2 lock
    shift 2
    mkdir -p "$(dirname "$target")"
    exec {lock}>"$target.lock"
    flock "$lock"
    if [ -d "$target" ] && [ -e "$target.inputs" ] && [ "$(cat "$target.key" 2>/dev/null)" = "$key" ]; then
        say "$(basename "$(dirname "$target")")/$(basename "$target"): built before"
    else
        rm -f "$target.key" "$target.inputs"
        : >"$target.inputs.new"
        OVERDRIVE_LEDGER=$target.inputs.new "$@" >&2
        mv "$target.inputs.new" "$target.inputs"
        echo "$key" >"$target.key"
    fi
    exec {lock}>&-
}

stand_in_user_space() {
    local work
    work=$(mktemp -d "$2.XXXXXX")
    "$images_dir/stand-in/build" --version "$1" --out "$work"
    rm -rf "$2"
    mv -T "$work/user-space" "$2"
    rm -r "$work"
    echo "$1" >"$2.persistenced-version"
}

cached_user_space() {
    local target=$drivers_dir/$1/user-space key
    if [ "$2" = stand-in ]; then
        key=$(cache_key "$images_dir"/stand-in/{build,user-space} <<<"$3")
        cached "$target" "$key" stand_in_user_space "$3" "$target"
    else
        key=$({ echo "$3" && archive_versions libcuda1 && archive_versions nvidia-persistenced; } |
            cache_key "$images_dir"/{debian/user-space,supported-gpus})
        cached "$target" "$key" "$images_dir/debian/user-space" --driver "$3" --out "$target"
    fi
    echo "$target"
}

stand_in_modules() {
    local version=$1 kernel=$2 target=$3 work headers
    # shellcheck source=ci/lib/kernel-headers.sh
    . "$images_dir/../ci/lib/kernel-headers.sh"
    headers=$(kernel_headers "$kernel")
    work=$(mktemp -d "$target.XXXXXX")
    "$images_dir/stand-in/build" --version "$version" --kernel "$kernel" --out "$work" --firmware-mib 0
    cp "$headers/Module.symvers" "$work/"
    rm -rf "$target" "$work/user-space"
    chmod 0755 "$work"
    mv -T "$work" "$target"
}

cached_modules() {
    local type=$2 version=$3 kernel=$4 target=$drivers_dir/$1/$4 key
    if [ "$type" = stand-in ]; then
        key=$({ echo "$version" && archive_versions "linux-headers-$kernel"; } |
            cache_key "$images_dir"/stand-in/{build,modules})
        cached "$target" "$key" stand_in_modules "$version" "$kernel" "$target"
    else
        key=$({ echo "$version" && archive_versions "linux-headers-$kernel" && archive_versions nvidia-open-kernel-dkms; } |
            cache_key "$images_dir"/debian/{Containerfile,build-modules,base-packages,patches})
        cached "$target" "$key" "$images_dir/debian/modules" --driver "$version" --kernel "$kernel" --out "$target"
    fi
    echo "$target"
}
