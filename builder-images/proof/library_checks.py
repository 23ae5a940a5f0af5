"""Checks that the user space runs on a node: the right machine, and every library found in the tree or on every host."""

from __future__ import annotations

import re
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import PurePosixPath

from proof.elf_file import MAGIC, machine_of
from proof.layers import DRIVER_DIRECTORY
from proof.subject import FIRMWARE, Subject

VERSION = re.compile(r"^([A-Z]+)_([0-9]+(?:\.[0-9]+)*)$")
LIBRARIES = "lib64"  # what a node exposes; a daemon's library_path comes before it


def architecture(subject: Subject) -> Iterator[str]:
    """Every program, library and module is for the machine that driver.json and the image name."""
    wanted = subject.architecture
    if subject.image.architecture != wanted.oci:
        yield f"the image is for {subject.image.architecture}, driver.json for {wanted.name}, which is {wanted.oci}"
    count = 0
    for layer, member in subject.image.members():
        if member.head[:4] != MAGIC or member.name.startswith(f"{DRIVER_DIRECTORY}/{FIRMWARE}"):
            continue
        count += 1
        machine = machine_of(member.head)
        if machine != wanted.machine:
            yield f"layer {layer.role}: '{member.name}' is for machine {machine}, {wanted.name} is {wanted.machine}"
    return f"{count} ELF files"


def interpreter(subject: Subject) -> Iterator[str]:
    """Programs name the dynamic linker that hosts of the architecture have."""
    files, damaged = subject.elf_files
    for name, fault in damaged.items():
        yield f"'{name}': {fault}"
    for name, elf in files.items():
        if elf.interpreter and elf.interpreter != subject.architecture.interpreter:
            yield f"'{name}' asks for {elf.interpreter}, hosts have {subject.architecture.interpreter}"


def library(subject: Subject) -> Iterator[str]:
    """Every library that the user space needs is in its tree, or one that host.toml lets this file take from the host."""
    files, _ = subject.elf_files
    directories = _library_paths(subject)
    for name, elf in files.items():
        for needed in elf.needed:
            if not _in_tree(subject, needed, directories.get(name, [LIBRARIES])) and not _of_host(subject, name, needed):
                yield f"'{name}' needs {needed}, which is neither in the artifact nor one that it may take from the host (host.toml)"
        for path in elf.run_paths:
            if not path.startswith("$ORIGIN"):
                yield f"'{name}' looks for libraries in '{path}', which is not in the artifact"
    return f"{len(files)} programs and libraries"


def c_library(subject: Subject) -> Iterator[str]:
    """No symbol is newer than the C library of the oldest node."""
    files, _ = subject.elf_files
    limits = subject.host["symbol-versions"]
    newest: dict[str, str] = {}
    for name, elf in files.items():
        for needed, versions in elf.versions.items():
            for text in versions:
                found = VERSION.match(text)
                if not found or found[1] not in limits:
                    continue
                kind, version = found.groups()
                newest[kind] = max(newest.get(kind, "0"), version, key=_parts)
                if _parts(version) > _parts(limits[kind]):
                    yield f"'{name}' needs {text} of {needed}; the oldest node has {kind}_{limits[kind]}"
    return ", ".join(f"newest needed: {kind}_{version}" for kind, version in sorted(newest.items()))


def _parts(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))


def _library_paths(subject: Subject) -> dict[str, list[str]]:
    """Where the dynamic linker of a file looks, besides the host: daemons and their libraries have a place of their own."""
    paths: dict[str, list[str]] = {}
    for daemon in subject.description.get("daemons", []):
        own = daemon.get("library_path")
        if not own:
            continue
        paths[daemon["program"]] = [own, LIBRARIES]
        for name in subject.elf_files[0]:
            if PurePosixPath(name).parent == PurePosixPath(own):
                paths[name] = [own, LIBRARIES]
    return paths


def _in_tree(subject: Subject, needed: str, directories: list[str]) -> bool:
    return any((subject.tree / directory / needed).is_file() for directory in directories)


def _of_host(subject: Subject, name: str, needed: str) -> bool:
    if needed == subject.architecture.loader:
        return True
    return any(needed in entry["names"] and any(fnmatch(name, pattern) for pattern in entry["for"])
               for entry in subject.host["libraries"])
