"""Resolving, as a repository grows: tags that are no business of the node's, and pairs in the index that it reads."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import inputs
import measure
from curve import FLAT, LINEAR, Curve
from grow_artifact import MEGA, Setting, directory
from inputs import KERNEL, OS_VERSION, SMALL, DriverTree, cli_case, programs, say
from ours import Node
from vm_registry import Registry, bytes_of

REPOSITORY = "overdrive/nvidia-coreos"
BRANCH = SMALL.split(".")[0]
DRIVERS_A_KERNEL = 20
MOST_PAIRS = 12_000  # more are refused: PairIndex::kMostPairs


def tags(setting: Setting) -> list[Curve]:
    """(d) A full version is a tag: one among 10 or among 100,000."""
    wall, requests = _curves("resolve a version", "tags", FLAT, FLAT)
    with directory(setting, "tags") as made, Registry(made / "registry") as registry:
        source = _publish(registry, made)
        node = Node(made / "host", key=cli_case.keys()[1])
        there = 1
        for count in setting.choose((10, 100, 1000, 10_000, 100_000), (10, 1000)):
            _add_tags(registry.directory, f"{OS_VERSION}-{SMALL}", there, count)
            there = count
            for _ in range(setting.runs):
                cost, asked, _ = _resolve(registry, node, SMALL, source, made)
                wall.add(count, cost.wall * 1000)
                requests.add(count, asked)
    return [wall, requests]


def pairs(setting: Setting) -> list[Curve]:
    """(d) A branch is looked up in the signed index, which grows by some 300 bytes a pair: the requests must not."""
    wall, requests = _curves("resolve a branch", "pairs in the index", LINEAR, FLAT)
    wire, peak = Curve("resolve a branch, wire", "pairs in the index", "kB", LINEAR), Curve("resolve a branch, memory", "pairs in the index", "MiB", LINEAR)
    with directory(setting, "pairs") as made, Registry(made / "registry") as registry:
        source = _publish(registry, made)
        node = Node(made / "host", key=cli_case.keys()[1])
        for count in setting.choose((10, 100, 1000, 10_000, MOST_PAIRS), (10, 500)):
            _put_index(source, count, made)
            for _ in range(setting.runs):
                cost, asked, moved = _resolve(registry, node, BRANCH, source, made)
                for curve, value in ((wall, cost.wall * 1000), (requests, asked), (wire, moved / 1000), (peak, cost.peak_kib / 1024)):
                    curve.add(count, value)
    return [wall, requests, wire, peak]


def _curves(what: str, work: str, time: object, asked: object) -> tuple[Curve, Curve]:
    return Curve(f"{what}, wall", work, "ms", time), Curve(f"{what}, requests", work, "", asked)  # type: ignore[arg-type]


def _publish(registry: Registry, made: Path) -> str:
    """One small signed artifact, and an index of it."""
    tree = DriverTree.made(made / "tree", {"cuda": MEGA})
    tag = inputs.pack(tree, KERNEL, OS_VERSION, made / "layout", made / "pack")
    source = inputs.push(registry, made / "layout", tag, REPOSITORY, key=cli_case.keys()[0])
    cli_case.add_index(source, tag)
    return source


def _resolve(registry: Registry, node: Node, wish: str, source: str, made: Path) -> tuple[measure.Cost, int, int]:
    """@return what it cost, requests, bytes of blobs and manifests"""
    mark = registry.mark()
    cost = measure.measure(node.resolve(wish, source), made, made / "said.log")
    asked = registry.requests(since=mark)
    return cost, len(asked), bytes_of(asked)


def _add_tags(directory: Path, tag: str, there: int, count: int) -> None:
    """
    More tags of the image that `tag` names, as the registry itself keeps them on its disk.

    Pushing 100,000 takes the better part of an hour. What a registry keeps besides of each is a history that only garbage
    collection reads. @see distribution/distribution, registry/storage/paths.go
    """
    kept = directory / "storage/docker/registry/v2/repositories" / REPOSITORY / "_manifests/tags"
    link = (kept / tag / "current/link").read_text()
    for number in range(there, count):
        current = kept / f"{number}.0.0-{SMALL}/current"
        current.mkdir(parents=True)
        (current / "link").write_text(link)


def _put_index(source: str, count: int, made: Path) -> None:
    """The published index with pairs for other kernels added until there are `count`; signed again."""
    tool, tag = programs() / "overdrive-artifact", "overdrive-index"
    layout = made / f"index-{count}"
    say([tool, "-q", "copy", "--no-signatures", f"{source}:{tag}", f"oci:{layout}:{tag}"])
    top = json.loads((layout / "index.json").read_text())
    manifest = json.loads(_blob(layout, top["manifests"][0]["digest"]).read_text())
    document = json.loads(_blob(layout, manifest["layers"][0]["digest"]).read_text())
    _fill(document, count)
    manifest["layers"][0] |= _store(layout, document)
    top["manifests"][0] |= _store(layout, manifest)
    (layout / "index.json").write_text(json.dumps(top))
    say([tool, "-q", "copy", "--no-signatures", f"oci:{layout}:{tag}", f"{source}:{tag}"])
    say([tool, "-q", "sign", "--key", cli_case.keys()[0], f"{source}:{tag}"])


def _fill(document: dict[str, object], count: int) -> None:
    systems = document["systems"]
    assert isinstance(systems, list)
    own = next(one for one in systems if one["kernel_release"] == KERNEL)
    missing, systems[:] = count - 1, [own]
    while missing:
        number, drivers = len(systems), min(missing, DRIVERS_A_KERNEL)
        missing -= drivers
        others = [{**own["pairs"][0], "driver": f"{BRANCH}.2.{i}", "digest": "sha256:" + hashlib.sha256(f"{number} {i}".encode()).hexdigest()}
                  for i in range(drivers)]
        systems.append({**own, "os": {**own["os"], "key": f"{number}.0.0"}, "kernel_release": f"6.0.{number}", "pairs": others})


def _blob(layout: Path, digest: str) -> Path:
    return layout / "blobs" / digest.replace(":", "/")


def _store(layout: Path, document: dict[str, object]) -> dict[str, object]:
    content = json.dumps(document, separators=(",", ":")).encode()
    digest = "sha256:" + hashlib.sha256(content).hexdigest()
    _blob(layout, digest).write_bytes(content)
    return {"digest": digest, "size": len(content)}
