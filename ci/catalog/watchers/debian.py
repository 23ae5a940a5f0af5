"""Debian: every kernel that the archive still serves, and the driver versions of its source packages.

The lists come from apt, which has checked their signatures (ci/lib/debian-archive.sh).
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from catalog.cell import Driver, Release
from catalog.definition import OperatingSystem, Stream
from catalog.versions import Range
from catalog.watchers.packages_index import Package, flavour_of, kernels, packages
from catalog.watchers.port import DEBIAN_WORD, WatchError

ARCHIVE = Path(__file__).resolve().parents[2] / "lib/debian-archive.sh"
TIMEOUT_SECONDS = 900  # as long as the archive waits for its lock
# Source packages of the kernel modules; both are also shipped as -dkms, which is what our builder takes.
OPEN_SOURCE = "nvidia-open-kernel-dkms"
PROPRIETARY_SOURCE = "nvidia-kernel-dkms"
PREFIXES = ("linux-image-", "linux-headers-", OPEN_SOURCE, PROPRIETARY_SOURCE)


@dataclass(frozen=True)
class Index:
    """One list of packages, reduced to what the catalog asks for."""

    suite: str
    packages: tuple[Package, ...]


class PackageLists(Protocol):
    """Gets the lists of one architecture."""

    def indices(self, architecture: str) -> Sequence[Index]: ...


class AptLists:
    """The lists of a private apt whose sources are the machine's own."""

    def indices(self, architecture: str) -> list[Index]:
        command = ["bash", "-euo", "pipefail", "-c", '. "$1"; archive_indices', "archive", str(ARCHIVE)]
        environment = {**os.environ, "OVERDRIVE_ARCHIVE_ARCHITECTURE": DEBIAN_WORD[architecture]}
        try:
            done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=TIMEOUT_SECONDS)
        except subprocess.TimeoutExpired as error:
            raise WatchError(f"apt has not fetched the lists of packages in {TIMEOUT_SECONDS} s") from error
        if done.returncode != 0:
            raise WatchError(f"the lists of packages cannot be had: {(done.stderr.strip().splitlines() or ['no message'])[-1]}")
        found = []
        for line in done.stdout.splitlines():
            suite, _, path = line.split(" ", 2)
            if Path(path).is_file():  # apt keeps no file for an empty list
                found.append(Index(suite, tuple(packages(Path(path).read_bytes(), PREFIXES))))
        return found


class DebianWatcher:
    """Kernels and drivers out of the same lists."""

    def __init__(self, lists: PackageLists) -> None:
        self._lists = lists
        self._kept: dict[str, Sequence[Index]] = {}

    def _indices(self, architecture: str) -> Sequence[Index]:
        if architecture not in self._kept:
            indices = self._lists.indices(architecture)
            if not any(index.packages for index in indices):
                raise WatchError(f"the archive lists no kernels for {architecture}")
            self._kept[architecture] = indices
        return self._kept[architecture]

    def releases(self, system: OperatingSystem, stream: Stream, architecture: str) -> list[Release]:
        flavours = {flavour.replace("{arch}", DEBIAN_WORD[architecture]) for flavour in system.flavours}
        # Image and headers may lie in different suites: the security archive replaces one package, not both.
        listed = [package for index in self._indices(architecture) if index.suite in stream.suites for package in index.packages]
        return [Release(stream.name, stream.version, kernel, architecture, flavour_of(kernel), inputs={"headers": f"linux-headers-{kernel}"})
                for kernel in kernels(listed) if flavour_of(kernel) in flavours and Range(stream.kernels).holds(kernel)]

    def drivers(self, architecture: str) -> list[Driver]:
        found = set()
        for index in self._indices(architecture):
            for package in index.packages:
                module_type = {OPEN_SOURCE: "open", PROPRIETARY_SOURCE: "proprietary"}.get(package.name)
                version = re.match(r"(?:\d+:)?(\d+(?:\.\d+)+)-", package.version)
                if module_type and version:
                    found.add(Driver(version[1], module_type, (architecture,)))
        return sorted(found, key=lambda driver: (driver.version, driver.module_type))
