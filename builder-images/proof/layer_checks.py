"""Checks of what lies where in the layers: places, kinds, links, and driver.json's table of files."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator

from proof.layers import DRIVER_DIRECTORY, Layer, Member, is_plain
from proof.subject import Subject

PROGRAM_DIRECTORY = "overdrive"
OWN_FILES = ("driver.json", "driver.json.sig")
WHITEOUT = ".wh."


def _belongs(layer: Layer, name: str) -> bool:
    """Whether a layer of this role may hold the name."""
    if layer.role == "program":
        return name == PROGRAM_DIRECTORY or name.startswith(f"{PROGRAM_DIRECTORY}/")
    below = name.removeprefix(f"{DRIVER_DIRECTORY}/")
    if below == name:
        return name == DRIVER_DIRECTORY
    in_modules = below == "lib" or below == "lib/modules" or below.startswith("lib/modules/") or below in OWN_FILES
    return in_modules if layer.role == "modules" else not in_modules or below == "lib"


def outside_driver(subject: Subject) -> Iterator[str]:
    """Nothing lies outside /driver and the program's directory, and each layer holds its own part only."""
    count = 0
    for layer, member in subject.image.members():
        count += 1
        if not is_plain(member.name):
            yield f"layer {layer.role}: '{member.name}' is no plain relative name"
        elif not _belongs(layer, member.name):
            yield f"layer {layer.role}: '{member.name}' does not belong there"
    return f"{count} members"


def file_kind(subject: Subject) -> Iterator[str]:
    """Only files, directories and links of root, without setuid, attributes or whiteouts."""
    for layer, member in subject.image.members():
        for fault in _faults(member):
            yield f"layer {layer.role}: '{member.name}' {fault}"


def _faults(member: Member) -> Iterator[str]:
    if member.kind not in ("file", "directory", "link"):
        yield f"is a {member.kind}"
    if posixpath.basename(member.name).startswith(WHITEOUT):
        yield "is a whiteout: it would remove another layer's file"
    if member.owner != (0, 0):
        yield f"belongs to {member.owner[0]}:{member.owner[1]}, not to root"
    if member.attributes:
        yield f"has extended attributes: {' '.join(member.attributes)}"
    if member.kind == "link":
        return
    if member.mode & 0o7000:
        yield f"has the mode {member.mode:04o}: setuid, setgid and sticky are refused"
    if member.mode & 0o022:
        yield f"has the mode {member.mode:04o}: others than root may write it"


def link(subject: Subject) -> Iterator[str]:
    """Links are relative, stay below /driver or the program's directory, and lead to something."""
    present = {member.name for _, member in subject.image.members()}
    for layer, member in subject.image.members():
        if member.kind not in ("link", "hard link"):
            continue
        # A hard link names a member, a link a place relative to its own directory.
        base = posixpath.dirname(member.name) if member.kind == "link" else ""
        target = posixpath.normpath(posixpath.join(base, member.target))
        top = member.name.split("/")[0]
        where = f"layer {layer.role}: '{member.name}' is a link to '{member.target}'"
        if posixpath.isabs(member.target):
            yield f"{where}, which is absolute"
        elif target != top and not target.startswith(f"{top}/"):
            yield f"{where}, which leads out of /{top}"
        elif target not in present:
            yield f"{where}, which is not there"


def file_table(subject: Subject) -> Iterator[str]:
    """driver.json's table names every file and link of both driver layers, with the right size, mode and content."""
    table = {(entry["layer"], entry["path"]): entry for entry in subject.description["files"]}
    if len(table) != len(subject.description["files"]):
        yield "driver.json names a file twice"
    for layer in subject.image.layers:
        if layer.role == "program":
            continue
        seen = set()
        for member in layer.members:
            path = member.name.removeprefix(f"{DRIVER_DIRECTORY}/")
            if member.kind == "directory" or path in OWN_FILES:
                continue
            if path in seen:
                yield f"'{path}' is twice in layer {layer.role}"
            seen.add(path)
            entry = table.pop((layer.role, path), None)
            if entry is None:
                yield f"'{path}' is in layer {layer.role}, but not in driver.json's table"
            else:
                yield from (f"'{path}' {fault}" for fault in _differences(member, entry))
    for role, path in sorted(table):
        yield f"driver.json names '{path}', which is not in layer {role}"
    return f"{len(subject.description['files'])} files and links"


def _differences(member: Member, entry: dict[str, object]) -> Iterator[str]:
    found = {"size": member.size, "sha256": member.sha256, "mode": f"{member.mode:04o}"} if member.kind == "file" else {"link": member.target}
    for name, value in found.items():
        if entry.get(name) != value:
            yield f"has the {name} {value}, driver.json says {entry.get(name)}"


def layer_digest(subject: Subject) -> Iterator[str]:
    """The layers of program and user space are those that driver.json vouches for."""
    digests = {layer.role: layer.digest for layer in subject.image.layers}
    named = {"user-space": subject.description.get("user_space_layer"), "program": (subject.description.get("program") or {}).get("layer")}
    for role, digest in named.items():
        if digest is not None and digest != digests[role]:
            yield f"layer {role} is {digests[role]}, driver.json says {digest}"
