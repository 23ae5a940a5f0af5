#!/usr/bin/env python3
"""Prints, as JSON, what a kernel is: configuration checksum, vermagic, build id, flavour, in-tree modules."""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import sys
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent))
from kernel_image import kernel_build_id  # noqa: E402
from kernel_module import KernelModule  # noqa: E402


def module_names(directories: list[Path], listing: Path | None) -> list[str]:
    """All modules of the kernel, built in or not, as `modprobe` calls them."""
    names = set()
    for directory in directories:
        names |= {path.name for path in directory.rglob("*.ko*")}
        builtin = directory / "modules.builtin"
        names |= {Path(line).name for line in (builtin.read_text().split() if builtin.is_file() else [])}
    names |= {Path(line).name for line in (listing.read_text().split() if listing else []) if ".ko" in Path(line).name}
    return sorted({re.sub(r"\.ko.*", "", name).replace("-", "_") for name in names})


def in_tree_vermagic(directories: list[Path]) -> str | None:
    """The kernel's own modules say it; the first of them will do."""
    modules = sorted(path for directory in directories for path in directory.rglob("*.ko*"))
    return KernelModule(modules[0]).field("vermagic") if modules else None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--release", required=True)
    parser.add_argument("--config", required=True, type=Path, metavar="FILE", help="the kernel's configuration")
    parser.add_argument("--image", required=True, type=Path, metavar="FILE", help="vmlinuz or Image")
    parser.add_argument("--flavour", required=True)
    parser.add_argument("--modules", action="append", default=[], type=Path, metavar="DIR", help="a lib/modules/RELEASE")
    parser.add_argument("--module-list", type=Path, metavar="FILE", help="paths of modules, one a line")
    parser.add_argument("--lz4", default="lz4", metavar="PROGRAM")
    options = parser.parse_args()
    json.dump({
        "release": options.release,
        "config_sha256": hashlib.sha256(options.config.read_bytes()).hexdigest(),
        "vermagic": in_tree_vermagic(options.modules),
        "build_id": kernel_build_id(options.image, options.lz4),
        "flavour": options.flavour,
        "in_tree_modules": module_names(options.modules, options.module_list),
    }, sys.stdout, indent=1)
    print()


if __name__ == "__main__":
    main()
