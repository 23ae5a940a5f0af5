"""A small virtual machine of exactly one kernel: boots, loads the driver's modules in their order, looks, unloads them.

QEMU without acceleration; kernel and an initramfs, no disk and no network. The fake GPU of tests/vm makes NVIDIA's real
modules find a device. Signed modules are loaded by a kernel that takes no others, with the signer's key in the firmware's
signature database, as on a node whose owner enrolled it.
"""

from __future__ import annotations

import lzma
import re
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from proof.initramfs import Initramfs
from proof.report import NotRun

HERE = Path(__file__).resolve().parent
APPLETS = ("sh", "mount", "insmod", "rmmod", "uname", "cat", "dmesg", "grep", "tr", "head", "tail", "mknod", "poweroff")
LIMIT = 240.0  # seconds; a boot takes 5 on idle cores, NVIDIA's modules 10 more
PREFIX = re.compile(r"proof: ([a-z-]+) ?(.*)")


@dataclass(frozen=True)
class Platform:
    """What QEMU is told for one architecture. Without ERMS TCG copies memory twice as fast."""

    program: str
    arguments: tuple[str, ...]
    console: str
    firmware: tuple[str, str, str]  # UEFI: Debian's package, and in it the code and the empty variable store


PLATFORMS = {
    "x86_64": Platform("qemu-system-x86_64", ("-M", "q35", "-cpu", "max,-erms"), "ttyS0",
                       ("ovmf", "usr/share/OVMF/OVMF_CODE_4M.fd", "usr/share/OVMF/OVMF_VARS_4M.fd")),
    "aarch64": Platform("qemu-system-aarch64", ("-M", "virt", "-cpu", "max"), "ttyAMA0",
                        ("qemu-efi-aarch64", "usr/share/AAVMF/AAVMF_CODE.fd", "usr/share/AAVMF/AAVMF_VARS.fd")),
}
KERNEL_ARGUMENTS = "loglevel=1 mitigations=off tsc=reliable no_timer_check random.trust_cpu=on panic=-1 oops=panic"


@dataclass
class Parts:
    """What a machine is made of."""

    qemu: list[str]  # the program, and arguments that it needs wherever it was unpacked
    kernel: Path
    busybox: Path
    fake_gpu: Path
    in_tree: list[Path]  # in-tree modules in the order of loading
    uefi: tuple[Path, Path] | None = None  # code, and the variable store of a machine with the signer's key enrolled

    def firmware_arguments(self) -> list[str]:
        if self.uefi is None:
            return []
        code, store = self.uefi
        return ["-drive", f"if=pflash,format=raw,unit=0,readonly=on,file={code}", "-drive", f"if=pflash,format=raw,unit=1,file={store}"]

    @property
    def enforces_signatures(self) -> bool:
        return self.uefi is not None


@dataclass
class Transcript:
    """What the machine said: key -> the texts after it, in their order."""

    said: dict[str, list[str]] = field(default_factory=dict)
    console: str = ""
    seconds: float = 0.0

    def texts(self, key: str) -> list[str]:
        return self.said.get(key, [])

    def by_module(self, key: str) -> dict[str, str]:
        """Of lines such as `version nvidia-uvm 900.1.0`."""
        return dict((line.split(" ", 1) + [""])[:2] for line in self.texts(key))

    @property
    def tail(self) -> str:
        return " | ".join(line.strip() for line in self.console.splitlines()[-8:] if line.strip())


def _plain_module(path: Path) -> bytes:
    return lzma.decompress(path.read_bytes()) if path.suffix == ".xz" else path.read_bytes()


def _initramfs(parts: Parts, description: dict[str, Any], tree: Path) -> Initramfs:
    files = Initramfs()
    files.add("bin/busybox", parts.busybox, 0o755)
    for applet in APPLETS:
        files.link(f"bin/{applet}", "busybox")
    for name in ("dev", "proc", "sys", "in-tree", "driver"):
        files.directory(name)
    files.add("init", HERE / "machine-init", 0o755)
    files.add("fake_gpu.ko", parts.fake_gpu)
    for path in parts.in_tree:
        files.add(f"in-tree/{path.name.removesuffix('.xz')}", _plain_module(path))
    files.add("in-tree/order", "".join(f"{path.name.removesuffix('.xz')}\n" for path in parts.in_tree).encode())
    modules = [module for module in description["modules"] if module["autoload"]]
    for module in modules:
        files.add(f"driver/{module['name']}.ko", tree / module["path"])
    order = "".join(" ".join([module["name"], *(f"{name}={value}" for name, value in module["parameters"].items())]) + "\n" for module in modules)
    files.add("driver/order", order.encode())
    files.add("driver/order-of-removal", "".join(f"{module['name']}\n" for module in reversed(modules)).encode())
    for name in description["firmware"]:
        if (tree / "lib/firmware" / name).is_file():
            files.add(f"lib/firmware/{name}", tree / "lib/firmware" / name)
    return files


def boot(parts: Parts, description: dict[str, Any], tree: Path, work: Path) -> Transcript:
    """Boots, waits for the end, and returns what was said. Raises NotRun when QEMU does not start."""
    platform = PLATFORMS[description["architecture"]]
    initramfs, console = work / "initramfs", work / "console"
    _initramfs(parts, description, tree).write(initramfs)
    memory = 768 + 3 * (initramfs.stat().st_size >> 20)  # the archive, what is unpacked of it, and the loaded modules
    command = ["setpriv", "--pdeathsig", "KILL", *parts.qemu, "-accel", "tcg,thread=multi", *platform.arguments, "-nodefaults", "-no-user-config",
               "-display", "none", "-no-reboot", "-smp", "2", "-m", str(memory), "-serial", f"file:{console}", "-device", "VGA,vgamem_mb=16",
               *parts.firmware_arguments(), "-kernel", str(parts.kernel), "-initrd", str(initramfs), "-append",
               f"console={platform.console} {KERNEL_ARGUMENTS}{' module.sig_enforce=1' if parts.enforces_signatures else ''}"]
    started = time.monotonic()
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, timeout=LIMIT, text=True)
        if done.returncode:
            raise NotRun(f"QEMU ended with status {done.returncode}: {done.stderr.strip()[-300:]}")
    except subprocess.TimeoutExpired:
        pass  # what it said until then tells which step hung
    return transcript_of(console.read_text(errors="replace") if console.exists() else "", time.monotonic() - started)


def transcript_of(console: str, seconds: float) -> Transcript:
    transcript = Transcript(console=console, seconds=seconds)
    for line in console.splitlines():
        if found := PREFIX.search(line):
            transcript.said.setdefault(found[1], []).append(found[2].rstrip())
    return transcript
