"""Results as pictures: a bar a contestant with the floor as a line, a panel a curve. Plain SVG, nothing else needed to see it."""

from __future__ import annotations

import math
from html import escape

from curve import Curve
from result import Result

LEFT, WIDTH, BAR, GAP, TOP = 280, 620, 18, 8, 56
PANEL, MARGIN, PANELS_A_ROW = (360, 240), 48, 3
COLOURS = {True: "#9aa5b1", False: "#1f77b4"}


def draw(found: Result) -> str:
    rows = sorted(found.rows.items(), key=lambda item: ("gzip" in item[0], item[1].median("durable")))
    longest = max((row.median("durable") for _, row in rows), default=1.0)
    height = TOP + len(rows) * (BAR + GAP) + 40
    parts = [f'<text x="12" y="22" font-size="15">Seconds to bring driver {escape(str(found.facts.get("driver", "")))} from the registry to the disk</text>',
             '<text x="12" y="40" fill="#555">bar: until the command ends; light end: until it is durable; line: least and most; dotted: floor</text>']
    for at, (key, row) in enumerate(rows):
        parts += _bar(TOP + at * (BAR + GAP), key, row, longest)
    for compression in found.stages:
        parts += _floor(found, compression, [at for at, (key, _) in enumerate(rows) if f"({compression})" in key], longest)
    return _picture(LEFT + WIDTH + 110, height, parts)


def draw_curves(curves: list[Curve]) -> str:
    """A panel each, both axes logarithmic: what is flat is level, what is linear rises by its own steepness everywhere."""
    rows = (len(curves) + PANELS_A_ROW - 1) // PANELS_A_ROW
    parts = []
    for at, curve in enumerate(curves):
        parts += _panel(curve, at % PANELS_A_ROW * PANEL[0], at // PANELS_A_ROW * PANEL[1])
    return _picture(PANELS_A_ROW * PANEL[0], rows * PANEL[1], parts)


def _panel(curve: Curve, left: float, top: float) -> list[str]:
    points = [(work, max(cost, 1e-9)) for work, cost in curve.points()]
    (least, _), (most, _) = points[0], points[-1]
    low, high = min(cost for _, cost in points), max(cost for _, cost in points)
    low, high = low / 1.5, max(high * 1.5, low * 10)  # a flat one is drawn flat, not its noise blown up
    inner = (PANEL[0] - 2 * MARGIN, PANEL[1] - 2 * MARGIN)
    places = [(left + MARGIN + inner[0] * _share(work, least, most), top + PANEL[1] - MARGIN - inner[1] * _share(cost, low, high))
              for work, cost in points]
    colour = "#1f77b4" if curve.is_well() else "#d62728"
    x0, y0 = left + MARGIN, top + PANEL[1] - MARGIN
    return [f'<text x="{x0}" y="{top + 18}" font-size="13">{escape(curve.key)}</text>',
            f'<text x="{x0}" y="{top + 33}" fill="#555">slope {curve.slope():.3f}, expected {escape(curve.expected.text)}</text>',
            f'<path d="M{x0} {top + MARGIN} V{y0} H{x0 + inner[0]}" fill="none" stroke="#9aa5b1"/>',
            f'<polyline points="{" ".join(f"{x:.1f},{y:.1f}" for x, y in places)}" fill="none" stroke="{colour}" stroke-width="2"/>',
            *(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/><text x="{x:.1f}" y="{y - 7:.1f}" text-anchor="middle" font-size="10">{cost:.3g}</text>'
              for (x, y), (_, cost) in zip(places, points, strict=True)),
            f'<text x="{x0}" y="{y0 + 14}">{least:,.0f}</text><text x="{x0 + inner[0]}" y="{y0 + 14}" text-anchor="end">{most:,.0f}</text>',
            f'<text x="{x0 + inner[0] / 2}" y="{y0 + 28}" text-anchor="middle" fill="#555">{escape(curve.work)} / {escape(curve.unit or "number")}</text>']


def _share(value: float, least: float, most: float) -> float:
    return math.log(value / least) / math.log(most / least) if most > least else 0.0


def _picture(width: float, height: float, parts: list[str]) -> str:
    return "\n".join([f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" font-family="sans-serif" font-size="12">',
                      '<rect width="100%" height="100%" fill="white"/>', *parts, "</svg>"]) + "\n"


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
