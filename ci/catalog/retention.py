"""What stays in a repository, and what goes and why. Pure: the policy of matrix.toml over what the index names and what the
streams still serve.

Kept, whatever else: what is younger than `days`; what a channel names; everything of an OS whose releases are not known at
the moment. Of a kernel that a stream still serves the newest `newest_drivers` of each branch and module type are kept. The rest
goes: older drivers, and kernels that no stream serves any more.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from catalog.definition import RetentionPolicy
from catalog.versions import natural

DAY_SECONDS = 86400


@dataclass(frozen=True)
class StoredPair:
    """A pair that the index of a repository names."""

    os_id: str
    os_key: str
    architecture: str  # OCI's word
    driver: str  # driver id
    driver_version: str
    module_type: str
    tag: str
    created: int  # seconds since 1970

    @property
    def branch(self) -> str:
        return self.driver_version.split(".")[0]


@dataclass(frozen=True)
class Served:
    """The OS keys that streams serve at the moment, of one os-release ID."""

    keys: frozenset[tuple[str, str]]  # with the architecture, OCI's word
    unknown: str = ""  # why they are not all known; empty when they are


@dataclass(frozen=True)
class Verdict:
    tag: str
    keep: bool
    why: str


def _newer(pair: StoredPair, pairs: Iterable[StoredPair]) -> int:
    """How many other driver versions of its branch and module type are newer, for the same OS key and architecture."""
    place = (pair.os_id, pair.os_key, pair.architecture, pair.branch, pair.module_type)
    versions = {other.driver_version for other in pairs
                if (other.os_id, other.os_key, other.architecture, other.branch, other.module_type) == place}
    return sum(natural(version) > natural(pair.driver_version) for version in versions)


def _follows(pair: StoredPair, channel_driver: str, newer: int) -> bool:
    """Whether a channel names this pair's driver: by its id, or by the branch of which it is the newest."""
    if "." in channel_driver:
        return pair.driver == channel_driver
    open_branch = f"{pair.branch}-open" if pair.module_type == "open" else pair.branch
    return newer == 0 and channel_driver in (pair.branch, open_branch)


def judge(pair: StoredPair, pairs: Sequence[StoredPair], channels: Mapping[str, str], served: Mapping[str, Served], policy: RetentionPolicy, now: int) -> Verdict:
    age = (now - pair.created) // DAY_SECONDS
    newer = _newer(pair, pairs)
    if age < policy.days:
        return Verdict(pair.tag, True, f"{max(age, 0)} days old, and nothing younger than {policy.days} is removed")
    channel = next((name for name, driver in sorted(channels.items()) if _follows(pair, driver, newer)), None)
    if channel:
        return Verdict(pair.tag, True, f"channel '{channel}' names its driver")
    known = served.get(pair.os_id, Served(frozenset(), "the matrix has no such operating system"))
    if known.unknown:
        return Verdict(pair.tag, True, f"what {pair.os_id} serves is not known: {known.unknown}")
    if (pair.os_key, pair.architecture) not in known.keys:
        return Verdict(pair.tag, False, f"no stream serves {pair.os_key} ({pair.architecture}) any more")
    kind = f"branch {pair.branch} ({pair.module_type})"
    if newer < policy.newest_drivers:
        return Verdict(pair.tag, True, f"one of the newest {policy.newest_drivers} of {kind} for a kernel that is served")
    return Verdict(pair.tag, False, f"{newer} newer drivers of {kind} are there")


def verdicts(pairs: Sequence[StoredPair], channels: Mapping[str, str], served: Mapping[str, Served], policy: RetentionPolicy, now: int) -> list[Verdict]:
    """One for each tag: it goes when all its architectures go."""
    by_tag: dict[str, list[Verdict]] = {}
    for pair in pairs:
        by_tag.setdefault(pair.tag, []).append(judge(pair, pairs, channels, served, policy, now))
    return [next((verdict for verdict in found if verdict.keep), found[0]) for _, found in sorted(by_tag.items())]
