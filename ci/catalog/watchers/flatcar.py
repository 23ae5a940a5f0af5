"""Flatcar: the releases of a channel, from the JSON that its website is made of.

Written after the documents that Flatcar publishes and programs that read them; never run against the real host.
The form: version -> {channel, architectures [amd64, arm64], release_date, major_software {kernel [version]}}; the entry
`current` repeats the newest.
"""

from __future__ import annotations

import re
from typing import Any

from catalog.cell import Release
from catalog.definition import OperatingSystem, Stream
from catalog.watchers.document import entry, parsed, safe
from catalog.watchers.port import DEBIAN_WORD, Fetcher, WatchError

MOST_BYTES = 64 << 20  # all release notes are in it
VERSION = re.compile(r"\d+\.\d+\.\d+\Z")


class FlatcarWatcher:
    def __init__(self, fetcher: Fetcher) -> None:
        self._fetcher = fetcher
        self._kept: dict[str, dict[str, Any]] = {}

    def releases(self, system: OperatingSystem, stream: Stream, architecture: str) -> list[Release]:
        url = f"{system.site(architecture)}/releases-json/releases-{stream.name}.json"
        if url not in self._kept:
            self._kept[url] = parsed(self._fetcher.get(url, MOST_BYTES), url)
        word = DEBIAN_WORD[architecture]
        found = [self._release(system, stream, architecture, version, told, url) for version, told in self._kept[url].items()
                 if VERSION.match(version) and word in entry(told, url, "architectures")]
        if not found:
            raise WatchError(f"'{url}' names no release for {word}")
        return found

    @staticmethod
    def _release(system: OperatingSystem, stream: Stream, architecture: str, version: str, told: dict[str, Any], url: str) -> Release:
        kernels = entry(told, url, "major_software", "kernel")
        if not isinstance(kernels, list) or not kernels:
            raise WatchError(f"'{url}' is not what it is known to be: {version} has no kernel")
        site = system.place("release").format(stream=stream.name, arch=DEBIAN_WORD[architecture], version=version)
        container = f"{site}/flatcar_developer_container.bin.bz2"
        return Release(stream.name, version, f"{safe(kernels[0], url)}-flatcar", architecture, date=str(told.get("release_date", ""))[:10],
                       inputs={"developer_container": container, "signature": f"{container}.sig", "signing_key": system.place("signing_key")})
