"""The result as a picture: a bar a contestant, the floor as a line. Plain SVG, nothing else needed to see it."""

from __future__ import annotations

from html import escape

from result import Result

LEFT, WIDTH, BAR, GAP, TOP = 280, 620, 18, 8, 56
COLOURS = {True: "#9aa5b1", False: "#1f77b4"}


def draw(found: Result) -> str:
    rows = sorted(found.rows.items(), key=lambda item: ("gzip" in item[0], item[1].median("durable")))
    longest = max((row.median("durable") for _, row in rows), default=1.0)
    height = TOP + len(rows) * (BAR + GAP) + 40
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{LEFT + WIDTH + 110}" height="{height}" font-family="sans-serif" font-size="12">',
             '<rect width="100%" height="100%" fill="white"/>',
             f'<text x="12" y="22" font-size="15">Seconds to bring driver {escape(str(found.facts.get("driver", "")))} from the registry to the disk</text>',
             '<text x="12" y="40" fill="#555">bar: until the command ends; light end: until it is durable; line: least and most; dotted: floor</text>']
    for at, (key, row) in enumerate(rows):
        parts += _bar(TOP + at * (BAR + GAP), key, row, longest)
    for compression in found.stages:
        parts += _floor(found, compression, [at for at, (key, _) in enumerate(rows) if f"({compression})" in key], longest)
    return "\n".join([*parts, "</svg>"]) + "\n"


def _bar(top: int, key: str, row: object, longest: float) -> list[str]:
    wall, durable = row.median("wall"), row.median("durable")  # type: ignore[attr-defined]
    least, most = row.spread("wall")  # type: ignore[attr-defined]
    scale, middle = WIDTH / longest, top + BAR / 2
    colour = COLOURS[row.is_peer]  # type: ignore[attr-defined]
    return [f'<text x="{LEFT - 8}" y="{top + 13}" text-anchor="end">{escape(key)}</text>',
            f'<rect x="{LEFT}" y="{top}" width="{durable * scale:.1f}" height="{BAR}" fill="{colour}" opacity="0.35"/>',
            f'<rect x="{LEFT}" y="{top}" width="{wall * scale:.1f}" height="{BAR}" fill="{colour}"/>',
            f'<line x1="{LEFT + least * scale:.1f}" x2="{LEFT + min(most, longest) * scale:.1f}" y1="{middle}" y2="{middle}" stroke="black"/>',
            f'<text x="{LEFT + durable * scale + 6:.1f}" y="{top + 13}">{durable:.2f}</text>']


def _floor(found: Result, compression: str, places: list[int], longest: float) -> list[str]:
    if not places:
        return []
    x = LEFT + found.floor(compression) * WIDTH / longest
    first, last = TOP + min(places) * (BAR + GAP), TOP + (max(places) + 1) * (BAR + GAP) - GAP
    return [f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{first}" y2="{last}" stroke="#d62728" stroke-dasharray="3 2"/>']
