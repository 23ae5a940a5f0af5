"""Reads an image of an OCI layout layer by layer, every member of them, and unpacks the driver's tree.

Reads on its own, beside overdrive-artifact: what judges an artifact should not be the program that made it. Nothing is
trusted: digests are checked, and only what has a plain name and is a file, a directory or a link is unpacked.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import IO, Any

INDEX_TYPES = ("application/vnd.oci.image.index.v1+json", "application/vnd.docker.distribution.manifest.list.v2+json")
TAG_ANNOTATION = "org.opencontainers.image.ref.name"
ROLE_ANNOTATION = "org.overdrive.layer"
DRIVER_DIRECTORY = "driver"
HEAD_SIZE = 64
LARGEST_DOCUMENT = 16 << 20
UNPACKERS = {b"\x28\xb5\x2f\xfd": ["zstd", "-dcq"], b"\x1f\x8b": ["gzip", "-dc"]}


class BadImage(Exception):
    """The image is damaged, incomplete or no image; the text says what is wrong."""


@dataclass(frozen=True)
class Member:
    """One entry of a layer's archive, as it is written there."""

    name: str
    kind: str  # file, directory, link, hard link, or what else it is
    mode: int
    owner: tuple[int, int]
    attributes: tuple[str, ...]  # names of extended attributes
    target: str = ""  # of a link
    size: int = 0
    sha256: str = ""  # of a file's content
    head: bytes = b""  # first bytes of a file


@dataclass(frozen=True)
class Layer:
    role: str
    digest: str
    size: int
    members: tuple[Member, ...]


@dataclass
class Image:
    tag: str
    architecture: str
    manifest: str  # digest
    labels: dict[str, str]
    layers: list[Layer] = field(default_factory=list)

    def members(self) -> Iterator[tuple[Layer, Member]]:
        for layer in self.layers:
            for member in layer.members:
                yield layer, member


def is_plain(name: str) -> bool:
    """Whether a member's name stays where it is unpacked: relative, no empty, `.` or `..` part."""
    return bool(name) and all(part not in ("", ".", "..") for part in name.split("/"))


class Layout:
    """An OCI image layout in a directory."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def document(self, descriptor: dict[str, Any]) -> dict[str, Any]:
        path = self.blob(descriptor)
        if path.stat().st_size > LARGEST_DOCUMENT:
            raise BadImage(f"{descriptor['digest']} is no document: it has {path.stat().st_size} bytes")
        content = path.read_bytes()
        _check_digest(descriptor["digest"], hashlib.sha256(content).hexdigest())
        return _object(content, descriptor["digest"])

    def blob(self, descriptor: dict[str, Any]) -> Path:
        """The file of a blob; its size is checked, its digest by whoever reads it."""
        algorithm, _, digest = str(descriptor.get("digest")).partition(":")
        if algorithm != "sha256" or len(digest) != 64 or not digest.isalnum():
            raise BadImage(f"'{descriptor.get('digest')}' is no sha256 digest")
        path = self.directory / "blobs/sha256" / digest
        if not path.is_file():
            raise BadImage(f"blob sha256:{digest} is not in the layout")
        if path.stat().st_size != descriptor.get("size"):
            raise BadImage(f"blob sha256:{digest} has {path.stat().st_size} bytes, its descriptor says {descriptor.get('size')}")
        return path

    def tags(self) -> dict[str, dict[str, Any]]:
        path = self.directory / "index.json"
        if not path.is_file():
            raise BadImage(f"{self.directory} is no OCI layout: it has no index.json")
        entries = _object(path.read_bytes(), "index.json").get("manifests", [])
        return {entry.get("annotations", {}).get(TAG_ANNOTATION, ""): entry for entry in entries}

    def manifest(self, tag: str, architecture: str | None) -> tuple[str, dict[str, Any]]:
        """Digest and document of the manifest of a tag: the one for the architecture, or the only one."""
        tags = self.tags()
        if tag not in tags:
            raise BadImage(f"the layout has no tag '{tag}'; it has: {' '.join(sorted(tags)) or 'none'}")
        descriptor = tags[tag]
        document = self.document(descriptor)
        if descriptor.get("mediaType") in INDEX_TYPES or "manifests" in document:
            entries = {entry.get("platform", {}).get("architecture", ""): entry for entry in document.get("manifests", [])
                       if entry.get("platform", {}).get("os", "linux") == "linux"}
            if architecture is None and len(entries) != 1:
                raise BadImage(f"the image is for several architectures; name one with --architecture: {' '.join(sorted(entries))}")
            wanted = architecture or next(iter(entries))
            if wanted not in entries:
                raise BadImage(f"the image is not for {wanted}; it is for: {' '.join(sorted(entries))}")
            descriptor = entries[wanted]
            document = self.document(descriptor)
        elif architecture and (there := self.document(document["config"]).get("architecture")) != architecture:
            raise BadImage(f"the image is not for {architecture}; it is for: {there}")
        return descriptor["digest"], document


def _check_digest(wanted: str, found: str) -> None:
    if wanted != f"sha256:{found}":
        raise BadImage(f"blob {wanted} is damaged: its content has the digest sha256:{found}")


def _object(content: bytes, what: str) -> dict[str, Any]:
    try:
        document = json.loads(content)
    except ValueError as error:
        raise BadImage(f"{what} is no JSON: {error}") from error
    if not isinstance(document, dict):
        raise BadImage(f"{what} is no JSON object")
    return document


class _Hashing:
    """A stream that hashes what is read of it."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self.hash = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        data = self._stream.read(size)
        self.hash.update(data)
        return data


def read_image(layout: Layout, tag: str, architecture: str | None, tree: Path) -> Image:
    """Reads all of an image, and unpacks what it has below /driver into `tree`.

    Raises BadImage when the image is not whole: the checks of its content would be about something else.
    """
    digest, manifest = layout.manifest(tag, architecture)
    config = layout.document(manifest.get("config", {}))
    diff_ids = config.get("rootfs", {}).get("diff_ids", [])
    descriptors = manifest.get("layers", [])
    roles = [entry.get("annotations", {}).get(ROLE_ANNOTATION, "none") for entry in descriptors]
    if roles != ["program", "user-space", "modules"]:
        raise BadImage(f"the layers are {', '.join(roles) or 'none'}; they should be program, user-space, modules")
    if len(diff_ids) != len(descriptors):
        raise BadImage(f"the configuration names {len(diff_ids)} layers, the manifest {len(descriptors)}")
    image = Image(tag, str(config.get("architecture")), digest, dict(config.get("config", {}).get("Labels") or {}))
    for role, descriptor, diff_id in zip(roles, descriptors, diff_ids):
        path = layout.blob(descriptor)
        with path.open("rb") as blob:
            _check_digest(descriptor["digest"], hashlib.file_digest(blob, "sha256").hexdigest())
        members, found = _read_layer(path, role, tree)
        if diff_id != f"sha256:{found}":
            raise BadImage(f"layer {role} unpacks to sha256:{found}, the configuration says {diff_id}")
        image.layers.append(Layer(role, descriptor["digest"], descriptor["size"], tuple(members)))
    return image


def _read_layer(path: Path, role: str, tree: Path) -> tuple[list[Member], str]:
    with path.open("rb") as blob:
        magic = blob.read(4)
    command = next((command for start, command in UNPACKERS.items() if magic.startswith(start)), None)
    if command is None:
        raise BadImage(f"layer {role} is neither zstd nor gzip")
    with subprocess.Popen([*command, path], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout is not None
        stream = _Hashing(process.stdout)
        try:
            members = list(_read_members(stream, tree))
            while stream.read(1 << 20):
                pass
        except tarfile.TarError as error:
            process.kill()
            raise BadImage(f"layer {role} is no tar archive: {error}") from error
    if process.returncode:
        raise BadImage(f"layer {role} cannot be unpacked: {command[0]} ended with status {process.returncode}")
    return members, stream.hash.hexdigest()


def _read_members(stream: _Hashing, tree: Path) -> Iterator[Member]:
    links: set[str] = set()
    with tarfile.open(fileobj=stream, mode="r|", bufsize=1 << 20) as archive:  # type: ignore[call-overload]
        for entry in archive:
            target = _place(entry, tree, links)
            yield _read_member(archive, entry, target)


def _place(entry: tarfile.TarInfo, tree: Path, links: set[str]) -> Path | None:
    """Where a member is unpacked; None when it is not: outside the driver, an odd name or kind, or behind a link."""
    name = entry.name.rstrip("/")
    parents = {str(parent) for parent in PurePosixPath(name).parents}
    if not is_plain(name) or not name.startswith(f"{DRIVER_DIRECTORY}/") or parents & links:
        return None
    if entry.issym():
        links.add(name)
    elif not (entry.isreg() or entry.isdir()):
        return None
    place = tree / name.removeprefix(f"{DRIVER_DIRECTORY}/")
    for parent in reversed(place.relative_to(tree).parents):
        if (tree / parent).is_symlink() or (tree / parent).is_file():
            return None  # an earlier layer's
    return place


KINDS = {tarfile.REGTYPE: "file", tarfile.AREGTYPE: "file", tarfile.DIRTYPE: "directory", tarfile.SYMTYPE: "link",
         tarfile.LNKTYPE: "hard link", tarfile.CHRTYPE: "character device", tarfile.BLKTYPE: "block device",
         tarfile.FIFOTYPE: "pipe"}


def _read_member(archive: tarfile.TarFile, entry: tarfile.TarInfo, place: Path | None) -> Member:
    kind = KINDS.get(entry.type, f"member of type {entry.type!r}")
    attributes = tuple(sorted(key for key in entry.pax_headers if key.startswith(("SCHILY.xattr.", "LIBARCHIVE.xattr."))))
    plain = {"name": entry.name.rstrip("/"), "kind": kind, "mode": entry.mode, "owner": (entry.uid, entry.gid), "attributes": attributes}
    if entry.isreg():
        digest, head = _unpack_file(archive, entry, place)
        return Member(**plain, size=entry.size, sha256=digest, head=head)  # type: ignore[arg-type]
    if place is not None and entry.isdir():
        place.mkdir(parents=True, exist_ok=True)
    if place is not None and entry.issym():
        _make_room(place)
        place.symlink_to(entry.linkname)
    return Member(**plain, target=entry.linkname)  # type: ignore[arg-type]


def _unpack_file(archive: tarfile.TarFile, entry: tarfile.TarInfo, place: Path | None) -> tuple[str, bytes]:
    content = archive.extractfile(entry)
    assert content is not None
    sha256, head = hashlib.sha256(), b""
    target = None
    if place is not None:
        _make_room(place)
        target = place.open("xb")
    try:
        while data := content.read(1 << 20):
            head = head or data[:HEAD_SIZE]
            sha256.update(data)
            if target:
                target.write(data)
    finally:
        if target:
            target.close()
    return sha256.hexdigest(), head


def _make_room(place: Path) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    if place.is_dir() and not place.is_symlink():
        shutil.rmtree(place)
    else:
        place.unlink(missing_ok=True)
