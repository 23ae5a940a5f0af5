"""What a watcher is, and what it gets its answers through."""

from __future__ import annotations

from typing import Protocol

from catalog.cell import CatalogError, Driver, Release
from catalog.definition import OperatingSystem, Stream

# uname -m -> the word of others
DEBIAN_WORD = {"x86_64": "amd64", "aarch64": "arm64"}
OCI_WORD = DEBIAN_WORD


class WatchError(CatalogError):
    """A source did not answer, or not in the form that it is known for. The other sources go on."""


class Fetcher(Protocol):
    """Gets one document of the network."""

    def get(self, url: str, most_bytes: int) -> bytes:
        """The whole document. @raise WatchError: no answer in time, a status other than 200, larger than `most_bytes`."""
        ...


class Watcher(Protocol):
    """Answers for one stream and architecture; keeps what it has fetched."""

    def releases(self, system: OperatingSystem, stream: Stream, architecture: str) -> list[Release]:
        """All that the stream still serves, in any order. @raise WatchError"""
        ...


class DriverWatcher(Protocol):
    """Knows which driver versions can be built from one source."""

    def drivers(self, architecture: str) -> list[Driver]:
        """@raise WatchError"""
        ...
