"""The floor of an install: what no program that fetches, verifies, decompresses and writes these bytes durably can beat here.

Every stage is measured alone on the same bytes. The stages may run side by side, so the floor is the slowest one, or the
processor time of all (the registry's share included, which runs on the same machine) over the processors.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import measure
from contestants import Place
from inputs import REPOSITORY, blob_path, programs


@dataclass(frozen=True)
class Stage:
    """One stage alone, over both layers of the driver."""

    wall: float
    cpu: float


def stages(place: Place, compression: str, registry_cpu: Callable[[], float]) -> dict[str, Stage]:
    """@param registry_cpu seconds of processor that the registry has used so far"""
    layout = getattr(place.inputs, compression)
    layers = list(place.layers(compression).values())
    found: dict[str, Stage] = {}
    before = registry_cpu()
    found["get"] = _sum([_run("get", f"http://{place.registry}/v2/{REPOSITORY}-{compression}/blobs/{one['digest']}") for one in layers])
    found["registry"] = Stage(0.0, registry_cpu() - before)
    found["sha256"] = _sum([_run("sha256", blob_path(layout, one)) for one in layers])
    found[compression] = _sum([_run(compression, blob_path(layout, one)) for one in layers])
    target = place.work / "floor"
    found["write"] = _sum([_write(_tar_of(place, name), target) for name in place.layers("zstd")])
    shutil.rmtree(target)
    return found


def of(found: dict[str, Stage]) -> float:
    """Seconds."""
    cores = len(os.sched_getaffinity(0))
    return max(max(stage.wall for stage in found.values()), sum(stage.cpu for stage in found.values()) / cores)


def _tar_of(place: Place, name: str) -> Path:
    """A layer without compression, made once; where it lies in memory there is nothing to read from the disk."""
    made = Path(place.work) / f"{name}.tar"
    if not made.exists():
        source = blob_path(place.inputs.zstd, place.layers("zstd")[name])
        subprocess.run(["zstd", "-dqf", str(source), "-o", str(made)], check=True)
        measure.sync(place.work)
    return made


def _write(tar: Path, target: Path) -> Stage:
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir()
    measure.sync(target)
    return _run("write", tar, target)


def _run(*words: object) -> Stage:
    done = subprocess.run([str(word) for word in (programs() / "bench_stages", *words)], capture_output=True, text=True)
    if done.returncode:
        raise measure.CommandFailed(done.stderr)
    said = json.loads(done.stdout)
    return Stage(said["wall"], said["cpu"])


def _sum(parts: list[Stage]) -> Stage:
    return Stage(sum(part.wall for part in parts), sum(part.cpu for part in parts))
