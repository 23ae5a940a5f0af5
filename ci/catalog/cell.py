"""The values of the matrix: releases that a watcher found, drivers, and cells (a release with a driver). Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

MOST_TAG_CHARACTERS = 128
KEPT_CHARACTERS = 100
STATES = ("present", "missing", "blocked", "unknown")


class CatalogError(Exception):
    """What is wrong, in a sentence for whoever runs the command."""


@dataclass(frozen=True)
class Release:
    """One kernel of one release of an operating system, for one architecture."""

    stream: str
    version: str  # what os-release of that system says: VERSION_ID, for ostree systems OSTREE_VERSION
    kernel: str  # `uname -r`
    architecture: str  # `uname -m`
    flavour: str = ""  # the kernel's, where the system has several
    date: str = ""  # when it appeared, ISO 8601, where its source says so
    inputs: Mapping[str, str] = field(default_factory=dict, hash=False)  # what a build needs -> where that is


@dataclass(frozen=True)
class Driver:
    """One version of the driver with one kind of kernel modules."""

    version: str
    module_type: str  # open, proprietary, stand-in
    architectures: tuple[str, ...]

    @property
    def id(self) -> str:
        return self.version + ("-open" if self.module_type == "open" else "")

    @property
    def branch(self) -> str:
        return self.version.split(".")[0]


@dataclass(frozen=True)
class Cell:
    """A place in the matrix: what is published, or should be, under one tag for one architecture."""

    os_name: str  # builder-images/NAME
    os_id: str  # os-release ID
    os_key: str
    release: Release
    driver: Driver
    repository: str  # empty while no registry is named
    state: str = "unknown"  # unknown: no registry was asked
    reason: str = ""  # why blocked
    where: str = ""  # where that can be read
    digest: str | None = None
    prove_in_vm: bool = False  # whether its kernel can be booted for the proof
    runner: Mapping[str, tuple[str, ...]] = field(default_factory=dict, hash=False)  # CI system -> labels; none: no machine has its architecture

    @property
    def tag(self) -> str:
        return tag_of(self.os_key, self.driver.id)

    def as_json(self) -> dict[str, Any]:
        release, driver = self.release, self.driver
        return {"os": {"name": self.os_name, "id": self.os_id, "version": release.version, "key": self.os_key, "stream": release.stream},
                "kernel_release": release.kernel, "architecture": release.architecture, "flavour": release.flavour, "date": release.date,
                "driver": driver.id, "driver_version": driver.version, "branch": driver.branch, "module_type": driver.module_type,
                "repository": self.repository, "tag": self.tag, "state": self.state, "reason": self.reason or None,
                "where": self.where or None, "digest": self.digest, "runner": {system: list(labels) for system, labels in self.runner.items()}, "inputs": dict(release.inputs)}


def os_key_of(rule: str, version: str, kernel: str) -> str:
    """The OS key as nodes compute it (installer/model/os_profile). `rule`: `version` or `version-kernel`."""
    return version if rule == "version" else f"{version}-{kernel}"


def tag_of(os_key: str, driver_id: str) -> str:
    """The tag as nodes compute it (installer/model/pair): no `+` and `~`, at most 128 characters."""
    tag = f"{os_key}-{driver_id}".replace("+", "_plus_").replace("~", "_tilde_")
    if len(tag) <= MOST_TAG_CHARACTERS:
        return tag
    fingerprint = 0xCBF29CE484222325
    for byte in tag.encode():
        fingerprint = (fingerprint ^ byte) * 0x100000001B3 % 2**64
    return f"{tag[:KEPT_CHARACTERS]}_{fingerprint:016x}"
