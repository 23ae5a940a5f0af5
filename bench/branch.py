"""An older version of a driver's branch beside the one that is measured, and the delta that leads from it to that one."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

from inputs import REPOSITORY, DriverTree, Inputs, cli_case, programs, push, say
from vm_registry import Registry


def older_of(tree: DriverTree, drivers: Path) -> DriverTree | None:
    """
    The newest of the older versions of its branch whose user space is in `drivers`.

    Where it has no modules of its own it gets those of `tree`, which are told of its version: what a delta is about is user space.
    """
    def number(version: str) -> list[int]:
        return [int(part) for part in version.split(".")]

    branch = tree.driver.partition(".")[0]
    versions = [one.parent.name for one in drivers.glob(f"{branch}.*/user-space") if one.parent.name.replace(".", "").isdigit()]
    for version in sorted((one for one in versions if number(one) < number(tree.driver)), key=number, reverse=True):
        modules = DriverTree.modules_of(drivers, version)
        if modules:
            return DriverTree(version, drivers / version / "user-space", modules)
        if len(version) == len(tree.driver):
            return dataclasses.replace(tree, driver=version, user_space=drivers / version / "user-space", modules_version=tree.driver)
    return None


def offer_delta(registry: Registry, made: Inputs, work: Path) -> None:
    """Publishes the older version, the delta and the pair index that names it beside what is there."""
    source, tool = f"docker://{registry.on_host}/{REPOSITORY}-{made.zstd.name}", programs() / "overdrive-artifact"
    push(registry, made.zstd, made.older_tag, f"{REPOSITORY}-{made.zstd.name}")
    said = say([tool, "-q", "delta", "--from", f"{source}:{made.older_tag}", "--to", f"{source}:{made.tag}", "--work", work, "--json"])
    tag = json.loads(said[said.index("{\n"):])["tag"]
    say([tool, "-q", "index", "add", "--sign-key", cli_case.keys()[0], "--allow-unsigned", "--settle", 0, source, made.older_tag, made.tag, tag])
