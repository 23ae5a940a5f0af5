"""openSUSE MicroOS: the kernels of the repository that it is made of, from the repository's metadata.

Written after the published form; never run against the real host. repomd.xml names primary.xml, which lists every package;
the OS version is that of the package MicroOS-release, the date of a snapshot. A repository has only the newest snapshot, so
a watcher that runs daily sees each.
"""

from __future__ import annotations

import hashlib
import re
import xml.etree.ElementTree as xml
from dataclasses import dataclass, field

from catalog.cell import Release
from catalog.definition import OperatingSystem, Stream
from catalog.watchers.compressed import Bounded, unpacked
from catalog.watchers.document import safe
from catalog.watchers.port import Fetcher, WatchError

MOST_REPOMD_BYTES = 1 << 20
MOST_BYTES = 256 << 20
MOST_UNPACKED_BYTES = 2 << 30
REPO = "{http://linux.duke.edu/metadata/repo}"
COMMON = "{http://linux.duke.edu/metadata/common}"
RPM = "{http://linux.duke.edu/metadata/rpm}"
KERNEL = "kernel-default"
RELEASE_PACKAGE = "MicroOS-release"


@dataclass
class Listed:
    """What a primary.xml has of what the catalog asks for."""

    versions: dict[str, set[tuple[str, str]]] = field(default_factory=dict)  # package -> (version, release)
    locations: dict[tuple[str, str], str] = field(default_factory=dict)  # of kernel-default-devel
    unames: dict[tuple[str, str], str] = field(default_factory=dict)  # as kernel-default says that it provides


def uname_of(version: str, release: str) -> str:
    """`6.11.8-1-default` of version 6.11.8, release 1.2: the last number counts rebuilds and is no part of the kernel's name."""
    return f"{version}-{re.sub(r'[.][0-9]+$', '', release)}-default"


def read_primary(stream: Bounded, architecture: str, name: str) -> Listed:
    wanted, found = {KERNEL, f"{KERNEL}-devel", RELEASE_PACKAGE}, Listed()
    try:
        for _, element in xml.iterparse(stream, ("end",)):  # type: ignore[arg-type]
            if element.tag != f"{COMMON}package":
                continue
            if element.findtext(f"{COMMON}name") in wanted and element.findtext(f"{COMMON}arch") in (architecture, "noarch"):
                _take(element, found)
            element.clear()
    except xml.ParseError as error:
        raise WatchError(f"'{name}' is not what it is known to be: {error}") from error
    return found


def _take(element: xml.Element, found: Listed) -> None:
    package, version = element.findtext(f"{COMMON}name", ""), element.find(f"{COMMON}version")
    if version is None:
        return
    build = (version.get("ver", ""), version.get("rel", ""))
    found.versions.setdefault(package, set()).add(build)
    location = element.find(f"{COMMON}location")
    if package == f"{KERNEL}-devel" and location is not None:
        found.locations[build] = location.get("href", "")
    for provided in element.iter(f"{RPM}entry"):
        if package == KERNEL and provided.get("name") == "kernel-uname-r" and provided.get("flags") == "EQ":
            found.unames[build] = "-".join(filter(None, (provided.get("ver"), provided.get("rel"))))


class MicroosWatcher:
    def __init__(self, fetcher: Fetcher) -> None:
        self._fetcher = fetcher

    def releases(self, system: OperatingSystem, stream: Stream, architecture: str) -> list[Release]:
        site = system.site(architecture)
        name, data = self._primary(site)
        with unpacked(data, name, MOST_UNPACKED_BYTES) as document:
            listed = read_primary(document, architecture, name)
        snapshots = sorted(version for version, _ in listed.versions.get(RELEASE_PACKAGE, ()))
        if not snapshots:
            raise WatchError(f"'{name}' is not what it is known to be: it lists no package {RELEASE_PACKAGE}")
        snapshot = safe(snapshots[-1], name)
        found = []
        for build in sorted(listed.versions.get(KERNEL, set()) & listed.versions.get(f"{KERNEL}-devel", set())):
            kernel = safe(listed.unames.get(build) or uname_of(*build), name)
            found.append(Release(stream.name, snapshot, kernel, architecture, "default", date=_date(snapshot),
                                 inputs={"headers": f"{site}/{listed.locations.get(build, '')}"}))
        if not found:
            raise WatchError(f"'{name}' lists no {KERNEL} with its {KERNEL}-devel")
        return found

    def _primary(self, site: str) -> tuple[str, bytes]:
        url = f"{site}/repodata/repomd.xml"
        try:
            document = xml.fromstring(self._fetcher.get(url, MOST_REPOMD_BYTES))
        except xml.ParseError as error:
            raise WatchError(f"'{url}' is not what it is known to be: {error}") from error
        entry = document.find(f"{REPO}data[@type='primary']")
        location, checksum = (None, None) if entry is None else (entry.find(f"{REPO}location"), entry.find(f"{REPO}checksum"))
        if location is None or checksum is None or checksum.get("type") not in ("sha256", "sha512"):
            raise WatchError(f"'{url}' is not what it is known to be: it names no primary.xml with a checksum")
        name = f"{site}/{location.get('href', '')}"
        data = self._fetcher.get(name, MOST_BYTES)
        if hashlib.new(str(checksum.get("type")), data).hexdigest() != (checksum.text or "").strip():
            raise WatchError(f"'{name}' has another checksum than repomd.xml says; the mirror may be between two states")
        return name, data


def _date(snapshot: str) -> str:
    return f"{snapshot[:4]}-{snapshot[4:6]}-{snapshot[6:]}" if re.fullmatch(r"\d{8}", snapshot) else ""
