"""Reads Debian's and Ubuntu's lists of packages (`Packages`). Pure.

The form: stanzas apart by an empty line, `Field: value`, continuation lines begin with a space (deb822(5)).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

FIELD = re.compile(rb"^(Package|Version|Architecture|Source|Filename|SHA256): ?(.*)$", re.MULTILINE)


@dataclass(frozen=True)
class Package:
    name: str
    version: str
    architecture: str
    filename: str = ""
    sha256: str = ""


def packages(index: bytes, prefixes: Iterable[str]) -> Iterator[Package]:
    """The packages whose name begins with one of `prefixes`. A stanza without name and version is not one of them."""
    starts = tuple(f"Package: {prefix}".encode() for prefix in prefixes)
    for stanza in index.split(b"\n\n"):
        if not stanza.lstrip(b"\n").startswith(starts):
            continue
        fields = {name.decode(): value.decode(errors="replace").strip() for name, value in FIELD.findall(stanza)}
        if fields.get("Package") and fields.get("Version"):
            yield Package(fields["Package"], fields["Version"], fields.get("Architecture", ""), fields.get("Filename", ""), fields.get("SHA256", ""))


def flavour_of(kernel: str) -> str:
    """The flavour that ends a kernel release: `cloud-amd64` of `6.1.0-50-cloud-amd64`, `generic` of `6.8.0-49-generic`.

    Debian writes `VERSION-ABI-FLAVOUR` or `VERSION+debN-FLAVOUR`, Ubuntu `VERSION-ABI-FLAVOUR`.
    """
    found = re.match(r"\d[\d.]*(?:-\d+|\+deb\d+(?:\.\d+)?)-(.+)$", kernel)
    return found[1] if found else ""


def kernels(found: Iterable[Package]) -> dict[str, Package]:
    """Kernel releases of which both the image and the headers are listed -> the package of the headers."""
    images: set[str] = set()
    headers: dict[str, Package] = {}
    for package in found:
        if package.name.startswith("linux-image-"):
            # Ubuntu's linux-image-unsigned-X and Debian's linux-image-X-unsigned are images of the same kernel.
            images.add(package.name.removeprefix("linux-image-").removeprefix("unsigned-").removesuffix("-unsigned"))
        elif package.name.startswith("linux-headers-"):
            headers[package.name.removeprefix("linux-headers-")] = package
    return {release: package for release, package in headers.items() if release in images and flavour_of(release)}
