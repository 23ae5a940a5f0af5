# shellcheck shell=bash
# What the shell tests of this folder share: to be sourced after $artifact, the overdrive-artifact to test, is set.
#
#   $root                  the checkout
#   $work                  a temporary directory, removed at the end
#   claim TEXT             begins a claim; its name stands before every failure
#   must COMMAND...        fails the test when the command fails
#   must_fail RC COMMAND...  fails the test when the command does not exit with RC; its output is in $said
#   small_driver DIR KERNEL  inputs of `overdrive-artifact pack` in DIR

export root
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../../.." && pwd)
work=$(mktemp -d)
cleanups=()
trap clean_up EXIT

clean_up() {
    local status=$? cleanup
    for cleanup in "${cleanups[@]}"; do $cleanup || true; done
    rm -rf --one-file-system "$work"
    exit "$status"
}

claim() {
    claimed=$1
    echo "-- $claimed"
}

fail() {
    echo "FAILED: $claimed: $*" >&2
    exit 1
}

# Exit 77 is ctest's sign of a skipped test.
skip() {
    echo "SKIPPED: $*"
    exit 77
}

need() {
    local program
    for program in "$@"; do
        command -v "$program" >/dev/null || skip "the program $program is not installed (ci/setup)"
    done
}

must() { "$@" >"$work/said" 2>&1 || fail "$* exited with $?: $(cat "$work/said")"; }

must_fail() {
    local wanted=$1 result=0
    shift
    said=$("$@" 2>&1) || result=$?
    [ "$result" = "$wanted" ] || fail "$* exited with $result, not $wanted: $said"
}

same() { [ "$1" = "$2" ] || fail "'$1' is not '$2'"; }

small_driver() {
    local dir=$1 kernel=$2 program=${3:-}
    mkdir -p "$dir"/{program/bin,user/bin,user/lib64,user/lib/firmware/nvidia/900.1.0,"modules/lib/modules/$kernel"}
    if [ -n "$program" ]; then
        rm -r "$dir/program" && cp -a "$program" "$dir/program"
    else
        install -m 0755 /dev/null "$dir/program/bin/overdrive"
    fi
    install -m 0755 /dev/null "$dir/user/bin/nvidia-smi"
    seq 200000 >"$dir/user/lib64/libcuda.so.900.1.0"
    ln -s libcuda.so.900.1.0 "$dir/user/lib64/libcuda.so.1"
    echo firmware >"$dir/user/lib/firmware/nvidia/900.1.0/gsp_tu10x.bin"
    echo "module for $kernel" >"$dir/modules/lib/modules/$kernel/nvidia.ko"
    cat >"$dir/describe.json" <<END
{"schema": 1, "min_reader": 1, "driver": "900.1.0", "driver_version": "900.1.0", "module_type": "stand-in",
 "os": {"id": "debian", "version_id": "12", "key": "12-$kernel"}, "architecture": "x86_64",
 "kernel": {"release": "$kernel", "vermagic": "$kernel SMP ", "build_id": null, "config_sha256": null, "flavour": ""},
 "signer": null, "prerequisites": [], "firmware": ["nvidia/900.1.0/gsp_tu10x.bin"], "device_nodes": [], "daemons": [],
 "modules": [{"name": "nvidia", "path": "lib/modules/$kernel/nvidia.ko", "version": "900.1.0", "depends": []}]}
END
}

# pack_small DIR LAYOUT [OPTION]...: prints the manifest's digest.
pack_small() {
    local dir=$1 layout=$2
    shift 2
    "${artifact:?}" pack --describe "$dir/describe.json" --program "$dir/program" --user-space "$dir/user" \
        --modules "$dir/modules" --output "$layout" "$@" 2>"$work/pack.log" || fail "pack: $(cat "$work/pack.log")"
}
