"""Who takes part: a way to bring the driver of an artifact from the registry to a directory of this disk."""

from __future__ import annotations

import re
import shutil
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import measure
from inputs import NEXT_KERNEL, NEXT_OS, REPOSITORY, Inputs
from measure import CommandFailed, Cost, Daemon
from ours import AT_REBOOT, Node



@dataclass(frozen=True)
class Place:
    """Where a run reads from and writes to."""

    registry: str  # HOST:PORT
    inputs: Inputs
    work: Path  # on the disk that is measured

    def reference(self, compression: str) -> str:
        return f"{self.registry}/{REPOSITORY}-{compression}:{self.inputs.tag}"

    def layers(self, compression: str) -> dict[str, dict[str, object]]:
        return self.inputs.layers(getattr(self.inputs, compression), self.inputs.tag)


class Contestant:
    """One way, one compression. prepare() and clear() are not timed."""

    is_peer = True
    accepted = 0  # exit code of success

    def __init__(self, name: str, compression: str, place: Place) -> None:
        self.name, self.compression, self.place = name, compression, place
        self.key = f"{name} ({compression})"
        # Plain letters: a comma ends a layer's name in the options of an overlay mount.
        self.work = place.work / re.sub("[^a-z]+", "-", self.key).strip("-")
        self.result = self.work / "out"  # what the disk space is counted of

    def open(self) -> None:
        """Once, before the first run."""

    def close(self) -> None:
        """Once, after the last run."""

    def prepare(self) -> None:
        shutil.rmtree(self.work, ignore_errors=True)
        self.result.mkdir(parents=True)

    def command(self) -> list[str]:
        raise NotImplementedError

    def daemon(self) -> Daemon | None:
        return None

    def clear(self) -> None:
        shutil.rmtree(self.work, ignore_errors=True)

    def run(self, begin: Callable[[], None]) -> Cost:
        """@param begin called when the preparation is over"""
        self.prepare()
        measure.sync(self.place.work)
        begin()
        cost = measure.measure(self.command(), self.place.work, self.place.work / "said.log", self.daemon(), accepted=self.accepted)
        disk = measure.disk_bytes(self.result)
        return Cost(cost.wall, cost.durable, cost.cpu, cost.peak_kib, disk_bytes=disk)


class Overdrive(Contestant):
    """`overdrive install` on a host without a driver: durable when it ends."""

    is_peer = False
    accepted = AT_REBOOT

    def __init__(self, name: str, compression: str, place: Place) -> None:
        super().__init__(name, compression, place)
        self.result = self.work / "host/opt/nvidia"
        self.source = f"docker://{place.registry}/{REPOSITORY}-{compression}"

    def prepare(self) -> None:
        shutil.rmtree(self.work, ignore_errors=True)
        self.node = Node(self.work / "host")

    def command(self) -> list[str]:
        return self.node.install(self.place.inputs.driver, self.source)

    def install_before(self, driver: str) -> None:
        """Not timed: what an update begins with."""
        before = subprocess.run(self.node.install(driver, self.source), capture_output=True, text=True)
        if before.returncode != AT_REBOOT:
            raise CommandFailed(f"{self.key}: the install of {driver} before it failed: {before.stderr}")


class OverdriveUpdate(Overdrive):
    """The same driver for the next kernel, where the driver for this one is installed: `overdrive stage`."""

    accepted = 0

    def __init__(self, name: str, place: Place) -> None:
        super().__init__(name, "zstd", place)

    def prepare(self) -> None:
        super().prepare()
        self.install_before(self.place.inputs.driver)

    def command(self) -> list[str]:
        return self.node.words("stage", self.place.inputs.driver, "--os", NEXT_OS, "--kernel", NEXT_KERNEL, "--source", self.source)


class OverdriveDelta(Overdrive):
    """The driver where an older version of its branch is installed: the pair index names a delta between the two."""

    def __init__(self, name: str, place: Place) -> None:
        super().__init__(name, "zstd", place)

    def prepare(self) -> None:
        super().prepare()
        self.install_before(str(self.place.inputs.older))


@dataclass
class Peers:
    """The tools of bench/make-peers, which are run in a chroot; the caller is in a mount namespace of its own."""

    root: Path
    work: Path
    versions: dict[str, str] = field(default_factory=dict)

    def enter(self) -> None:
        subprocess.run(["mount", "--bind", str(self.root), str(self.root)], check=True)  # dockerd remounts what is / to it
        for source, target in (("/proc", "proc"), ("/sys", "sys"), ("/dev", "dev"), (str(self.work), str(self.work).lstrip("/"))):
            (self.root / target).mkdir(parents=True, exist_ok=True)
            subprocess.run(["mount", "--rbind", source, str(self.root / target)], check=True)
        for name in ("tmp", "run", "var/tmp", "etc/containers"):
            (self.root / name).mkdir(parents=True, exist_ok=True)
        (self.root / "etc/containers/policy.json").write_text('{"default": [{"type": "insecureAcceptAnything"}]}\n')
        for name in ("podman --version", "skopeo --version", "umoci --version", "oras version", "containerd --version", "dockerd --version",
                     "bsdtar --version", "curl --version", "tar --version"):
            said = subprocess.run(self.words("sh", "-c", name), capture_output=True, text=True)
            self.versions[name.split()[0]] = (said.stdout.splitlines() or [f"does not run: {said.stderr.strip()}"])[0].strip()

    def words(self, *words: str) -> list[str]:
        return ["chroot", str(self.root), "env", "LC_ALL=C", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", *words]

    def leave_nothing(self, place: Path) -> None:
        """Removes what a tool left mounted below `place`, and then the place."""
        mounted = [line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]
        for target in sorted((one for one in mounted if str(place) in one), reverse=True):
            subprocess.run(["umount", "-l", target], stderr=subprocess.DEVNULL, check=False)
        shutil.rmtree(place, ignore_errors=True)


class Scripted(Contestant):
    """A peer that is a line of shell: $W is its directory, $OUT where the driver's tree must come to be."""

    def __init__(self, name: str, compression: str, place: Place, peers: Peers, script: str) -> None:
        super().__init__(name, compression, place)
        self.peers, self.script = peers, script
        self.result = self.work

    def prepare(self) -> None:
        self.peers.leave_nothing(self.work)
        (self.work / "out").mkdir(parents=True)

    def command(self) -> list[str]:
        layers = self.place.layers(self.compression)
        repository = self.place.reference(self.compression).rpartition(":")[0]
        values = {"W": self.work, "OUT": self.work / "out", "REF": self.place.reference(self.compression), "REPOSITORY": repository,
                  "URL": f"http://{repository.replace('/', '/v2/', 1)}/blobs", "LAYERS": " ".join(str(one["digest"]) for one in layers.values()),
                  "TAR": "--zstd" if self.compression == "zstd" else "-z"}
        return self.peers.words(*(f"{name}={value}" for name, value in values.items()), "bash", "-euc", self.script)

    def clear(self) -> None:
        self.peers.leave_nothing(self.work)


PODMAN = "p='podman --root '$W'/storage --runroot '$W'/run --tmpdir '$W'/tmp --cgroup-manager cgroupfs --storage-driver overlay'; "
SCRIPTS = {
    "podman pull, then copy out": PODMAN + "$p pull -q --tls-verify=false $REF; m=$($p image mount $REF); cp -a $m/driver/. $OUT",
    "skopeo copy + umoci unpack": "skopeo --insecure-policy copy -q --src-tls-verify=false docker://$REF oci:$W/layout:x; "
                                  "umoci unpack --image $W/layout:x $OUT/bundle",
    "oras blob fetch, then tar": "for d in $LAYERS; do oras blob fetch --plain-http --no-tty -o $W/blob $REPOSITORY@$d; tar -C $OUT $TAR -xf $W/blob; done",
    "curl, sha256sum, bsdtar": "for d in $LAYERS; do curl -sf $URL/$d -o $W/blob; echo ${d#sha256:} $W/blob | sha256sum -c --status; "
                               "bsdtar -C $OUT -xf $W/blob; done",
}


class WithDaemon(Scripted):
    """A peer whose work is done by a daemon of its own, started before the first run."""

    def __init__(self, name: str, compression: str, place: Place, peers: Peers, daemon: str, ready: str, script: str, undo: str) -> None:
        super().__init__(name, compression, place, peers, script)
        self._start, self._ready, self._undo = daemon, ready, undo
        self._daemon: Daemon | None = None
        self._log = place.work / f"{self.work.name}.log"

    def open(self) -> None:
        self.peers.leave_nothing(self.work)
        self.work.mkdir(parents=True)
        self._daemon = Daemon(self._shell(f"exec {self._start}"), self._log)
        deadline = time.monotonic() + 60
        while subprocess.run(self._shell(self._ready), capture_output=True).returncode:
            if not self._daemon.runs() or time.monotonic() > deadline:
                self.close()
                raise CommandFailed(f"{self.name}: its daemon does not start: {self._log.read_text(errors='replace')[-600:]}")
            time.sleep(0.2)

    def close(self) -> None:
        if self._daemon:
            self._daemon.stop()
        self._daemon = None
        self.peers.leave_nothing(self.work)

    def prepare(self) -> None:
        """What was pulled is taken away again; the daemon stays."""
        subprocess.run(self._shell(self._undo), capture_output=True)

    def daemon(self) -> Daemon | None:
        return self._daemon

    def clear(self) -> None:
        self.prepare()

    def _shell(self, script: str) -> list[str]:
        return self.peers.words(f"W={self.work}", f"REF={self.place.reference(self.compression)}", "bash", "-uc", script)


def containerd(compression: str, place: Place, peers: Peers) -> Contestant:
    ctr = "ctr -a $W/sock"
    return WithDaemon("containerd pull", compression, place, peers, "containerd --root $W/root --state $W/state --address $W/sock --log-level error",
                      f"{ctr} version", f"ctr -a $W/sock images pull --plain-http $REF", f"{ctr} images rm --sync $REF; {ctr} content prune references")


def docker(compression: str, place: Place, peers: Peers) -> Contestant:
    client = "docker -H unix://$W/sock"
    daemon = ("dockerd --data-root $W/root --exec-root $W/exec --pidfile $W/pid --host unix://$W/sock --iptables=false --ip6tables=false --bridge=none "
              "--storage-driver overlay2 --log-level error")
    return WithDaemon("docker pull", compression, place, peers, daemon, f"{client} version", "docker -H unix://$W/sock pull -q $REF",
                      f"{client} image prune -af")


def everyone(place: Place, peers: Peers | None) -> list[Contestant]:
    made: list[Contestant] = []
    for compression in ("zstd", "gzip"):
        made.append(Overdrive("overdrive install", compression, place))
        if peers:
            made += [make(compression, place, peers) for make in (containerd, docker)]
            made += [Scripted(name, compression, place, peers, script) for name, script in SCRIPTS.items()]
    made.append(OverdriveUpdate("overdrive, next kernel", place))
    if place.inputs.older:
        made.append(OverdriveDelta("overdrive, delta", place))
    return made

