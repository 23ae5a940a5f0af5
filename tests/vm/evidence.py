"""Raw evidence from a node: what the kernel, systemd, the linker and the registry say, never what overdrive says.

Each function asks one thing and returns a Line. `status_agrees` then holds overdrive's own word against them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass

from vm_node import Node
from vm_registry import Request, bytes_of, downloads

GENERATIONS = "/opt/nvidia"


@dataclass(frozen=True)
class Line:
    """One row of a table: what is claimed, what was found, whether that is it."""

    claim: str
    source: str
    found: str
    ok: bool

    def as_json(self) -> dict[str, object]:
        return asdict(self)


@dataclass(frozen=True)
class Wanted:
    """What a node must show."""

    driver: str  # driver id
    version: str
    os_key: str
    kernel: str
    programs: str = "/opt/bin"  # where the profile of its OS links them

    @property
    def generation(self) -> str:
        return f"{GENERATIONS}/{self.driver}/{self.os_key}"


def _one_line(text: str, most: int = 100) -> str:
    return " ".join(text.split())[:most]


def loaded_version(node: Node, wanted: Wanted) -> Line:
    text = node.run("cat /proc/driver/nvidia/version").output
    return Line(f"driver {wanted.version} is loaded", "/proc/driver/nvidia/version", _one_line(text), f" {wanted.version} " in f"{text} ")


def modules(node: Node, wanted: Wanted) -> Line:
    lines = node.run("grep -E '^nvidia' /proc/modules").output.splitlines()
    names = {line.split()[0] for line in lines}
    needed = {"nvidia", "nvidia_uvm", "nvidia_modeset", "nvidia_drm"}
    return Line("its modules are loaded", "/proc/modules", " ".join(sorted(names)), needed <= names)


def overlay(node: Node, wanted: Wanted) -> Line:
    table = node.run("grep ' /usr/lib64 ' /proc/1/mountinfo").output.splitlines()
    ours = [line for line in table if " - overlay overdrive " in line]
    options = ours[0].split()[5] if ours else ""
    library = f"libcuda.so.{wanted.version}"
    same = node.run(f"cmp /usr/lib64/{library} {wanted.generation}/lib64/{library}").rc == 0
    found = f"{len(table)} mount(s), {options}, {library} as in the generation: {same}"
    ok = len(table) == 1 and "ro" in options.split(",") and same
    return Line("one read-only overlay on the host's /usr/lib64", "/proc/1/mountinfo, cmp", found, ok)


def linker(node: Node, wanted: Wanted) -> Line:
    listing = node.run("ldconfig -p | grep -E 'lib(cuda|nvidia-ml).so.1 '").output
    found = [line.split("=>")[-1].strip() for line in listing.splitlines()]
    return Line("the linker finds libcuda and libnvidia-ml", "ldconfig -p", " ".join(found), len(found) == 2)


def nvidia_smi(node: Node, wanted: Wanted) -> Line:
    where = node.run(f"readlink {wanted.programs}/nvidia-smi").output.strip()
    rc, output = node.run(f"{wanted.programs}/nvidia-smi", timeout=180)
    ok = rc == 6 and "No devices were found" in output and where.startswith(f"{GENERATIONS}/")
    return Line("nvidia-smi runs from its link and finds no usable GPU", f"{wanted.programs}/nvidia-smi", f"rc {rc}: {_one_line(output)}", ok)


def firmware(node: Node, wanted: Wanted) -> Line:
    """After nvidia-smi: opening the device is what makes the driver ask for its firmware."""
    name = f"nvidia/{wanted.version}/gsp_tu10x.bin"
    log = node.run(f"dmesg | grep -F {name}").output
    path = node.run("cat /sys/module/firmware_class/parameters/path").output.strip()
    ok = f"direct-loading firmware {name}" in log and path == f"{wanted.generation}/lib/firmware"
    return Line("the kernel loaded the GSP firmware from the generation", "dmesg", _one_line(log.splitlines()[-1] if log else "nothing"), ok)


def persistenced(node: Node, wanted: Wanted) -> Line:
    script = "pid=$(cat /run/nvidia-persistenced/nvidia-persistenced.pid) && readlink /proc/$pid/exe && stat -c %U /proc/$pid"
    rc, output = node.run(script)
    words = output.split()
    ok = rc == 0 and words[0].startswith(f"{wanted.generation}/bin/nvidia-persistenced") and words[1] == "nvidia-persistenced"
    return Line("nvidia-persistenced runs as its own user", "/proc/PID/exe", _one_line(output), ok)


def current(node: Node, wanted: Wanted) -> Line:
    link = node.run(f"readlink {GENERATIONS}/current").output.strip()
    return Line("'current' names the generation", "readlink", link, link == f"{wanted.driver}/{wanted.os_key}")


def nodes(node: Node, wanted: Wanted) -> Line:
    script = "for n in nvidiactl nvidia0 nvidia-uvm; do stat -c '%n %F %Hr:%Lr' /dev/$n; readlink -e /dev/char/$(stat -c %Hr:%Lr /dev/$n); done"
    rc, output = node.run(script)
    ok = output.count("character special file") == 3 and all(f"\n/dev/{n}\n" in f"{output}\n" for n in ("nvidiactl", "nvidia0", "nvidia-uvm"))
    return Line("device nodes and their /dev/char links exist", "stat /dev", _one_line(output.replace("character special file", "")), rc == 0 and ok)


# A root of the node's own C library, loader and ldconfig; the overlay with the driver's libraries is not in it.
CONTAINER = """
root=/var/tmp/container
mkdir -p $root/bin $root/etc $root/proc $root/sys $root/dev $root/tmp
for file in /bin/bash /bin/ls /bin/grep /sbin/ldconfig; do
    for each in $file $(ldd $file | grep -o '/[^ ]*'); do [ -e $root$each ] || install -D $each $root$each; done
done
for name in libdl.so.2 libm.so.6 libpthread.so.0 librt.so.1; do install -D /lib/x86_64-linux-gnu/$name $root/lib/x86_64-linux-gnu/$name; done
cp -r /etc/ld.so.conf /etc/ld.so.conf.d $root/etc/; rm -f $root/etc/ld.so.conf.d/*overdrive*
podman run --rm --network none --device nvidia.com/gpu=all --rootfs $root bash -c \
    'ls /dev/nvidia0 /dev/nvidiactl; nvidia-smi; echo "rc $?"; ldconfig -p | grep "libcuda.so.1 "; ls -l /lib64/libcuda.so.1' 2>&1
"""


def container(node: Node, wanted: Wanted) -> Line:
    """What the engine was told when the driver came into force; no program of ours runs but the hook."""
    spec = node.run("cat /run/cdi/overdrive-nvidia.yaml").output
    paths = [line.split(": ", 1)[1] for line in spec.splitlines() if line.strip().startswith("- hostPath: ")]
    named = bool(paths) and all(path.startswith(f"{wanted.generation}/") for path in paths)
    said = node.run(CONTAINER, timeout=180).output
    ok = named and all(text in said for text in ("/dev/nvidia0\n", "No devices were found", "rc 6", f"-> libcuda.so.{wanted.version}"))
    ok = ok and "=> /lib64/libcuda.so.1" in said.replace("/usr/lib64", "/lib64")
    return Line("a container of podman gets nodes, libraries and nvidia-smi of the generation", "podman run --device nvidia.com/gpu=all",
                f"{len(paths)} mounts; {_one_line(said, 300)}", ok)


def kubelet_after_driver(node: Node, wanted: Wanted) -> Line:
    def moment(unit: str, name: str) -> int:
        return int(node.run(f"systemctl show -P {name} {unit}").output.strip() or 0)

    driver = moment("nvidia.service", "ActiveEnterTimestampMonotonic")
    kubelet = moment("kubelet.service", "ExecMainStartTimestampMonotonic")
    seen = node.kubelet_evidence()
    found = f"nvidia.service at {driver / 1e6:.1f} s, kubelet at {kubelet / 1e6:.1f} s; it saw {_one_line(' '.join(seen.get('driver_version', ['no driver'])), 60)}"
    return Line("the kubelet stand-in started after the driver was there", "systemd timestamps, its own record", found,
                0 < driver < kubelet and any(wanted.version in text for text in seen.get("driver_version", [])))


def os_release(node: Node, wanted: Wanted) -> Line:
    kernel = node.run("uname -r").output.strip()
    return Line("the node runs this kernel", "uname -r", kernel, kernel == wanted.kernel)


def all_of(node: Node, wanted: Wanted, *, kubelet: bool) -> list[Line]:
    """Everything that must hold on a node with the driver in force."""
    checks = [os_release, current, loaded_version, modules, overlay, linker, nodes, nvidia_smi, firmware, persistenced, container]
    lines = [check(node, wanted) for check in checks]
    return lines + ([kubelet_after_driver(node, wanted)] if kubelet else [])


def status_agrees(node: Node, wanted: Wanted) -> Line:
    """overdrive's own status must say the same as the evidence."""
    rc, output = node.run("/opt/overdrive/current/bin/overdrive status --json 2>/dev/null", timeout=60)
    try:
        status = json.loads(output)
    except ValueError:
        return Line("'overdrive status' agrees", "status --json", _one_line(output), False)
    expected = {
        "state": "ready",
        "current": f"{wanted.driver}/{wanted.os_key}",
        "loaded_version": wanted.version,
        "kernel_release": wanted.kernel,
        "exposure": "overlay healthy",
        "missing_nodes": [],
    }
    different = [f"{key}: {status.get(key)!r}" for key, value in expected.items() if status.get(key) != value]
    return Line("'overdrive status' agrees", "status --json", ", ".join(different) or "ready", rc == 0 and not different)


def only_downloaded(requests: Iterable[Request], blobs: dict[str, int]) -> Line:
    """The registry handed out exactly these blobs (digest -> size), and manifests of at most 64 kB in all."""
    asked = [one for one in downloads(requests)]
    blob_paths = [one for one in asked if "/blobs/" in one.path]
    got = {one.path.rsplit("/", 1)[-1]: one.bytes for one in blob_paths}
    manifests = bytes_of(one for one in asked if "/manifests/" in one.path)
    found = f"{len(blob_paths)} blob(s), {sum(got.values()) / 1e6:.1f} MB, manifests {manifests} bytes"
    ok = got == blobs and len(blob_paths) == len(blobs) and manifests <= 64_000
    if not ok:
        found += "; " + " ".join(f"{one.method} {one.path[-20:]} {one.status} {one.bytes}" for one in asked)
    return Line("only the modules layer and manifests were downloaded", "the registry's access log", found, ok)


def nothing_downloaded(requests: Iterable[Request]) -> Line:
    asked = list(requests)
    return Line("the boot asked the registry for nothing", "the registry's access log", f"{len(asked)} request(s)", not asked)


SNAPSHOT = """
find /opt/nvidia /opt/overdrive /opt/bin /etc -xdev ! -name lock -printf '%p %y %s %T@ %l\\n' 2>/dev/null | sort
cut -d' ' -f1,5- /proc/1/mountinfo
cat /proc/modules | cut -d' ' -f1,3
systemctl show -p ActiveState,InvocationID nvidia.service nvidia-persistenced.service
ls -l /dev/nvidia* /dev/char | grep -v total
"""


def snapshot(node: Node) -> str:
    """The host as a second run must leave it: files, mounts, modules, units, nodes."""
    return node.check(SNAPSHOT, timeout=120)


def unchanged(before: str, after: str, what: str) -> Line:
    different = sorted(set(before.splitlines()) ^ set(after.splitlines()))
    return Line(f"{what} changes nothing", "files, mounts, modules, units before and after",
                _one_line("; ".join(different)) or f"{len(before.splitlines())} lines equal", not different)
