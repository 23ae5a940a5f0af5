"""A small host's tree for overdrive-simulated, and the small signed artifacts that are installed onto it.

The driver has four modules in text form (simulated_kernel.hpp), two libraries, a program, firmware and device nodes: every
step of an activation has something to do, and a whole install is a few hundred system calls.
"""

from __future__ import annotations

import ctypes
import functools
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(TOP / "tests/support"), str(TOP / "tests/integration/cli")]

import cli_case  # noqa: E402
from cli_case import KERNEL, OS_VERSION, bytes_of, programs, say  # noqa: E402

DRIVERS = ("900.1.0", "900.2.0", "900.3.0")
LIBRARY_BYTES = 48_000
MODULES = {"nvidia": [], "nvidia-uvm": ["nvidia"], "nvidia-modeset": ["nvidia"], "nvidia-drm": ["nvidia-modeset"]}
CLONE_NEWNS, MS_REC, MS_PRIVATE, MNT_DETACH = 0x20000, 0x4000, 1 << 18, 2
libc = ctypes.CDLL(None, use_errno=True)


def pair(driver: str) -> str:
    return f"{driver}/{OS_VERSION}"


def fast_place() -> str | None:
    """Where a tree is copied in no time and syncing it costs nothing; None where there is no such place."""
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else None


def simulated() -> Path:
    return programs() / "overdrive-simulated"


# --- artifacts


def _module(driver: str, name: str) -> bytes:
    fields = {"name": name, "version": driver, "vermagic": f"{KERNEL} SMP ", "depends": ",".join(MODULES[name])}
    return "".join(f"{key}={value}\n" for key, value in fields.items()).encode() + b"\n" + bytes_of(f"{driver} {name}", 9_000)


def _describe(driver: str) -> dict[str, object]:
    document = cli_case.describe(driver, KERNEL, OS_VERSION)
    document["modules"] = [{"name": name, "path": f"lib/modules/{KERNEL}/{name}.ko", "version": driver, "depends": needs,
                            "required": name != "nvidia-drm", "autoload": True} for name, needs in MODULES.items()]
    document["firmware"] = [f"nvidia/{driver}/gsp.bin"]
    document["device_nodes"] = [{"path": "nvidiactl", "device": "nvidia", "minor": 255, "mode": "0666"},
                                {"path": "nvidia-uvm", "device": "nvidia-uvm", "minor": 0, "mode": "0666"}]
    return document


def pack(layout: Path, driver: str, key: Path, extra_bytes: int = 0) -> None:
    """Adds the artifact of a driver to a layout. extra_bytes: of further libraries, 64 MiB each at most."""
    with tempfile.TemporaryDirectory(dir=layout.parent) as work_name:
        work = Path(work_name)
        user, modules = work / "user", work / "modules"
        for folder in (user / "bin", user / "lib64", user / f"lib/firmware/nvidia/{driver}", modules / "lib/modules" / KERNEL,
                       work / "program/bin"):
            folder.mkdir(parents=True)
        (work / "program/bin/overdrive").write_text("not started here\n")
        (user / "bin/nvidia-smi").write_text("#!/bin/sh\n")
        for program in (work / "program/bin/overdrive", user / "bin/nvidia-smi"):
            program.chmod(0o755)
        for library in ("cuda", "nvidia-ml"):
            path = user / f"lib64/lib{library}.so.{driver}"
            say(["cc", "-shared", "-nostdlib", "-x", "c", "/dev/null", "-o", path, f"-Wl,-soname,lib{library}.so.1"])
            path.write_bytes(path.read_bytes() + bytes_of(f"{driver} {library}", LIBRARY_BYTES))
            (user / f"lib64/lib{library}.so.1").symlink_to(f"lib{library}.so.{driver}")
        (user / f"lib/firmware/nvidia/{driver}/gsp.bin").write_bytes(bytes_of(f"{driver} gsp", 20_000))
        for i in range(0, extra_bytes, 64 << 20):
            (user / f"lib64/libextra{i >> 26}.so.{driver}").write_bytes(os.urandom(min(64 << 20, extra_bytes - i)))
        for name in MODULES:
            (modules / f"lib/modules/{KERNEL}/{name}.ko").write_bytes(_module(driver, name))
        (work / "describe.json").write_text(json.dumps(_describe(driver)))
        say([programs() / "overdrive-artifact", "pack", "--describe", work / "describe.json", "--program", work / "program",
             "--user-space", user, "--modules", modules, "--output", layout, "--sign-key", key])


def make_artifacts(work: Path, drivers: tuple[str, ...] = DRIVERS, extra_bytes: int = 0) -> None:
    """`work`/layout, /key.pem and /key.pub."""
    say(["openssl", "genpkey", "-algorithm", "ed25519", "-out", work / "key.pem"])
    say(["openssl", "pkey", "-in", work / "key.pem", "-pubout", "-out", work / "key.pub"])
    for driver in drivers:
        pack(work / "layout", driver, work / "key.pem", extra_bytes)
    cli_case.add_index(f"oci:{work}/layout", *(f"{OS_VERSION}-{driver}" for driver in drivers), key=work / "key.pem")


# --- the host


def make_host(root: Path, work: Path) -> None:
    """A host as it was before the first install: an OS release, a GPU, a canary here and there."""
    host = cli_case.Host(root)
    host.add_gpu()
    # The simulated kernel's state lies below /proc, where a tree that is looked at as /proc still finds the driver's part.
    (root / "proc/simulated").mkdir()
    (root / "simulated").symlink_to("proc/simulated")
    for folder in ("simulated/units", "proc/1", "dev", "usr/bin", "usr/lib", "var/lib/canary", "home/core", "lib64", "etc/systemd/system",
                   "etc/ld.so.conf.d"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    for name in ("modules", "driver", "devices"):
        (root / "proc" / name).symlink_to(f"simulated/now/{name}")
    (root / "sys/module").symlink_to("/simulated/now/module")
    # A loader that searches /usr/lib64 by itself, as Flatcar's does: the linker's cache is left alone.
    loader = root / "lib64/ld-linux-x86-64.so.2"
    loader.write_text("#!/bin/sh\necho 'path.system_dirs[0x0]=\"/usr/lib64/\"'\n")
    loader.chmod(0o755)
    # For the hosts that are told by their linker's cache: the real ldconfig.
    (root / "sbin").mkdir()
    shutil.copy("/sbin/ldconfig", root / "sbin/ldconfig")
    (root / "etc/ld.so.conf").write_text("include /etc/ld.so.conf.d/*.conf\n")
    for name in ("usr/lib64/libc.so.6", "usr/bin/bash", "usr/lib/canary", "var/lib/canary/state", "home/core/notes", "etc/hostname",
                 "etc/systemd/system/sshd.service"):
        (root / name).write_bytes(bytes_of(name, 500))
    (root / "home/core/link").symlink_to("/etc/hostname")
    # What a specification for containers names; the program's own comes with a bundle, which this program is none of.
    (root / "usr/bin/nvidia-cdi-hook").write_text("not started here\n")
    host.configure(f'driver = "900"\nsources = ["oci:{work}/layout"]\nnvidia-smi = "off"\n[trust]\nkeys = ["/etc/proof.pub"]\n')
    shutil.copy(work / "key.pub", root / "etc/proof.pub")


def configure(root: Path, line: str) -> None:
    """A line of the configuration from now on, in place of the one of its key."""
    path = root / "etc/overdrive/config.toml"
    key = line.split("=")[0]
    lines = [old for old in path.read_text().splitlines() if not old.startswith(key)]
    path.write_text("\n".join([line, *lines]) + "\n")


def forget_runtime(root: Path) -> None:
    """What a reboot forgets: /run, /dev, the loaded modules. Mounts are the caller's."""
    for folder in ("run", "dev"):
        shutil.rmtree(root / folder)
        (root / folder).mkdir()
    for name in (root / "simulated").iterdir():
        if name.name.startswith(("now", "next", "kernel.", "firmware_class")):
            name.unlink() if name.is_symlink() else shutil.rmtree(name)
    shutil.rmtree(root / "simulated/units/active", ignore_errors=True)
    (root / "proc/sys/kernel/random/boot_id").write_text(f"{os.urandom(4).hex()}\n")


# --- running


@dataclass
class Ended:
    """A run of the program that has ended."""

    verb: str
    rc: int  # negative: by that signal
    stdout: str
    stderr: str
    seconds: float

    @property
    def result(self) -> str:
        try:
            return str(json.loads(self.stdout).get("result"))
        except (ValueError, AttributeError):
            return ""

    def __str__(self) -> str:
        return f"{self.verb} ended with {self.rc} after {self.seconds:.2f} s: {self.stdout.strip()} {self.stderr.strip()[-600:]}"


def run(root: Path, *arguments: str, prefix: list[str] | None = None, timeout: float = 60) -> Ended:
    words = [*(prefix or []), str(simulated()), "--root", str(root), "--json", *arguments]
    begun = time.monotonic()
    done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=timeout, errors="replace")
    return Ended(arguments[0], done.returncode, done.stdout, done.stderr, time.monotonic() - begun)


@functools.cache
def reasons() -> dict[tuple[str, str], int]:
    """(verb, reason) -> exit code, as the program tells it."""
    rows = json.loads(say([simulated(), "--json", "reasons"]))["reasons"]
    every = {(row["verb"], reason): 2 for row in rows for reason in ("usage", "bad-root")}
    return every | {(row["verb"], row["reason"]): row["exit_code"] for row in rows}


def has_verb(verb: str) -> bool:
    return any(known == verb for known, _ in reasons())


# --- mounts


def _mount(source: str, target: Path, kind: str, flags: int, data: str = "") -> None:
    if libc.mount(source.encode(), str(target).encode(), kind.encode(), flags, data.encode() or None) != 0:
        raise OSError(ctypes.get_errno(), f"mount {kind} on {target}")


def leave_mount_namespace() -> None:
    """From here on nothing that this process mounts is seen by others, and it goes when the process goes."""
    if libc.unshare(CLONE_NEWNS) != 0:
        raise OSError(ctypes.get_errno(), "unshare")
    _mount("none", Path("/"), "none", MS_REC | MS_PRIVATE)


def mount_node(place: Path) -> None:
    """A file system of its own for one host, so that its space is its own too."""
    _mount("proof", place, "tmpfs", 0)


def detach_overlays(root: Path) -> None:
    while libc.umount2(str(root / "usr/lib64").encode(), MNT_DETACH) == 0:
        pass


def copy_tree(source: Path, target: Path) -> None:
    """The whole tree with owners, modes, links, hard links and nodes; `target` exists."""
    say(["cp", "-a", f"{source}/.", target])
