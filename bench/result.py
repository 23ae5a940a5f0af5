"""What a benchmark found: medians, spread and ratios, as JSON and as a table."""

from __future__ import annotations

import dataclasses
import json
import statistics
from dataclasses import dataclass, field

import floor
from floor import Stage
from measure import Cost

MEBI = 1 << 20


@dataclass
class Row:
    """The runs of one contestant."""

    is_peer: bool
    costs: list[Cost] = field(default_factory=list)

    def median(self, name: str) -> float:
        return statistics.median(getattr(cost, name) for cost in self.costs)

    def spread(self, name: str) -> tuple[float, float]:
        values = [getattr(cost, name) for cost in self.costs]
        return min(values), max(values)


@dataclass
class Result:
    """All rows, in the order in which they were first run."""

    rows: dict[str, Row] = field(default_factory=dict)
    stages: dict[str, dict[str, list[Stage]]] = field(default_factory=dict)  # by compression, then by stage
    failures: dict[str, str] = field(default_factory=dict)
    facts: dict[str, object] = field(default_factory=dict)
    moments: dict[str, list[float]] = field(default_factory=dict)  # milliseconds of each run of a verb
    requests: dict[str, int] = field(default_factory=dict)

    def moment(self, name: str) -> float | None:
        """Milliseconds; None when it was not measured."""
        return statistics.median(self.moments[name]) if name in self.moments else None

    def add(self, key: str, is_peer: bool, cost: Cost, wire_bytes: int) -> None:
        self.rows.setdefault(key, Row(is_peer)).costs.append(dataclasses.replace(cost, wire_bytes=wire_bytes))

    def add_floor(self, compression: str, stages: dict[str, Stage]) -> None:
        for name, stage in stages.items():
            self.stages.setdefault(compression, {}).setdefault(name, []).append(stage)

    def floor(self, compression: str) -> float:
        """Seconds; from the medians of the stages."""
        return floor.of({name: self._stage(compression, name) for name in self.stages[compression]})

    def _stage(self, compression: str, name: str) -> Stage:
        found = self.stages[compression][name]
        return Stage(statistics.median(one.wall for one in found), statistics.median(one.cpu for one in found))

    def to_json(self) -> str:
        rows = {key: {"is_peer": row.is_peer, "runs": [dataclasses.asdict(cost) for cost in row.costs],
                      "median": {name: row.median(name) for name in ("wall", "durable", "cpu", "peak_kib", "wire_bytes", "disk_bytes")}}
                for key, row in self.rows.items()}
        stages = {compression: {name: dataclasses.asdict(self._stage(compression, name)) for name in found} for compression, found in self.stages.items()}
        return json.dumps({"facts": self.facts, "rows": rows, "stages": stages, "floor": {one: self.floor(one) for one in self.stages},
                           "moments": {name: {"median_ms": statistics.median(runs), "runs_ms": runs} for name, runs in self.moments.items()},
                           "requests": self.requests, "failures": self.failures}, indent=1) + "\n"

    def to_table(self) -> str:
        ours = {one: self.rows[key].median("wall") for one in self.stages if (key := f"overdrive install ({one})") in self.rows}
        lines = [self._about(), "", "| way (median of n) | wall s | min-max | durable s | overdrive / it | x floor | CPU s | peak MiB | wire MB | disk MB |",
                 "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |"]
        for key, row in sorted(self.rows.items(), key=lambda item: ("gzip" in item[0], item[1].median("durable"))):
            compression = "gzip" if "(gzip)" in key else "zstd"
            wall, (least, most) = row.median("wall"), row.spread("wall")
            ratio = f"{ours[compression] / wall:.2f}" if compression in ours else ""
            cells = [f"{key}, n={len(row.costs)}", f"{wall:.2f}", f"{least:.2f}-{most:.2f}", f"{row.median('durable'):.2f}", ratio,
                     f"{wall / self.floor(compression):.2f}", f"{row.median('cpu'):.2f}", f"{row.median('peak_kib') / 1024:.0f}",
                     f"{row.median('wire_bytes') / 1e6:.2f}", f"{row.median('disk_bytes') / 1e6:.0f}"]
            lines.append(f"| {' | '.join(cells)} |")
        lines += ["", *(self._floor_line(compression) for compression in self.stages)]
        lines += [f"Left out: {key}: {why.strip().splitlines()[-1][:200]}" for key, why in self.failures.items()]
        return "\n".join(lines) + "\n"

    def _about(self) -> str:
        facts = self.facts
        older = f"; the delta is from {facts['older']}" if facts.get("older") else ""
        versions = "; ".join(str(text)[:60] for text in dict(facts.get("versions", {})).values())  # type: ignore[call-overload]
        return (f"Driver {facts['driver']}: {int(str(facts['unpacked_bytes'])) / 1e6:.0f} MB unpacked, {int(str(facts['zstd_bytes'])) / 1e6:.0f} MB zstd, "
                f"{int(str(facts['gzip_bytes'])) / 1e6:.0f} MB gzip{older}; {facts['cores']} cores, Linux {facts['kernel']}. "
                f"overdrive as it is shipped: one executable of {int(str(facts['program_bytes'])) / 1e6:.1f} MB. {versions}").rstrip()

    def _floor_line(self, compression: str) -> str:
        parts = [f"{name} {stage.wall:.2f} s ({stage.cpu:.2f} CPU)" if stage.wall else f"{name} {stage.cpu:.2f} CPU"
                 for name in self.stages[compression] for stage in [self._stage(compression, name)]]
        return f"Floor ({compression}) {self.floor(compression):.2f} s: " + ", ".join(parts) + "."
