"""Places to break a run of real size, with all its threads: every step, and instants drawn by a seed."""

from __future__ import annotations

import os
import random
import re
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import proof_host as host
import sites as at

JOURNAL = "opt/nvidia/.overdrive/journal"
STEP_CALLS = "write,pwrite64,unlink,unlinkat"  # a step begins with a line of the journal; the last line is its removal


@dataclass(frozen=True)
class Step:
    """The count-th time that the journal changes. strace follows the main thread only, and only calls on the journal."""

    count: int

    @property
    def key(self) -> str:
        return f"step:{self.count}"

    @property
    def what(self) -> str:
        return f"line {self.count} of the journal"

    def takes(self, fault: str) -> bool:
        return fault in at.SIGNALS

    def break_run(self, node: Path, command: tuple[str, ...], fault: str, trace: Path) -> tuple[host.Ended, int]:
        prefix = [*_on_journal(node, trace), "-e", f"inject=write,pwrite64:signal=KILL:when={self.count}", "--"]
        ended = host.run(node, *command, prefix=prefix, timeout=300)
        return ended, at.fired(fault, trace)


@dataclass(frozen=True)
class Instant:
    """A moment of the run, as a part of the time that it takes undisturbed."""

    part: float
    seconds: float

    @property
    def key(self) -> str:
        return f"instant:{self.part:.6f}"

    @property
    def what(self) -> str:
        return f"{self.seconds:.3f} s after the start"

    def takes(self, fault: str) -> bool:
        return fault in at.SIGNALS

    def break_run(self, node: Path, command: tuple[str, ...], fault: str, trace: Path) -> tuple[host.Ended, int]:
        words = [str(host.simulated()), "--root", str(node), "--json", *command]
        process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        time.sleep(self.seconds)
        asked = time.monotonic()
        alive = process.poll() is None
        process.send_signal(signal.SIGKILL if fault in ("KILL", at.CUT) else getattr(signal, f"SIG{fault}"))
        stdout, stderr = process.communicate(timeout=300)
        # How long it took to stop is what counts, not how long it ran.
        return host.Ended(command[0], process.returncode, stdout, stderr, time.monotonic() - asked), int(alive)


def steps(node: Path, command: tuple[str, ...], trace: Path) -> list[Step]:
    """Runs the command undisturbed and counts the lines of its journal."""
    host.run(node, *command, prefix=[*_on_journal(node, trace), "--"], timeout=300)
    lines = re.findall(r"^(?:p?write(?:64)?)\(", trace.read_text(errors="replace"), re.MULTILINE)
    return [Step(count) for count in range(1, len(lines) + 1)]


def instants(seed: int, count: int, seconds: float) -> list[Instant]:
    drawn = random.Random(seed)
    return [Instant(part, part * seconds) for part in sorted(drawn.random() for _ in range(count))]


def _on_journal(node: Path, trace: Path) -> list[str]:
    return ["strace", "-qq", "-y", "-o", str(trace), "-P", os.path.join(node, JOURNAL), "-e", f"trace={STEP_CALLS}"]
