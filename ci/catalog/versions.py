"""Order and ranges of kernel releases and driver versions. Pure."""

from __future__ import annotations

import re

NUMBERS = re.compile(r"\d+")
UPSTREAM = re.compile(r"\d+(?:\.\d+)*")
CONDITION = re.compile(r"(>=|<=|<|>|==)\s*(\d+(?:\.\d+)*)$")


def natural(text: str) -> tuple[int, ...]:
    """All numbers of a version in their order: `6.1.0-50` is older than `6.1.0-100`, `6.12.95+deb12` than `6.12.107+deb12`."""
    return tuple(int(number) for number in NUMBERS.findall(text))


def upstream(text: str) -> tuple[int, ...]:
    """The dotted numbers that a version begins with: of `6.12.95+deb12-amd64` (6, 12, 95). Empty when there are none."""
    found = UPSTREAM.match(text)
    return tuple(int(part) for part in found[0].split(".")) if found else ()


class Range:
    """A range of versions such as `>=6.13, <6.17`; an empty text holds all.

    Compared number by number over the numbers that a bound has: `6.12.95` is not above `6.12` (`>6.12`), and is in `<=6.12`.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self.conditions: list[tuple[str, tuple[int, ...]]] = []
        for part in filter(None, (part.strip() for part in text.split(","))):
            found = CONDITION.match(part)
            if not found:
                raise ValueError(f"'{part}' is no condition on a version; write one like '>=6.13'")
            self.conditions.append((found[1], upstream(found[2])))

    def holds(self, version: str) -> bool:
        numbers = upstream(version)
        return all(self._meets(numbers, operator, bound) for operator, bound in self.conditions)

    @staticmethod
    def _meets(numbers: tuple[int, ...], operator: str, bound: tuple[int, ...]) -> bool:
        ours = (numbers + (0,) * len(bound))[:len(bound)]
        return {">=": ours >= bound, "<=": ours <= bound, "<": ours < bound, ">": ours > bound, "==": ours == bound}[operator]
