"""What takes milliseconds: verbs of a host that has its driver, as processes; and the requests of a resolve."""

from __future__ import annotations

import shutil
from pathlib import Path

import inputs
import measure
from contestants import Place
from inputs import REPOSITORY, cli_case
from machine import Machine
from ours import AT_REBOOT, Node
from result import Result
from vm_registry import Registry

TIMES = 20
VERBS: dict[str, list[str]] = {"status": ["status"], "activate, nothing to do": ["activate"]}


def measure_verbs(place: Place, found: Result, *, times: int = TIMES) -> None:
    """On a machine without a GPU: what a load would add is not there, and what is looked at before it is."""
    node = _installed(place.work / "moments", place, f"docker://{place.registry}/{REPOSITORY}-zstd")
    with Machine(place.work / "machine", node.root) as machine:
        machine.overdrive("activate")
        for _ in range(times):
            for name, words in VERBS.items():
                found.moments.setdefault(name, []).append(machine.measure(*words).wall * 1000)
    shutil.rmtree(node.root)


def count_requests(registry: Registry, place: Place, found: Result) -> None:
    """What an install asks for beside its layers."""
    private, public = cli_case.keys()
    signed = inputs.push(registry, place.inputs.zstd, place.inputs.tag, f"{REPOSITORY}-signed", key=private)
    layers = {f"/{one['digest']}" for one in place.layers("zstd").values()}
    for name, source, key in (("resolve", f"docker://{place.registry}/{REPOSITORY}-zstd", None), ("resolve, signed", signed, public)):
        mark = registry.mark()
        shutil.rmtree(_installed(place.work / "moments", place, source, key).root)
        found.requests[name] = sum(not one.path.endswith(tuple(layers)) for one in registry.requests(since=mark))


def _installed(root: Path, place: Place, source: str, key: Path | None = None) -> Node:
    node = Node(root, key=key)
    measure.measure(node.install(place.inputs.driver, source), place.work, place.work / "said.log", accepted=AT_REBOOT)
    return node
