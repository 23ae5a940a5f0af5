"""A cost as work grows: what was measured, the slope that fits it, and whether that is the slope that it should have."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable
from dataclasses import dataclass, field

Points = list[tuple[float, float]]  # work, cost; by work


def exponent(points: Points) -> float:
    """The p of cost = a * work^p that fits best: 0 is flat, 1 is linear. A cost of nothing counts as very small."""
    return _slope([(math.log(work), math.log(max(cost, 1e-9))) for work, cost in points])


def exponent_at_the_end(points: Points) -> float:
    """The same over the larger half: a fixed cost, which hides a bad slope among small work, weighs little there."""
    return exponent(points[-max(2, (len(points) + 1) // 2):])


def share_a_unit(points: Points) -> float:
    """What one unit of work adds, in parts of the cost of the least work: the straight line that fits best."""
    return _slope(points) / points[0][1]


def _slope(points: Points) -> float:
    if len({work for work, _ in points}) < 2:
        return 0.0
    return statistics.linear_regression([work for work, _ in points], [cost for _, cost in points]).slope


@dataclass(frozen=True)
class Expected:
    """What a cost may do as work grows, as a slope: no machine's speed is in it."""

    text: str
    slope: Callable[[Points], float]
    most: float


# 0.05: work that is 80 times as much may cost 1.25 times.
FLAT = Expected("flat (x^0.05)", exponent, 0.05)
# More than 1: where the work outgrows a cache, each unit costs a little more.
LINEAR = Expected("linear (x^1.15)", exponent_at_the_end, 1.15)


def gentle(most: float) -> Expected:
    """A straight line of which a unit of work adds at most this part of the first cost."""
    return Expected(f"{most:.0%} a unit", share_a_unit, most)


@dataclass
class Curve:
    """One cost of one kind of work."""

    key: str  # "install, wall"
    work: str  # "MB of driver"
    unit: str  # of the cost
    expected: Expected
    costs: dict[float, list[float]] = field(default_factory=dict)

    def add(self, work: float, cost: float) -> None:
        self.costs.setdefault(work, []).append(cost)

    def points(self) -> Points:
        return [(work, statistics.median(costs)) for work, costs in sorted(self.costs.items())]

    def slope(self) -> float:
        return self.expected.slope(self.points())

    def is_well(self) -> bool:
        return self.slope() <= self.expected.most

    def to_dict(self) -> dict[str, object]:
        return {"key": self.key, "work": self.work, "unit": self.unit, "expected": self.expected.text, "slope": self.slope(), "is_well": self.is_well(),
                "points": [{"work": work, "median": statistics.median(costs), "runs": costs} for work, costs in sorted(self.costs.items())]}


HEAD = ["| cost | work | from - to | first | last | times | slope | expected | |", "| --- | --- | --- | --- | --- | --- | --- | --- | --- |"]


def table(curves: list[Curve]) -> str:
    return "\n".join([*HEAD, *(_row(curve) for curve in curves)]) + "\n"


def _row(curve: Curve) -> str:
    points = curve.points()
    (least, first), (most, last) = points[0], points[-1]
    times = f"{last / first:.2f}" if first else ""
    return (f"| {curve.key} | {curve.work} | {least:,.0f} - {most:,.0f} | {_number(first)} {curve.unit} | {_number(last)} {curve.unit} | {times} | "
            f"{curve.slope():.3f} | {curve.expected.text} | {'as expected' if curve.is_well() else 'STEEPER'} |")


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
