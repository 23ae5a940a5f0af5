"""What the tests of the command line share: a small signed artifact for the running kernel, a host's tree, the program.

The artifact's modules have no code, only what modinfo shows, and its libraries are no libraries: nothing here is loaded.
"""

from __future__ import annotations

import functools
import hashlib
import json
import os
import platform
import shutil
import struct
import subprocess
import sys
import tempfile
import unittest
from dataclasses import dataclass, field
from pathlib import Path

TOP = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(TOP / "tests/support"))

KERNEL = platform.release()
MACHINE = platform.machine()
OS_VERSION = "1576.5.0"
OS_ID = "coreos"
USER_SPACE_BYTES = 6 << 20
# What a run may leave on a host that refused it: its empty directories and the lock file.
OWN_EMPTY = ("opt", "opt/nvidia", "opt/nvidia/.overdrive", "opt/nvidia/.overdrive/generations",
             "opt/nvidia/.overdrive/staging", "opt/nvidia/.overdrive/lock")


def programs() -> Path:
    """The build's bin directory: the first argument of the test, or that of the dev preset."""
    return Path(os.environ.get("OVERDRIVE_BIN", TOP / "build/dev/bin"))


def say(command: list[object], **options: object) -> str:
    """Runs a command that must succeed; its output belongs to the failure."""
    done = subprocess.run([str(word) for word in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **options)  # type: ignore[call-overload]
    if done.returncode:
        raise AssertionError(f"{command[0]} ended with {done.returncode}:\n{done.stdout}")
    return str(done.stdout)


@dataclass
class Run:
    """What the program said and how it ended."""

    verb: str
    rc: int
    stdout: str
    stderr: str
    result: dict[str, object] = field(default_factory=dict)

    @property
    def error(self) -> dict[str, object]:
        found = self.result.get("error")
        return found if isinstance(found, dict) else {}

    def __str__(self) -> str:
        return f"exit code {self.rc}\n{self.stdout}{self.stderr}"


class Host:
    """The tree of a host with an immutable /usr, as --root sees it."""

    def __init__(self, root: Path, os_release: str | None = f"ID={OS_ID}\nVERSION_ID={OS_VERSION}\n") -> None:
        self.root = root
        for directory in ("proc/sys/kernel/random", "proc/1", "sys/kernel", "usr/lib64", "etc", "run", "opt"):
            (root / directory).mkdir(parents=True)
        (root / "proc/sys/kernel/random/boot_id").write_text("0b0e\n")
        (root / "proc/1/mountinfo").write_text("22 1 0:20 / / ro - squashfs /dev/vda ro\n")
        if os_release is not None:
            (root / "etc/os-release").write_text(os_release)

    def configure(self, text: str, name: str = "config.toml") -> None:
        path = self.root / "etc/overdrive" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def add_gpu(self) -> None:
        device = self.root / "sys/bus/pci/devices/0000:00:01.0"
        device.mkdir(parents=True)
        for name, text in (("vendor", "0x10de"), ("class", "0x030000"), ("device", "0x1eb8")):
            (device / name).write_text(f"{text}\n")

    def overdrive(self, *arguments: object, prefix: list[object] | None = None) -> Run:
        """Runs the program with --json over this host."""
        words = [str(word) for word in [*(prefix or []), programs() / "overdrive", "--root", self.root, "--json", *arguments]]
        done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=180)
        return finished(str(arguments[0]), done.returncode, done.stdout, done.stderr)

    def generation(self, driver: str) -> Path:
        return self.root / "opt/nvidia" / driver / OS_VERSION

    def record(self) -> dict[str, object]:
        return dict(json.loads((self.root / "opt/nvidia/.overdrive/record.json").read_text()))

    def snapshot(self) -> dict[str, str]:
        """Every path with its kind, mode and content; directories of our own that are empty do not count."""
        found: dict[str, str] = {}
        for path in sorted(self.root.rglob("*")):
            name = str(path.relative_to(self.root))
            status = path.lstat()
            if path.is_symlink():
                content = f"-> {os.readlink(path)}"
            elif path.is_file():
                content = hashlib.sha256(path.read_bytes()).hexdigest()
            else:
                content = ""
            if name not in OWN_EMPTY:
                found[name] = f"{status.st_mode:o} {status.st_uid} {content}"
        return found


def finished(verb: str, rc: int, stdout: str, stderr: str) -> Run:
    run = Run(verb, rc, stdout, stderr)
    try:
        run.result = json.loads(stdout) if stdout else {}
    except ValueError:
        raise AssertionError(f"stdout is no JSON: {run}") from None
    return run


@functools.cache
def reason_table() -> set[tuple[str, str, int]]:
    """Verb, reason and exit code of every failure that 'overdrive reasons' foresees."""
    rows = json.loads(say([programs() / "overdrive", "--json", "reasons"]))["reasons"]
    verbs = {row["verb"] for row in rows}
    every = {(verb, reason, 2) for verb in verbs for reason in ("usage", "bad-root")}
    return every | {(row["verb"], row["reason"], row["exit_code"]) for row in rows}


@functools.cache
def shared() -> Path:
    """A directory for this whole run; removed by remove_shared()."""
    made = Path(tempfile.mkdtemp(prefix="overdrive-cli-"))
    made.chmod(0o755)  # a test runs the program as nobody
    return made


def remove_shared() -> None:
    shutil.rmtree(shared(), ignore_errors=True)
    shared.cache_clear()


def make_key(name: str) -> tuple[Path, Path]:
    private, public = shared() / f"{name}.key", shared() / f"{name}.pub"
    say(["openssl", "genpkey", "-algorithm", "ed25519", "-out", private])
    say(["openssl", "pkey", "-in", private, "-pubout", "-out", public])
    return private, public


@functools.cache
def keys() -> tuple[Path, Path]:
    """The key that signs the artifacts: private, public."""
    return make_key("first")


def pack(layout: Path, driver: str, *, kernel: str = KERNEL, os_key: str = OS_VERSION, tag: str | None = None, signed: bool = True,
         modules_bytes: int = 40_000, modinfo: dict[str, str] | None = None, library: bytes | None = None) -> str:
    """Adds an artifact to an OCI layout. Drivers of equal first two numbers share their user space. Returns its tag.

    modinfo: what the module says otherwise than it should; library: content of the only large library
    """
    with tempfile.TemporaryDirectory(dir=shared()) as work_name:
        work = Path(work_name)
        version, user, modules = driver.removesuffix("-open"), work / "user", work / "modules"
        family = ".".join(version.split(".")[:2])
        for directory in (user / "bin", user / "lib64", modules / "lib/modules" / kernel, work / "program/bin"):
            directory.mkdir(parents=True)
        (work / "program/bin/overdrive").write_text("not started here\n")
        (user / "bin/nvidia-smi").write_text("#!/bin/sh\n")
        for program in (work / "program/bin/overdrive", user / "bin/nvidia-smi"):
            program.chmod(0o755)
        (user / f"lib64/libcuda.so.{family}").write_bytes(bytes_of(family, USER_SPACE_BYTES) if library is None else library)
        (user / "lib64/libcuda.so.1").symlink_to(f"libcuda.so.{family}")
        (modules / "lib/modules" / kernel / "nvidia.ko").write_bytes(
            module_file(modinfo or {}, driver=version, kernel=kernel, content=bytes_of(f"{driver} {kernel}", modules_bytes)))
        (work / "describe.json").write_text(json.dumps(describe(driver, kernel, os_key)))
        command: list[object] = [programs() / "overdrive-artifact", "pack", "--describe", work / "describe.json", "--program",
                                 work / "program", "--user-space", user, "--modules", modules, "--output", layout]
        command += ["--sign-key", keys()[0]] if signed else []
        command += ["--tag", tag] if tag else []
        say(command)
    return tag or f"{os_key}-{driver}"


def describe(driver: str, kernel: str, os_key: str) -> dict[str, object]:
    version = driver.removesuffix("-open")
    module = {"name": "nvidia", "path": f"lib/modules/{kernel}/nvidia.ko", "version": version, "depends": []}
    return {"schema": 1, "min_reader": 1, "driver": driver, "driver_version": version, "module_type": "stand-in",
            "os": {"id": OS_ID, "version_id": OS_VERSION, "key": os_key}, "architecture": MACHINE,
            "kernel": {"release": kernel, "vermagic": f"{kernel} SMP ", "build_id": None, "config_sha256": None, "flavour": ""},
            "signer": None, "prerequisites": [], "firmware": [], "device_nodes": [], "daemons": [], "modules": [module]}


def module_file(modinfo: dict[str, str], *, driver: str, kernel: str, content: bytes) -> bytes:
    """An ELF file without code that says what a kernel module would, with `content` behind it."""
    fields = {"name": "nvidia", "vermagic": f"{kernel} SMP ", "version": driver, **modinfo}
    info = b"".join(f"{key}={value}\0".encode() for key, value in fields.items())
    names = b"\0.modinfo\0.shstrtab\0"
    header_bytes, section_bytes = 64, 64
    sections = [struct.pack("<IIQQQQIIQQ", 0, 0, 0, 0, 0, 0, 0, 0, 0, 0),
                struct.pack("<IIQQQQIIQQ", 1, 1, 2, 0, header_bytes, len(info), 0, 0, 1, 0),
                struct.pack("<IIQQQQIIQQ", 10, 3, 0, 0, header_bytes + len(info), len(names), 0, 0, 1, 0)]
    header = b"\x7fELF\2\1\1" + bytes(9) + struct.pack("<HHIQQQIHHHHHH", 1, 62, 1, 0, 0, header_bytes + len(info) + len(names), 0,
                                                        header_bytes, 0, 0, section_bytes, len(sections), 2)
    return header + info + names + b"".join(sections) + content


def bytes_of(seed: str, count: int) -> bytes:
    """Bytes that do not compress, the same for the same seed."""
    return hashlib.shake_256(seed.encode()).digest(count)


@functools.cache
def layout() -> Path:
    """The layout that most tests read from, never change: two kernels' and two branches' artifacts."""
    made = shared() / "layout"
    for driver in ("900.1.0", "900.1.2", "900.2.0", "901.1.0"):
        pack(made, driver)
    pack(made, "900.9.0", kernel="6.0.0-other", os_key="1500.1.0")
    return made


def add_index(place: str, *tags: str, key: Path | None = None) -> None:
    """Puts pairs into the signed pair index of a layout or a registry's repository."""
    named = ["--repository", "registry.example/overdrive/nvidia-coreos"] if place.startswith("oci:") else []
    say([programs() / "overdrive-artifact", "index", "add", "--sign-key", key or keys()[0], "--allow-unsigned", "--settle", 0, *named, place, *tags])


@functools.cache
def indexed() -> Path:
    """The same layout with a pair index of all that is in it."""
    made = shared() / "indexed"
    shutil.copytree(layout(), made)
    add_index(f"oci:{made}", *(f"{OS_VERSION}-{driver}" for driver in ("900.1.0", "900.1.2", "900.2.0", "901.1.0")), "1500.1.0-900.9.0")
    return made


class CliTestCase(unittest.TestCase):
    """A fresh host for every test."""

    def setUp(self) -> None:
        for program in ("overdrive", "overdrive-artifact"):
            if not (programs() / program).exists():
                self.fail(f"{programs() / program} is not there; build it: cmake --build build/dev --target {program}")
        work = tempfile.TemporaryDirectory(dir=shared())
        self.addCleanup(work.cleanup)
        self.work = Path(work.name)
        self.work.chmod(0o755)
        self.host = Host(self.work / "host")

    def copy_of_layout(self) -> Path:
        """A layout that the test may damage."""
        copied = self.work / "layout"
        shutil.copytree(layout(), copied)
        return copied

    def mount(self, *arguments: object) -> None:
        """Mounts until the end of the test; the last argument is where."""
        say(["mount", *arguments])
        self.addCleanup(say, ["umount", arguments[-1]])

    def install(self, source: str, driver: str = "900.1.0", *more: object, host: Host | None = None) -> Run:
        return (host or self.host).overdrive("install", driver, "--source", source, "--no-activate", "--no-units", *more)

    def assert_installed(self, run: Run, driver: str) -> None:
        self.assertEqual((run.rc, run.result.get("result")), (4, "at-reboot"), run)
        self.assertTrue((self.host.generation(driver) / "driver.json").is_file(), run)

    def assert_refused(self, run: Run, reason: str, rc: int, *words: str) -> None:
        """The failure has this reason and exit code, and its message and remedy say these words."""
        self.assertEqual((run.error.get("reason"), run.rc, run.error.get("exit_code")), (reason, rc, rc), run)
        self.assertIn((run.verb, reason, rc), reason_table(), "the table of reasons does not foresee this")
        last = run.stderr.rstrip().splitlines()
        self.assertIn(f"(reason {reason}, exit code {rc})", last[-1], run)
        at = max((i for i, line in enumerate(last) if line.startswith(f"overdrive: {run.verb}: ")), default=None)
        self.assertIsNotNone(at, f"no line says what failed: {run}")
        told = "\n".join(last[at:])
        for word in words:
            self.assertIn(word, told, run)
