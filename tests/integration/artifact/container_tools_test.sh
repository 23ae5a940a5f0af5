#!/usr/bin/env bash
# The public container tools take what pack makes. Usage: container_tools_test.sh ARTIFACT BUNDLE
set -euo pipefail
artifact=$1 bundle=$2
# shellcheck source=tests/integration/artifact/case.sh
. "$(dirname "$0")/case.sh"
[ -f "$bundle/VERSION" ] || skip "$bundle is not there; make it: ci/bundle build/dev $bundle"
need skopeo docker-registry jq curl podman

blob_of() { jq -r --arg role "$1" '.layers[] | select(.annotations."org.overdrive.layer" == $role).digest'; }

start_registry() {
    port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
    cat >"$work/registry.yml" <<END
version: 0.1
log: {accesslog: {disabled: false}}
storage: {filesystem: {rootdirectory: $work/registry}}
http: {addr: "127.0.0.1:$port"}
END
    docker-registry serve "$work/registry.yml" >"$work/registry.log" 2>&1 &
    registry_pid=$!
    cleanups+=("kill $registry_pid")
    for _ in $(seq 100); do
        ! curl -sf "http://127.0.0.1:$port/v2/" >/dev/null || return 0
        sleep 0.1
    done
    fail "the registry does not answer: $(cat "$work/registry.log")"
}

small_driver "$work/first" 6.1.0-1-test "$bundle"
small_driver "$work/second" 6.1.0-2-test "$bundle"
first=12-6.1.0-1-test-900.1.0 second=12-6.1.0-2-test-900.1.0

claim "packing twice gives the same digest"
digest=$(pack_small "$work/first" "$work/layout")
same "$(pack_small "$work/first" "$work/again")" "$digest"
second_digest=$(pack_small "$work/second" "$work/layout")

claim "skopeo copies the layout without changing the image"
must skopeo copy --preserve-digests "oci:$work/layout:$first" "oci:$work/copy:$first"
same "$("$artifact" inspect --json "oci:$work/copy:$first" | jq -r .manifest)" "$digest"

claim "skopeo pushes it to a registry and the registry serves the same image"
start_registry
repository=127.0.0.1:$port/overdrive/nvidia-debian
must skopeo copy --preserve-digests --dest-tls-verify=false "oci:$work/layout:$first" "docker://$repository:$first"
same "$(skopeo inspect --tls-verify=false "docker://$repository:$first" | jq -r .Digest)" "$digest"
same "$(skopeo inspect --tls-verify=false "docker://$repository:$first" | jq -r '.Labels."org.overdrive.driver"')" 900.1.0
manifest=$(skopeo inspect --raw --tls-verify=false "docker://$repository:$first")
same "$(jq -r '[.layers[].annotations."org.overdrive.layer"] | join(" ")' <<<"$manifest")" "program user-space modules"

claim "a second kernel uploads nothing but its modules layer, config and manifest"
before=$(grep -c '"PUT /v2/.*/blobs/uploads' "$work/registry.log")
must skopeo copy --preserve-digests --dest-tls-verify=false "oci:$work/layout:$second" "docker://$repository:$second"
same "$(skopeo inspect --tls-verify=false "docker://$repository:$second" | jq -r .Digest)" "$second_digest"
same $(($(grep -c '"PUT /v2/.*/blobs/uploads' "$work/registry.log") - before)) 2
same "$(blob_of user-space <<<"$manifest")" \
    "$(skopeo inspect --raw --tls-verify=false "docker://$repository:$second" | blob_of user-space)"

claim "the layers are what the image config says they are"
config=$(skopeo inspect --config --raw --tls-verify=false "docker://$repository:$first")
for i in 0 1 2; do
    blob=$(jq -r ".layers[$i].digest" <<<"$manifest")
    same "sha256:$(zstd -dcq "$work/layout/blobs/sha256/${blob#sha256:}" | sha256sum | cut -d' ' -f1)" \
        "$(jq -r ".rootfs.diff_ids[$i]" <<<"$config")"
done

claim "GNU tar lists sorted members of root with time 0 and modes 0644 or 0755"
blob=$(blob_of modules <<<"$manifest")
listing=$(zstd -dcq "$work/layout/blobs/sha256/${blob#sha256:}" | TZ=UTC tar -tv --numeric-owner)
same "$(grep -cvE '^(drwxr-xr-x|-rwxr-xr-x|-rw-r--r--|lrwxrwxrwx) 0/0 +[0-9]+ 1970-01-01 00:00 ' <<<"$listing")" 0
same "$(awk '{ print $6 }' <<<"$listing" | tr '\n' ' ')" \
    "driver/ driver/driver.json driver/lib/ driver/lib/modules/ driver/lib/modules/6.1.0-1-test/ driver/lib/modules/6.1.0-1-test/nvidia.ko "

[ "$(id -u)" = 0 ] || skip "podman is run as root here; all claims before this one hold"
claim "podman runs the image FROM scratch with the bundled program"
export OVERDRIVE_CONTAINERS=$work/containers
die() { fail "$*"; }
# shellcheck source=builder-images/lib/containers.sh
. "$root/builder-images/lib/containers.sh"
forget_containers() { umount "$OVERDRIVE_CONTAINERS/storage/overlay" 2>/dev/null || true; }
cleanups+=(forget_containers)
# Podman makes an image name of the directory, and names have no capitals.
must cd "$work"
must container_engine pull "oci:layout:$first"
image=$(container_engine images --quiet | head -n 1)
answer=$(container_engine run --rm --network none "$image" --version 2>"$work/said") || fail "$(cat "$work/said")"
same "$answer" "$("$bundle/bin/overdrive" --version)"
