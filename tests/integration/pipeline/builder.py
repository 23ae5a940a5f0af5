#!/usr/bin/env python3
"""builder-images/build, but 900.1.4 is built from a copy of the sources with a line that does not compile, and 900.1.6 is signed with the
key that OTHER_KEY names."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from pathlib import Path

TOP = Path(__file__).resolve().parents[3]
BROKEN, OTHER_KEY = "900.1.4", "900.1.6"


def broken_copy() -> Path:
    copy = Path(tempfile.mkdtemp(prefix="broken-", dir=os.environ["BROKEN_COPIES"]))
    shutil.copytree(TOP / "builder-images", copy / "builder-images", ignore=shutil.ignore_patterns("artifact"))
    shutil.copytree(TOP / "ci/lib", copy / "ci/lib")
    with (copy / "builder-images/stand-in/modules/nvidia.c").open("a") as source:
        source.write('#error "patched so that it does not compile"\n')
    return copy


def main() -> None:
    words = sys.argv[1:]
    version = words[words.index("--driver") + 1]
    if version == OTHER_KEY:
        words[words.index("--sign-key") + 1] = os.environ["OTHER_KEY"]
    top = broken_copy() if version == BROKEN else TOP
    program = str(top / "builder-images/build")
    os.execv(program, [program, *words])


if __name__ == "__main__":
    main()
