"""Fedora CoreOS: the current release of a stream from its stream metadata, those before from its list of releases, the kernel
from the list of packages of a build.

Written after the published documents and programs that read them; never run against the real host. The forms:
- streams/STREAM.json (public interface): architectures.ARCH.artifacts.metal.release;
- prod/streams/STREAM/releases.json: releases [{version, commits [{architecture}]}], oldest first;
- prod/streams/STREAM/builds/VERSION/ARCH/commitmeta.json: "rpmostree.rpmdb.pkglist" [[name, epoch, version, release, arch]].
"""

from __future__ import annotations

from catalog.cell import Release
from catalog.definition import OperatingSystem, Stream
from catalog.versions import natural
from catalog.watchers.document import entry, parsed, safe
from catalog.watchers.port import Fetcher, WatchError

MOST_BYTES = 32 << 20
MOST_RELEASES = 20  # each costs a request


class FedoraCoreosWatcher:
    def __init__(self, fetcher: Fetcher) -> None:
        self._fetcher = fetcher

    def releases(self, system: OperatingSystem, stream: Stream, architecture: str) -> list[Release]:
        versions = {self._current(system, stream, architecture)}
        if stream.newest != 1:
            versions |= self._listed(system, stream, architecture)
        newest = sorted(versions, key=natural, reverse=True)[:min(stream.newest or MOST_RELEASES, MOST_RELEASES)]
        return [self._release(system, stream, architecture, version) for version in newest]

    def _current(self, system: OperatingSystem, stream: Stream, architecture: str) -> str:
        url = f"{system.site(architecture)}/streams/{stream.name}.json"
        document = parsed(self._fetcher.get(url, MOST_BYTES), url)
        return safe(entry(document, url, "architectures", architecture, "artifacts", "metal", "release"), url)

    def _listed(self, system: OperatingSystem, stream: Stream, architecture: str) -> set[str]:
        url = f"{system.site(architecture)}/prod/streams/{stream.name}/releases.json"
        listed = entry(parsed(self._fetcher.get(url, MOST_BYTES), url), url, "releases")
        if not isinstance(listed, list):
            raise WatchError(f"'{url}' is not what it is known to be: its releases are no list")
        return {safe(entry(one, url, "version"), url) for one in listed
                if any(entry(commit, url, "architecture") == architecture for commit in entry(one, url, "commits"))}

    def _release(self, system: OperatingSystem, stream: Stream, architecture: str, version: str) -> Release:
        url = f"{system.site(architecture)}/prod/streams/{stream.name}/builds/{version}/{architecture}/commitmeta.json"
        listed = entry(parsed(self._fetcher.get(url, MOST_BYTES), url), url, "rpmostree.rpmdb.pkglist")
        kernel = next((one for one in listed if isinstance(one, list) and len(one) == 5 and one[0] == "kernel"), None)
        if kernel is None:
            raise WatchError(f"'{url}' is not what it is known to be: it lists no package 'kernel'")
        number, build = safe(kernel[2], url), safe(kernel[3], url)
        headers = system.place("headers").format(version=number, release=build, arch=architecture)
        # The stem of a version is FEDORA.DATE.STREAM.REVISION.
        date = version.split(".")[1] if version.count(".") == 3 else ""
        return Release(stream.name, version, f"{number}-{build}.{architecture}", architecture,
                       date=f"{date[:4]}-{date[4:6]}-{date[6:]}" if len(date) == 8 and date.isdigit() else "",
                       inputs={"headers": headers, "image": f"{system.place('image')}:{stream.name}"})
