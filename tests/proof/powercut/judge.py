"""Whether a disk after a power cut is one that the node can live with."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

TOP = Path(__file__).resolve().parents[3]
sys.path[:0] = [str(TOP / "tests/support"), str(TOP / "tests/vm"), str(TOP / "tests/integration/cli")]

import cli_case  # noqa: E402
import disks  # noqa: E402
from crash_states import Cut  # noqa: E402
from oracle import Oracle, Target  # noqa: E402
from scenario import NONE, STEPS, SUCCESS, Seen, parse_done  # noqa: E402
from stand_in_artifacts import StandInArtifacts, require_bundle  # noqa: E402
from vm_node import OsRelease  # noqa: E402
from write_log import Mark  # noqa: E402

# The program asks the kernel which release runs; on this machine the answer must be the node's.
FAKE_UNAME = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
int uname(struct utsname *name) {
    int (*real)(struct utsname *) = (int (*)(struct utsname *))dlsym(RTLD_NEXT, "uname");
    int result = real(name);
    const char *release = getenv("FAKE_KERNEL_RELEASE");
    if (result == 0 && release) strncpy(name->release, release, sizeof name->release - 1);
    return result;
}
"""


@dataclass
class Verdict:
    """What became of one state."""

    name: str
    outcome: str  # 'old', 'new', 'none'
    faults: list[str] = field(default_factory=list)


class Judge:
    """Mounts crash states of one file system and says what is wrong with each."""

    def __init__(self, kind: str, marks: list[Mark], base: Path, work: Path) -> None:
        """base: the disk before anything was installed; it is copied"""
        self.kind, self.marks = kind, marks
        self.root = work / "host"
        (self.root / "opt").mkdir(parents=True)
        self.oracle = Oracle(self.root)
        self._bundle = {str(path.relative_to(require_bundle())): sha256_of(path) for path in require_bundle().rglob("*") if path.is_file()}
        disks.copy_of(base, work / "state.img")
        with disks.mounted(kind, work / "state.img", self.root / "opt"):
            self.oracle.remember()

    def judge(self, cut: Cut, image: Path) -> Verdict:
        """Mounts `image`, which is changed by that, and looks."""
        try:
            with disks.mounted(self.kind, image, self.root / "opt"):
                return self._look(cut)
        except (disks.DiskError, OSError) as error:
            return Verdict(cut.name, NONE, [str(error)])

    def _look(self, cut: Cut) -> Verdict:
        faults = [*self.oracle.check(), *self._program_faults()]
        driver = recorded_driver(self.oracle)
        for step, told in possible_moments(self.marks, cut):
            faults += _against(step, told, driver, look(self.root))
        return Verdict(cut.name, _outcome(self.marks, cut, driver), faults)

    def _program_faults(self) -> list[str]:
        """How the program that the units call differs from the one that was packed; nothing when none is installed."""
        installed = self.root / "opt/overdrive/current"
        if not installed.is_symlink():
            return []
        wrong = [name for name, digest in self._bundle.items() if sha256_of(installed / name) != digest]
        return [f"/opt/overdrive/current: {name} is not what was packed" for name in wrong]


def sha256_of(path: Path) -> str:
    """Empty for what is no file."""
    if not path.is_file():
        return ""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def recorded_driver(oracle: Oracle) -> str:
    """The driver that the record names; NONE when there is none or it is damaged, which the oracle tells."""
    try:
        desired = (oracle.record() or {}).get("desired")
    except ValueError:
        return NONE
    return str(desired).split("/")[0] if desired else NONE


def look(root: Path) -> tuple[str, str, str]:
    """What a mark tells of a mounted disk: record, current, program."""
    links = [root / "opt/nvidia/current", root / "opt/overdrive/current"]
    current, program = (os.readlink(link) if link.is_symlink() else NONE for link in links)
    return sha256_of(root / "opt/nvidia/.overdrive/record.json") or NONE, current, program


def possible_moments(marks: list[Mark], cut: Cut) -> list[tuple[str | None, Seen | None]]:
    """Every moment at which this state can be found: the step that runs then, and the last success told before."""
    running: str | None = None
    told: Seen | None = None
    moments: list[tuple[str | None, Seen | None]] = []
    for mark in marks:
        if mark.number > cut.latest:
            break
        if mark.number > cut.earliest:
            moments.append((running, told))
        done = parse_done(mark)
        running, told = (None, done) if done else (mark.text.split()[1], told)
    return [*moments, (running, told)]


def _against(running: str | None, told: Seen | None, driver: str, found: tuple[str, str, str]) -> list[str]:
    if running is not None:
        step = next(one for one in STEPS if one.name == running)
        allowed = {step.before, step.after}
        return [] if driver in allowed else [f"during '{running}' the recorded driver is {driver}, not one of {sorted(allowed)}"]
    if told is None:
        return [] if driver == NONE else [f"before any install the recorded driver is {driver}"]
    lost = [f"{what} was {then} and is {now}" for what, then, now in
            zip(("record", "current", "program"), (told.record, told.current, told.program), found, strict=True) if then != now]
    if driver != told.step.after:
        lost.append(f"the recorded driver is {driver}")
    return [f"'{told.step.name}' had reported success: {one}" for one in lost]


def _outcome(marks: list[Mark], cut: Cut, driver: str) -> str:
    """Old and new as the step that runs at the cut, or ran last before it, sees them."""
    if driver == NONE:
        return NONE
    begun = [mark.text.split()[1] for mark in marks if mark.number <= max(cut.earliest, 0) and not parse_done(mark)]
    step = next((one for one in STEPS if begun and one.name == begun[-1]), STEPS[0])
    return "new" if driver == step.after else "old"


class Rerun:
    """Runs the real program of this build on a mounted state: does the next run reach the target?"""

    def __init__(self, release: OsRelease, artifacts: StandInArtifacts, work: Path) -> None:
        self.release, self.artifacts = release, artifacts
        self.host = cli_case.Host(work / "rerun", f"ID=coreos\nVERSION_ID={release.version}\n")
        self.host.configure('[trust]\nkeys = ["/etc/test.pub"]\n')
        (self.host.root / "etc/test.pub").write_bytes(artifacts.public.read_bytes())
        self._library = work / "fake_uname.so"
        subprocess.run(["gcc", "-shared", "-fPIC", "-o", self._library, "-x", "c", "-"], input=FAKE_UNAME, text=True, check=True)

    def check(self, kind: str, name: str, image: Path, driver: str) -> list[str]:
        """Installs `driver` on a state. Returns what is wrong afterwards."""
        environment = {**os.environ, "LD_PRELOAD": str(self._library), "FAKE_KERNEL_RELEASE": self.release.kernel}
        command = [cli_case.programs() / "overdrive", "--root", self.host.root, "--json", "install", driver, "--source",
                   f"oci:{self.artifacts.work / 'layout'}", "--no-activate", "--no-units"]
        oracle = Oracle(self.host.root)
        with disks.mounted(kind, image, self.host.root / "opt"):
            oracle.remember()
            done = subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300)
            if done.returncode not in SUCCESS:
                return [f"{name}: the next run ended with {done.returncode}: {done.stdout}{done.stderr}"]
            pair = f"{driver}/{self.release.version}"
            return [f"{name}, after the next run: {fault}" for fault in oracle.check(settled=True, target=Target(desired=pair))]
