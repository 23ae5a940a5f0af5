"""A program that a test runs: what it said and how it ended."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path


@dataclass
class Said:
    rc: int
    stdout: str
    stderr: str

    def __str__(self) -> str:
        return f"exit code {self.rc}\n{self.stdout}{self.stderr}"


def said_by(*words: object, stdin: str = "", env: dict[str, str] | None = None, cwd: Path | None = None) -> Said:
    done = subprocess.run([str(word) for word in words], input=stdin, capture_output=True, text=True, timeout=120, env=env, cwd=cwd)
    return Said(done.returncode, done.stdout, done.stderr)
