"""The ledger of a build: what it took from outside. Written by `builder-images/build --record`; see ci/lib/ledger.sh."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote

#: Packages that a build compiles against; nothing of them is in the artifact.
BUILD_ONLY = ("linux-headers-", "linux-kbuild-")


@dataclass(frozen=True)
class Input:
    """One file from outside."""

    name: str
    version: str
    architecture: str
    sha256: str  # empty: not known
    location: str  # a URL, or pool/... in Debian's archive
    licences: tuple[str, ...]

    @property
    def is_in_artifact(self) -> bool:
        return not self.name.startswith(BUILD_ONLY)

    @property
    def purl(self) -> str:
        """@see package-url specification, type deb"""
        if not self.location.startswith("pool/"):
            return f"pkg:generic/{quote(self.name)}@{quote(self.version, safe='')}"
        return f"pkg:deb/debian/{quote(self.name)}@{quote(self.version, safe='')}?arch={self.architecture}"


def parse(text: str) -> list[Input]:
    """Of a package that was fetched in several versions the last one was used. Sorted by name. @raise ValueError"""
    found: dict[str, Input] = {}
    for line in text.splitlines():
        words = line.split("\t")
        if len(words) != 6:
            raise ValueError(f"a ledger has six words a line, not: {line!r}")
        name, version, architecture, sha256, location, licences = ("" if word == "-" else word for word in words)
        found[name] = Input(name, version, architecture, sha256, location, tuple(filter(None, licences.split(","))))
    return [found[name] for name in sorted(found)]
