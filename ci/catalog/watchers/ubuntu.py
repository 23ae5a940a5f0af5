"""Ubuntu: every kernel that the archive still serves, from its lists of packages (`Packages.xz`).

Only names of kernels are taken from the lists; a build fetches packages through apt, which checks their signatures.
Written after the published form; never run against the real archive.
"""

from __future__ import annotations

from catalog.cell import Release
from catalog.definition import OperatingSystem, Stream
from catalog.versions import Range
from catalog.watchers.compressed import unpacked
from catalog.watchers.packages_index import Package, flavour_of, kernels, packages
from catalog.watchers.port import DEBIAN_WORD, Fetcher, WatchError

MOST_BYTES = 64 << 20
MOST_UNPACKED_BYTES = 512 << 20
PREFIXES = ("linux-image-", "linux-headers-")


class UbuntuWatcher:
    def __init__(self, fetcher: Fetcher) -> None:
        self._fetcher = fetcher

    def releases(self, system: OperatingSystem, stream: Stream, architecture: str) -> list[Release]:
        listed: list[Package] = []
        for suite in stream.suites:
            url = f"{system.site(architecture)}/dists/{suite}/main/binary-{DEBIAN_WORD[architecture]}/Packages.xz"
            with unpacked(self._fetcher.get(url, MOST_BYTES), url, MOST_UNPACKED_BYTES) as index:
                listed += packages(index.rest(), PREFIXES)
        found = kernels(listed)
        if not found:
            raise WatchError(f"the lists of {', '.join(stream.suites)} have no kernel for {architecture}")
        return [Release(stream.name, stream.version, kernel, architecture, flavour_of(kernel), inputs={"headers": f"linux-headers-{kernel}"})
                for kernel in found if flavour_of(kernel) in system.flavours and Range(stream.kernels).holds(kernel)]
