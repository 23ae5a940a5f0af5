"""What Debian's archive has of a kernel: its Module.symvers, headers and facts. Nothing is installed."""

from __future__ import annotations

import subprocess
from pathlib import Path

from proof.subject import Kernel

TOP = Path(__file__).resolve().parents[2]
LIBRARIES = f"set -euo pipefail; shopt -s inherit_errexit; . '{TOP}/ci/lib/debian-archive.sh'; . '{TOP}/ci/lib/kernel-headers.sh'; "


class NoKernel(OSError):
    """The archive does not have this kernel, or cannot be reached."""


def run_script(script: str, *arguments: str) -> str:
    """Runs bash with the archive's functions; returns what it prints."""
    done = subprocess.run(["bash", "-c", LIBRARIES + script, "bash", *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if done.returncode:
        raise NoKernel(f"Debian's archive: {done.stderr.strip() or 'a command failed'}")
    return done.stdout.strip()


def kernel_of_archive(release: str, work: Path) -> Kernel:
    """Raises NoKernel. What is fetched stays in build/archive, for the next time."""
    headers = Path(run_script('kernel_headers "$1"', release))
    facts = work / "kernel-facts.json"
    facts.write_text(run_script(f"'{TOP}/builder-images/debian/kernel-facts' --kernel \"$1\" --architecture \"$(uname -m)\"", release))
    return Kernel(symvers=headers / "Module.symvers", facts_file=facts, headers=headers)
