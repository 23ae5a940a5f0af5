"""What overdrive is to reach, what was seen, and which is met: computed from a result, nothing is written by hand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from result import Result

TREE = 800e6  # bytes that the goals for processor time are given for


@dataclass(frozen=True)
class Goal:
    text: str
    most: float
    unit: str
    seen: Callable[[Result], float | None]  # None: not measured in this run

    def row(self, found: Result) -> str:
        seen = self.seen(found)
        verdict = "not measured" if seen is None else "met" if seen <= self.most else "MISSED"
        return f"| {self.text} | <= {self.most:g}{self.unit} | {'' if seen is None else f'{seen:.3g}{self.unit}'} | {verdict} |"


def _wall(found: Result, *keys: str) -> float | None:
    """Of the quickest of these."""
    return min((found.rows[key].median("wall") for key in keys if key in found.rows), default=None)


def _ratio(compression: str, *peers: str) -> Callable[[Result], float | None]:
    def seen(found: Result) -> float | None:
        ours, theirs = _wall(found, f"overdrive install ({compression})"), _wall(found, *(f"{one} ({compression})" for one in peers))
        return ours / theirs if ours and theirs else None
    return seen


def _floors(found: Result) -> float | None:
    ours = _wall(found, "overdrive install (zstd)")
    return ours / found.floor("zstd") if ours and "zstd" in found.stages else None


def _of_install(what: str, scale: Callable[[float, Result], float]) -> Callable[[Result], float | None]:
    def seen(found: Result) -> float | None:
        row = found.rows.get("overdrive install (zstd)")
        return scale(row.median(what), found) if row else None
    return seen


def _part_of_install(key: str, what: str) -> Callable[[Result], float | None]:
    def seen(found: Result) -> float | None:
        install, other = found.rows.get("overdrive install (zstd)"), found.rows.get(key)
        return other.median(what) / install.median(what) if install and other else None
    return seen


def _beyond_modules(found: Result) -> float | None:
    row = found.rows.get("overdrive, next kernel (zstd)")
    return (row.median("wire_bytes") - float(str(found.facts["modules_bytes"]))) / 1000 if row else None


def _moment(name: str) -> Callable[[Result], float | None]:
    return lambda found: found.moment(name)


def _requests(name: str) -> Callable[[Result], float | None]:
    return lambda found: found.requests.get(name)


def _bytes_per_tree(seconds: float, found: Result) -> float:
    return seconds * TREE / float(str(found.facts["unpacked_bytes"]))


GOALS = [
    Goal("install (zstd) / containerd or docker pull", 0.40, "", _ratio("zstd", "containerd pull", "docker pull")),
    Goal("install (zstd) / podman pull, then copy out", 0.25, "", _ratio("zstd", "podman pull, then copy out")),
    Goal("install (zstd) / oras, then tar", 0.60, "", _ratio("zstd", "oras blob fetch, then tar")),
    Goal("install (zstd) / floor", 1.5, "", _floors),
    Goal("install (gzip) / containerd or docker pull", 0.45, "", _ratio("gzip", "containerd pull", "docker pull")),
    Goal("install (gzip) / podman pull, then copy out", 0.20, "", _ratio("gzip", "podman pull, then copy out")),
    Goal("processor time of an install per 800 MB", 2.0, " s", _of_install("cpu", _bytes_per_tree)),
    Goal("peak memory of an install", 48, " MB", _of_install("peak_kib", lambda kib, _: kib * 1024 / 1e6)),
    Goal("next kernel, files hashed again / install", 0.50, "", _part_of_install("overdrive, next kernel (zstd)", "wall")),
    Goal("next kernel: bytes beyond the modules layer", 100, " kB", _beyond_modules),
    Goal("within a branch, with delta: bytes / install", 0.20, "", _part_of_install("overdrive, delta (zstd)", "wire_bytes")),
    Goal("activate, nothing to do, as a process", 5, " ms", _moment("activate, nothing to do")),
    Goal("status, as a process", 5, " ms", _moment("status")),
    Goal("requests to resolve", 1, "", _requests("resolve")),
    Goal("requests to resolve and check the signature", 2, "", _requests("resolve, signed")),
]


def table(found: Result) -> str:
    return "\n".join(["| goal | most | seen | |", "| --- | --- | --- | --- |", *(goal.row(found) for goal in GOALS)]) + "\n"
