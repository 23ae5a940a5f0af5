# shellcheck shell=bash
# Built drivers under build/drivers/, each with a key of what it was made from: what is there with the right key is not
# built again; TREE.inputs is the ledger of its build (ci/lib/ledger.sh). To be sourced after report.sh, with
# `shopt -s inherit_errexit`; takes the words of builder-images/build: os, os_version, os_key, kernel, architecture,
# driver_id, driver_version, driver_source, module_type, kernel_inputs, driver_inputs.
#
#   cached_user_space    prints the user-space tree (no kernel among its inputs)
#   cached_modules       prints the directory with modules/ and Module.symvers
#   cached_signed_modules   the same of $modules, signed with module_keys and module_certificates

# shellcheck disable=SC2154 # set by builder-images/build
images_dir=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
drivers_dir=${OVERDRIVE_DRIVERS:-$images_dir/../build/drivers}

# A checksum of files and directories as they are in the checkout, and of the words on stdin.
cache_key() { { cat && find -L "$@" -type f -print0 | sort -z | xargs -0 sha256sum | sed "s,$images_dir,,"; } | sha256sum | cut -c1-16; }

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

# Where what is made for $1 lies. The usual source and this machine's architecture go without saying.
cache_place() {
    local place=$drivers_dir/$1
    [ "$driver_source" = debian ] || [ "$driver_source" = stand-in ] || place+=@$driver_source
    [ "$architecture" = "$(uname -m)" ] || place+=@$architecture
    echo "$place"
}

# The user space is that of the driver version, whatever its modules are.
cached_user_space() {
    local target key source=$images_dir/driver-sources/$driver_source
    target=$(cache_place "$driver_version")/user-space
    key=$("$source/inputs-id" --part user-space --driver "$driver_version" --architecture "$architecture")
    local -a parts=("$source/user-space" "$images_dir"/{supported-gpus,lib/user-space.sh})
    [ ! -L "$source/user-space" ] || parts+=("$images_dir"/driver-sources/*.py)
    key=$(cache_key "${parts[@]}" <<<"$key")
    cached "$target" "$key" "$source/user-space" --driver "$driver_version" --architecture "$architecture" --out "$target"
    echo "$target"
}

# Debian's headers can be used as they are unpacked, so the stand-in needs no container there: 3 seconds.
stand_in_modules() {
    local target=$1 work headers
    # shellcheck source=ci/lib/debian-archive.sh
    . "$images_dir/../ci/lib/debian-archive.sh"
    # shellcheck source=ci/lib/kernel-headers.sh
    . "$images_dir/../ci/lib/kernel-headers.sh"
    headers=$(kernel_headers "$kernel") || die_input "the headers of kernel $kernel could not be had; the message is above"
    work=$(mktemp -d "$target.XXXXXX")
    "$images_dir/stand-in/build" --version "$driver_version" --kernel "$kernel" --out "$work" --firmware-mib 0
    cp "$headers/Module.symvers" "$work/"
    rm -rf "$target" "$work/user-space"
    chmod 0755 "$work"
    mv -T "$work" "$target"
}

cached_modules() {
    local target key name=$kernel patches=$images_dir/patches/${driver_version%%.*}
    local -a parts=("$images_dir"/{"$os/Containerfile","$os"/base*,lib/Containerfile.modules,lib/build-modules})
    # Two releases of an OS whose key is its version may call different kernels the same.
    [ "$os_key" != "$os_version" ] || [ "$os" = debian ] || name=$os_key-$kernel
    target=$(cache_place "$driver_id")/$name
    if [ "$module_type" = stand-in ] && [ "$os" = debian ]; then
        key=$(cache_key "$images_dir"/stand-in/{build,modules} <<<"$kernel_inputs$driver_inputs")
        cached "$target" "$key" stand_in_modules "$target"
    else
        [ ! -d "$patches" ] || parts+=("$patches")
        key=$(cache_key "${parts[@]}" <<<"$kernel_inputs$driver_inputs")
        cached "$target" "$key" "$images_dir/compile-modules" --os "$os" --os-version "$os_version" --kernel "$kernel" \
            --driver "$driver_version" --module-type "$module_type" --driver-source "$driver_source" \
            --architecture "$architecture" --out "$target"
    fi
    echo "$target"
}

sign_copy() {
    local target=$1 number
    local -a words=()
    for number in "${!module_keys[@]}"; do
        words+=(--key "${module_keys[number]}" --certificate "${module_certificates[number]}")
    done
    cat "$modules.inputs" >>"$OVERDRIVE_LEDGER"
    rm -rf "$target"
    mkdir "$target"
    cp -r "$modules/modules" "$modules/Module.symvers" "$target/"
    "$images_dir/sign-modules" "$target/modules/lib/modules/$kernel" "${words[@]}" || die "the modules could not be signed; nothing was published"
}

# Keys count by their certificates: nothing that is made from a private key is kept but the signatures.
cached_signed_modules() {
    local target key
    target=$modules@signed-$(cat "${module_certificates[@]}" | sha256sum | cut -c1-8)
    key=$({ cat "$modules.key" && cat "${module_certificates[@]}"; } | cache_key "$images_dir"/{sign-modules,proof/module_signature.py})
    cached "$target" "$key" sign_copy "$target"
    echo "$target"
}
