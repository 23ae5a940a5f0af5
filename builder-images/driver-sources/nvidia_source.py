"""The commands of a driver source that takes from NVIDIA: versions, inputs-id, modules-source, user-space.

Each source says which files a version has and how one is unpacked; all else is the same.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Callable

import nvidia_pins
from nvidia_pins import File, Refused
from nvidia_user_space import assemble

KERNEL_DIRECTORIES = {"open": "kernel-open", "proprietary": "kernel"}


class Source:
    """Where the files of a version come from. `unpack(path, directory)` unpacks one, its top directory left out."""

    def __init__(self, name: str, pin: str, files: Callable[[str, str], list[File]], unpack: Callable[[Path, Path], None]) -> None:
        self.name = name
        self.pin = pin
        self.files = files
        self.unpack = unpack

    def unpacked(self, files: list[File], machine: str, work: Path) -> list[Path]:
        roots = []
        for file in files:
            path = nvidia_pins.fetched(file)
            nvidia_pins.note(file, machine)
            roots.append(work / file.name)
            self.unpack(path, roots[-1])
        return roots


def add_options(parser: argparse.ArgumentParser, *names: str) -> argparse.Namespace:
    for name in names:
        choices = list(KERNEL_DIRECTORIES) if name == "module-type" else ["user-space", *KERNEL_DIRECTORIES] if name == "part" else None
        parser.add_argument(f"--{name}", required=True, choices=choices, type=Path if name == "out" else str)
    return parser.parse_args()


def print_versions(source: Source) -> None:
    options = add_options(argparse.ArgumentParser(description="Prints the pinned versions, newest first."), "module-type", "architecture")
    print("\n".join(nvidia_pins.versions(source.pin, options.module_type, options.architecture)))


def print_inputs_id(source: Source) -> None:
    options = add_options(argparse.ArgumentParser(description="Prints the pin of a version; refuses one without."), "part", "driver", "architecture")
    print(nvidia_pins.pin_of(source.pin, options.driver, options.architecture)["sha256"])


def make_modules_source(source: Source) -> None:
    parser = argparse.ArgumentParser(description="The source of a driver's kernel modules, from NVIDIA's own files.")
    options = add_options(parser, "driver", "module-type", "architecture", "out")
    directory = KERNEL_DIRECTORIES[options.module_type]
    options.out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=options.out.parent) as work:
        driver = source.files(options.driver, options.architecture)[:1]
        root, = source.unpacked(driver, options.architecture, Path(work))
        if not (root / directory / "Makefile").is_file():
            raise Refused(f"driver {options.driver} has no {options.module_type} modules: {driver[0].url} holds no {directory}/Makefile")
        shutil.rmtree(options.out, ignore_errors=True)
        os.rename(root / directory, options.out)


def make_user_space(source: Source) -> None:
    parser = argparse.ArgumentParser(description="The user space and firmware of a driver, from NVIDIA's own files.")
    options = add_options(parser, "driver", "architecture", "out")
    options.out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=options.out.parent) as work:
        files = source.files(options.driver, options.architecture)
        tree = Path(work) / "tree"
        tree.mkdir()
        daemons = assemble(source.unpacked(files, options.architecture, Path(work)), options.driver, options.architecture, tree)
        own = {file.name: file.version for file in files}
        # Everything that NVIDIA packs with the driver has its version; NVLSM alone has one of its own.
        names = {"nvidia-persistenced": options.driver, **{name: own.get("nvlsm", options.driver) if name == "nvlsm" else options.driver for name in daemons}}
        shutil.rmtree(options.out, ignore_errors=True)
        os.rename(tree, options.out)
        options.out.with_name(options.out.name + ".daemons").write_text("".join(f"{name} {version}\n" for name, version in names.items()))


COMMANDS = {"versions": print_versions, "inputs-id": print_inputs_id, "modules-source": make_modules_source, "user-space": make_user_space}


def main(source: Source) -> int:
    """Runs the command that the program is called by."""
    try:
        COMMANDS[Path(sys.argv[0]).name](source)
    except Refused as error:
        return nvidia_pins.refuse(error, source.name)
    return 0
