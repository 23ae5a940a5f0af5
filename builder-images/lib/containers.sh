# shellcheck shell=bash
# Podman with its storage under build/containers/, so that a checkout is self-contained: to be sourced after report.sh.
#
#   container_engine ARG...   podman with that storage
#   container_import REF      an image from the root file system tar on stdin

containers_dir=${OVERDRIVE_CONTAINERS:-$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)/build/containers}

# CAP_SYS_RESOURCE (bit 24): without it podman cannot raise its limits.
containers_may_raise_limits() {
    local effective
    effective=$(sed -n 's/^CapEff:[[:space:]]*//p' /proc/self/status)
    (((16#$effective >> 24) & 1))
}

# crun refuses a hybrid cgroup hierarchy; runc takes it. Nothing is written where the machine needs nothing.
containers_write_conf() {
    local conf=$containers_dir/containers.conf
    : >"$conf"
    if [ -d /sys/fs/cgroup/unified ]; then
        printf '[engine]\nruntime = "runc"\n' >>"$conf"
    fi
    if ! containers_may_raise_limits; then
        printf '[containers]\ndefault_ulimits = ["nofile=%d:%d", "nproc=%d:%d"]\n' 20000 20000 10000 10000 >>"$conf"
    fi
    [ -s "$conf" ] || rm "$conf"
}

container_engine() {
    [ "$(id -u)" = 0 ] || die "must be root: building a driver image needs podman as root"
    command -v podman >/dev/null || die "podman is missing; run ci/setup images"
    if [ ! -d "$containers_dir/storage" ]; then
        mkdir -p "$containers_dir"/{storage,run,tmp}
        containers_write_conf
    fi
    local -a env=(TMPDIR="$containers_dir/tmp")
    [ ! -f "$containers_dir/containers.conf" ] || env+=(CONTAINERS_CONF="$containers_dir/containers.conf")
    env "${env[@]}" podman --root "$containers_dir/storage" --runroot "$containers_dir/run" \
        --tmpdir "$containers_dir/run/libpod" --cgroup-manager cgroupfs --events-backend file "$@"
}

container_import() { container_engine import --quiet - "$1"; }
