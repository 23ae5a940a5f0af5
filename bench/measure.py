"""Runs one command and says what it cost: time, processor, memory."""

from __future__ import annotations

import json
import os
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from inputs import programs

TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Cost:
    """What one run took. `durable` is `wall` and, for what does not sync by itself, the sync that makes it so."""

    wall: float  # seconds to the exit of the command
    durable: float  # seconds until everything is on the disk
    cpu: float  # seconds, user and system, of the command, its children and its daemon
    peak_kib: int  # resident memory of the largest single process
    wire_bytes: int = 0  # bodies of blobs and manifests
    disk_bytes: int = 0


class CommandFailed(Exception):
    """A contestant did not do its part; the text says what it said."""


class Daemon:
    """A service that works for a command; its processor time counts."""

    def __init__(self, words: list[str], log: Path) -> None:
        with log.open("ab") as said:
            self._process = subprocess.Popen(["setpriv", "--pdeathsig", "KILL", *words], stdin=subprocess.DEVNULL, stdout=said, stderr=said)

    def cpu(self) -> float:
        return sum(cpu_of(pid) for pid in self._pids())

    def peak_kib(self) -> int:
        return max((_peak_of(pid) for pid in self._pids()), default=0)

    def runs(self) -> bool:
        return self._process.poll() is None

    def stop(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _pids(self) -> list[int]:
        """The daemon and what it started, which it has not waited for yet."""
        found = [self._process.pid]
        for pid in found:
            try:
                found += [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
            except OSError:
                continue
        return found


def cpu_of(pid: int) -> float:
    """Processor seconds of a process and of the children that it has waited for."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return sum(int(fields[at]) for at in (11, 12, 13, 14)) / TICKS  # utime stime cutime cstime, @see proc(5)


def _peak_of(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("VmHWM")), 0)


def measure(words: list[str], place: Path, log: Path, daemon: Daemon | None = None, *, accepted: int = 0, inside: Path | None = None) -> Cost:
    """
    Runs `words`.

    place     what is written lies on this file system, which is synced afterwards, timed as well
    accepted  the exit code of success
    inside    a root to change to, which has the programs and `log` at the same paths
    """
    before = daemon.cpu() if daemon else 0.0
    begun = time.monotonic()
    into = ["chroot", inside] if inside else []
    with log.open("wb") as said:
        done = subprocess.run([*into, programs() / "bench_stages", "cost", f"{log}.cost", *words], stdin=subprocess.DEVNULL, stdout=said, stderr=subprocess.STDOUT)
    if done.returncode != accepted:
        raise CommandFailed(f"{' '.join(words)} ended with {done.returncode}:\n{log.read_text(errors='replace')[-3000:]}")
    sync(place)
    durable = time.monotonic() - begun
    took = json.loads(Path(f"{log}.cost").read_text())
    cpu = took["cpu"] + (daemon.cpu() - before if daemon else 0.0)
    return Cost(took["wall"], durable, cpu, max(took["peak_kib"], daemon.peak_kib() if daemon else 0))


def sync(place: Path) -> None:
    """Brings what was written on this file system to the disk, so that the next run does not pay for it."""
    subprocess.run(["sync", "-f", str(place)], check=True)


def disk_bytes(place: Path) -> int:
    """What a tree takes; a file with several names counts once."""
    said = subprocess.run(["du", "-s", "-B1", str(place)], check=True, capture_output=True, text=True)
    return int(said.stdout.split()[0])
