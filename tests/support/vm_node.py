"""A test node: Debian with systemd in QEMU (TCG), read-only /usr per OS release, writable root disk.

    older, newer = build_nodes()
    with Node(older) as node:                          # booted, systemd says "running"
        rc, output = node.run("systemctl is-active kubelet", timeout=60)
        node.put(Path("some/directory"), "/opt/there")
        job = node.spawn("sleep 100")                  # goes on while other commands run
        node.reboot_into(newer)                        # the same disk, another kernel and /usr
        node.power_cut(); node.start()                 # needs Node(..., power_cut=True)

When the `with` block is left by an exception, the end of the console and the journal's warnings are printed.
Start nodes from the main thread: QEMU dies with the thread that started it.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from vm_agent import Agent, Job, NodeError, Result
from vm_files import HOST_IN_NODE, FileServer

__all__ = ["HOST_IN_NODE", "Job", "Node", "NodeError", "OsRelease", "Result", "build_node", "build_nodes"]

TOP = Path(__file__).resolve().parents[2]
BUILD_NODE = TOP / "tests/vm/build-node"
ROOT_TEMPLATE = TOP / "build/vm/root.ext4"
BOOT_LIMIT = 240.0  # seconds; a boot takes 7 on idle cores
OFF_LIMIT = 180.0
# Without ERMS the kernel copies by 8 bytes instead of by "rep movsb", which TCG runs byte for byte: twice as fast.
CPU = "max,-erms"
KERNEL_ARGUMENTS = (
    "console=ttyS0 loglevel=4 mitigations=off tsc=reliable no_timer_check net.ifnames=0 "
    "random.trust_cpu=on systemd.show_status=0 panic=1"
)


@dataclass(frozen=True)
class OsRelease:
    """What one OS release of the node boots from, as tests/vm/build-node made it."""

    directory: Path
    version: str
    kernel: str
    build_id: str

    @staticmethod
    def load(directory: Path) -> OsRelease:
        return OsRelease(directory, **json.loads((directory / "release.json").read_text()))


def _run_build_node(*arguments: str) -> list[OsRelease]:
    done = subprocess.run([BUILD_NODE, *arguments], stdout=subprocess.PIPE, text=True)
    if done.returncode:
        raise NodeError(f"{BUILD_NODE} failed with status {done.returncode}; its message is above")
    return [OsRelease.load(Path(line)) for line in done.stdout.split()]


def build_nodes() -> tuple[OsRelease, OsRelease]:
    """The two usual OS releases, older first; built unless they are there."""
    older, newer = _run_build_node()
    return older, newer


def build_node(version: str, kernel: str) -> OsRelease:
    """One OS release with the given VERSION_ID and kernel release; built unless it is there."""
    return _run_build_node("--os-version", version, "--kernel", kernel)[0]


class Node:
    """One virtual machine and its disk. The disk lives as long as the Node, over any number of boots."""

    def __init__(
        self,
        release: OsRelease,
        *,
        gpu: bool = True,
        memory_mib: int = 2048,
        cpus: int = 2,
        power_cut: bool = False,
        disk: Path | None = None,
        kernel_arguments: str = "",
        qemu_arguments: Sequence[str] = (),
    ) -> None:
        """
        gpu        a PCI function that looks like an NVIDIA T4 (tests/vm/fake_gpu)
        power_cut  the test will cut the power, so the disk honours the guest's flushes (slower)
        disk       root disk to copy instead of the template, such as one that save_disk() made
        qemu_arguments  more for QEMU, such as further virtio disks: the first of them is /dev/vdc in the node
        """
        self.release = release
        self.gpu = gpu
        self.boots: list[dict[str, object]] = []
        self.work = Path(tempfile.mkdtemp(prefix="overdrive-node-"))
        self.disk = self.work / "root.ext4"
        self._memory_mib, self._cpus = memory_mib, cpus
        self._power_cut = power_cut
        self._kernel_arguments = kernel_arguments
        self._qemu_arguments = list(qemu_arguments)
        self._qemu: subprocess.Popen[bytes] | None = None
        self._agent: Agent | None = None
        self._files = FileServer()
        self._copy_disk(disk or ROOT_TEMPLATE, self.disk)

    # -- power

    def start(self, release: OsRelease | None = None, *, wait: str = "running") -> None:
        """Switches the node on, with another OS release if one is given.

        wait: "agent" until commands can be run; "settled" until systemd has started all it wants to start;
        "running" the same, and every unit that failed makes it a NodeError.
        """
        if self._qemu is not None:
            raise NodeError("the node is already on; power it off first")
        self.release = release or self.release
        self._agent = Agent(self.work)
        started = time.monotonic()
        self._qemu = self._launch()
        try:
            self._agent.wait_ready(BOOT_LIMIT)
            boot: dict[str, object] = {"os": self.release.version, "kernel": self.release.kernel}
            boot["agent_s"] = round(time.monotonic() - started, 1)
            self.boots.append(boot)
            if wait != "agent":
                self._wait_settled(must_run=wait == "running")
                boot["settled_s"] = round(time.monotonic() - started, 1)
        except NodeError as error:
            diagnosis = self.diagnose()
            self._end()
            raise NodeError(f"the node with OS {self.release.version} did not boot: {error}\n{diagnosis}") from error

    def poweroff(self) -> None:
        """Shuts the node down as an operator does: services stop in order, file systems are unmounted."""
        self._switch_off("systemctl --no-block poweroff")

    def reboot_into(self, release: OsRelease, *, wait: str = "running") -> None:
        """An OS update: shutdown, then a boot with another kernel and /usr from the same disk."""
        self.poweroff()
        self.start(release, wait=wait)

    def power_cut(self) -> None:
        """Cuts the power: what the guest had not flushed to its disk is lost."""
        if not self._power_cut:
            raise NodeError("this disk ignores flushes, a power cut would prove nothing; use Node(..., power_cut=True)")
        if self._qemu is None:
            raise NodeError("the node is off already")
        self._end()

    def close(self) -> None:
        """Switches the node off and removes its disk, unless OVERDRIVE_KEEP_NODES is set."""
        self._end()
        self._files.close()
        if os.environ.get("OVERDRIVE_KEEP_NODES"):
            print(f"kept: {self.work}", file=sys.stderr)
        else:
            shutil.rmtree(self.work, ignore_errors=True)

    def __enter__(self) -> Node:
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, _: BaseException | None, __: TracebackType | None) -> None:
        try:
            if kind is not None:
                print(self.diagnose(), file=sys.stderr)
        finally:
            self.close()

    # -- commands and files

    def run(self, script: str, timeout: float = 120.0) -> Result:
        """Runs a bash script as root; returns its exit status and output (both streams)."""
        if self._agent is None:
            raise NodeError("the node is off; start() it first")
        return self._agent.run(script, timeout)

    def check(self, script: str, timeout: float = 120.0) -> str:
        """Runs a script that must succeed; returns its output."""
        rc, output = self.run(f"set -euo pipefail\n{script}", timeout)
        if rc:
            raise NodeError(f"command in the node failed with status {rc}:\n{script}\n{output}")
        return output

    def spawn(self, script: str, timeout: float = 600.0) -> Job:
        """Runs a script beside others."""
        if self._agent is None:
            raise NodeError("the node is off; start() it first")
        return Job(self._agent, script, timeout)

    def wait_for(self, condition: str, timeout: float = 120.0, interval: float = 0.5) -> None:
        """Waits until a script succeeds in the node."""
        script = f"for ((;;)); do ( {condition}\n) && exit 0; sleep {interval}; done"
        if self.run(script, timeout).rc:
            raise NodeError(f"the node did not come to this within {timeout} s: {condition}")

    def put(self, source: Path, to: str, timeout: float = 300.0) -> None:
        """Puts a directory's content, a tar's content (NAME.tar) or one file into the node, owned by root.

        to: the directory to fill, or the name of the file.
        """
        url, to = self._files.share(source), shlex.quote(to)
        if source.is_dir() or source.suffix == ".tar":
            self.check(f"mkdir -p {to}; curl -sSf {url} | tar -x --no-same-owner -p -C {to}", timeout)
            return
        mode = source.stat().st_mode & 0o777
        self.check(f'mkdir -p "$(dirname {to})"; curl -sSf -o {to} {url}; chmod {mode:o} {to}', timeout)

    def url(self, source: Path) -> str:
        """Where the node can fetch a file of the host, or a directory as a tar."""
        return self._files.share(source)

    # -- evidence

    def kubelet_evidence(self) -> dict[str, list[str]]:
        """What the kubelet stand-in found when it started, KEY -> values; empty when it has not started."""
        found: dict[str, list[str]] = {}
        for line in self.run("cat /run/kubelet-stand-in/started 2>/dev/null").output.splitlines():
            key, _, value = line.partition("=")
            found.setdefault(key, []).append(value)
        return found

    @property
    def console_log(self) -> Path:
        """What the latest boot wrote to the serial console."""
        return self.work / f"console-{max(1, len(self._logs()))}.log"

    def save_disk(self, to: Path) -> None:
        """Copies the disk of a node that is off, to start others from (Node(..., disk=...))."""
        if self._qemu is not None:
            raise NodeError("power the node off before its disk is copied")
        self._copy_disk(self.disk, to)

    def diagnose(self) -> str:
        """The end of the console, and what failed as far as the node still tells."""
        text = [f"--- console of {self.release.version} ({self.release.kernel}), its end", *self._console_tail(40)]
        if self._agent and self._qemu and self._qemu.poll() is None:
            script = (
                "systemctl --failed --no-legend --no-pager; systemctl list-jobs --no-legend --no-pager\n"
                "echo --- journal, warnings; journalctl -b -p warning --no-pager | tail -n 40"
            )
            try:
                text.append(f"--- failed units and open jobs\n{self._agent.run(script, 30).output}")
            except NodeError as error:
                text.append(f"--- no journal: {error}")
        return "\n".join(text)

    # -- inside

    def _launch(self) -> subprocess.Popen[bytes]:
        if not shutil.which("qemu-system-x86_64"):
            raise NodeError("qemu-system-x86_64 is missing; run: ci/setup vm")
        assert self._agent is not None
        release = self.release.directory
        log = self.work / f"console-{len(self._logs()) + 1}.log"
        cache = "writeback" if self._power_cut else "unsafe"
        arguments = f"{KERNEL_ARGUMENTS} {'overdrive.fake_gpu=1 ' if self.gpu else ''}{self._kernel_arguments}"
        command = ["setpriv", "--pdeathsig", "KILL", "qemu-system-x86_64"]
        command += f"-accel tcg,thread=multi -M q35 -cpu {CPU}".split()
        command += "-nodefaults -no-user-config -display none -no-reboot".split()
        command += ["-smp", str(self._cpus), "-m", str(self._memory_mib), "-serial", f"file:{log}"]
        command += ["-kernel", f"{release}/vmlinuz", "-initrd", f"{release}/initrd.gz", "-append", arguments]
        command += ["-drive", f"if=none,id=root,file={self.disk},format=raw,cache={cache}"]
        command += ["-drive", f"if=none,id=usr,file={release}/usr.sqfs,format=raw,readonly=on"]
        command += "-device virtio-blk-pci,drive=root -device virtio-blk-pci,drive=usr".split()
        command += self._qemu_arguments
        command += "-netdev user,id=net -device virtio-net-pci,netdev=net,romfile=".split()
        command += "-object rng-random,id=rng,filename=/dev/urandom -device virtio-rng-pci,rng=rng".split()
        command += ["-device", "VGA,vgamem_mb=16"] if self.gpu else []
        command += self._agent.qemu_arguments()
        with (self.work / "qemu.log").open("ab") as errors:
            return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=errors, stderr=errors)

    def _wait_settled(self, must_run: bool) -> None:
        state = self.run("systemctl is-system-running --wait", BOOT_LIMIT).output.strip()
        if must_run and state != "running":
            raise NodeError(f"systemd says '{state}', not 'running'")

    def _switch_off(self, command: str) -> None:
        if self._qemu is None:
            raise NodeError("the node is off already")
        try:
            self.check(command, 60)
        except NodeError:
            # The agent may be stopped before it answers. Then QEMU ends; if it does not, that is said below.
            pass
        try:
            self._qemu.wait(OFF_LIMIT)
        except subprocess.TimeoutExpired:
            diagnosis = self.diagnose()
            self._end()
            raise NodeError(f"the node did not power off within {OFF_LIMIT:.0f} s\n{diagnosis}") from None
        self._end()

    def _end(self) -> None:
        if self._qemu is not None:
            self._qemu.kill()
            self._qemu.wait()
            self._qemu = None
        if self._agent is not None:
            self._agent.close()
            self._agent = None

    def _logs(self) -> list[Path]:
        return sorted(self.work.glob("console-*.log"))

    def _console_tail(self, lines: int) -> list[str]:
        text = ""
        for path in (self.work / "qemu.log", self.console_log):
            if path.exists():
                text += path.read_text(errors="replace")
        return text.splitlines()[-lines:]

    @staticmethod
    def _copy_disk(source: Path, to: Path) -> None:
        subprocess.run(["cp", "--sparse=always", "--reflink=auto", "--", source.resolve(), to], check=True)
