"""Runs the programs that a cell takes. What a program says goes to a log file; what it gave up with, into the report."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

LAST_LINES = 5


class StepFailed(Exception):
    """A cell cannot be published. The others go on."""

    def __init__(self, step: str, check: str, message: str) -> None:
        """@param check what found it: the name of a check of builder-images/prove, or the part of the build"""
        super().__init__(message)
        self.step, self.check, self.message = step, check, message


class ProgramFailed(Exception):
    """A program ended with another exit status than 0."""

    def __init__(self, program: str, status: int, stderr: str) -> None:
        self.status, self.stderr = status, stderr
        super().__init__(f"{program} ended with {status}: {last_lines(stderr)}")


def last_lines(text: str, count: int = LAST_LINES) -> str:
    lines = [line for line in text.strip().splitlines() if line.strip()]
    return "\n".join(lines[-count:])


def run(words: Sequence[str | Path], log: Path, environment: Mapping[str, str] | None = None) -> str:
    """What the program prints; its messages are added to `log`. @raise ProgramFailed"""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("a") as kept:
        kept.write("$ " + " ".join(str(word) for word in words) + "\n")
        kept.flush()
        begin = log.stat().st_size
        done = subprocess.run([str(word) for word in words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=kept, text=True,
                              env={**os.environ, **(environment or {})})
        kept.write(done.stdout)
    if done.returncode != 0:
        with log.open() as kept:
            kept.seek(begin)
            raise ProgramFailed(Path(words[0]).name, done.returncode, kept.read())
    return done.stdout


def run_json(words: Sequence[str | Path], log: Path) -> Any:
    return json.loads(run(words, log))
