"""The compatibility page: one HTML file without anything from elsewhere, complete without JavaScript. Pure but for its parts on disk."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path

from catalog.cell import STATES, Cell
from catalog.definition import OperatingSystem
from catalog.versions import natural
from catalog.watching import Failure

HERE = Path(__file__).resolve().parent
WORDS = {"present": "✓ available", "missing": "… not yet", "blocked": "✕ blocked", "unknown": "? not asked"}
MEANING = {"present": "in the registry, proven", "missing": "will be built by the next run", "blocked": "does not build, or is not published: the reason is below the table",
           "unknown": "no registry was asked"}
NAMES = {"debian": "Debian", "ubuntu": "Ubuntu", "flatcar": "Flatcar", "fedora-coreos": "Fedora CoreOS", "microos": "openSUSE MicroOS"}


def _rows(cells: Iterable[Cell]) -> list[list[Cell]]:
    """Cells of the same release and architecture; newest release first."""
    rows: dict[tuple[str, str], list[Cell]] = {}
    for cell in cells:
        rows.setdefault((cell.os_key, cell.release.architecture), []).append(cell)
    return sorted(rows.values(), key=lambda row: (natural(row[0].release.version), natural(row[0].release.kernel), row[0].release.architecture), reverse=True)


def _state(cell: Cell | None, notes: list[tuple[str, str]], anchor: str) -> str:
    """@param notes the reasons so far; one that is new is added"""
    if cell is None:
        return '<td><span class="unknown">–</span></td>'
    text, title = WORDS[cell.state], f"{cell.tag}{'@' + cell.digest if cell.digest else ''}"
    note = ""
    if cell.state == "blocked":
        reason = (cell.reason, cell.where)
        if reason not in notes:
            notes.append(reason)
        number = notes.index(reason) + 1
        note = f' <a href="#{anchor}-{number}" aria-label="reason {number}">[{number}]</a>'
    return f'<td><span class="state {cell.state}" title="{escape(title)}">{text}</span>{note}</td>'


def _row(row: Sequence[Cell], drivers: Sequence[str], dated: bool, notes: list[tuple[str, str]], anchor: str) -> str:
    release = row[0].release
    by_driver = {cell.driver.id: cell for cell in row}
    words = [row[0].os_name, row[0].os_id, NAMES.get(row[0].os_name, ""), release.version, release.kernel, release.architecture, release.stream, release.flavour, *by_driver]
    states = sorted({cell.state for cell in row})
    return (f'<tr data-text="{escape(" ".join(words).lower())}" data-states="{" ".join(states)}">'
            f'<th scope="row">{escape(release.version)}</th><td class="kernel">{escape(release.kernel)}</td><td>{escape(release.architecture)}</td>'
            f"<td>{escape(release.stream)}</td>" + (f"<td>{escape(release.date) or '–'}</td>" if dated else "")
            + "".join(_state(by_driver.get(driver), notes, anchor) for driver in drivers) + "</tr>")


def _place(where: str) -> str:
    if where.startswith(("https://", "http://")):
        return f' (<a href="{escape(where)}">{escape(where.split("//", 1)[1])}</a>)'
    return f" (<code>{escape(where)}</code>)" if where else ""


def _section(system: OperatingSystem, cells: Sequence[Cell]) -> str:
    name = NAMES.get(system.name, system.name)
    drivers = sorted({cell.driver.id for cell in cells}, key=lambda driver: (natural(driver), driver), reverse=True)
    notes: list[tuple[str, str]] = []
    dated = any(cell.release.date for cell in cells)
    rows = "\n".join(_row(row, drivers, dated, notes, system.name) for row in _rows(cells))
    heads = "".join(f'<th scope="col">{escape(driver)}</th>' for driver in drivers)
    listed = "".join(f'<li id="{escape(system.name)}-{number}">{escape(reason)}{_place(where)}</li>' for number, (reason, where) in enumerate(notes, 1))
    exercised = "" if system.exercised else '<p class="soft">Watcher and builder of this system have not been run against the real hosts by the project itself.</p>'
    counted = Counter(cell.state for cell in cells)
    summary = ", ".join(f"{counted[state]} {WORDS[state][2:]}" for state in STATES if counted[state])
    return f"""<section id="{escape(system.name)}" aria-labelledby="{escape(system.name)}-name">
<h2 id="{escape(system.name)}-name">{escape(name)}</h2>
{exercised}<div class="wide" role="region" aria-labelledby="{escape(system.name)}-name" tabindex="0"><table>
<caption>Drivers for {escape(name)}: {summary}.</caption>
<thead><tr><th scope="col">Release</th><th scope="col">Kernel</th><th scope="col">Architecture</th><th scope="col">Stream</th>{'<th scope="col">Date</th>' if dated else ''}{heads}</tr></thead>
<tbody>
{rows}
</tbody></table></div>
{f'<ol class="notes">{listed}</ol>' if listed else ''}
</section>"""


def render(systems: Iterable[OperatingSystem], cells: Sequence[Cell], failures: Sequence[Failure], generated: str) -> str:
    """@param generated when, in words"""
    with_cells = [(system, [cell for cell in cells if cell.os_name == system.name]) for system in systems]
    with_cells = [(system, own) for system, own in with_cells if own]
    counted = Counter(cell.state for cell in cells)
    counts = "".join(f'<li><span class="state {state}">{WORDS[state]}</span> {counted[state]}: {MEANING[state]}</li>' for state in STATES if counted[state])
    links = "".join(f'<li><a href="#{escape(system.name)}">{escape(NAMES.get(system.name, system.name))}</a></li>' for system, _ in with_cells)
    choices = "".join(f'<option value="{state}">{WORDS[state][2:]}</option>' for state in STATES if counted[state])
    alarm = "".join(f"<li>{escape(failure.as_line())}</li>" for failure in failures)
    repositories = ", ".join(f"<code>{escape(name)}</code>" for name in dict.fromkeys(cell.repository for cell in cells) if name)
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>overdrive: which OS release has which drivers</title>
<style>
{(HERE / "page.css").read_text()}</style></head>
<body>
<header><h1>Which OS release has which drivers</h1>
<p class="soft">As of {escape(generated)}.{f" Repositories: {repositories}." if repositories else ""}</p>
<ul class="counts">{counts}</ul>
<nav aria-label="Operating systems"><ul>{links}</ul></nav></header>
{f'<details class="alarm"><summary>{len(failures)} questions had no answer; what they would have told is missing below</summary><ul>{alarm}</ul></details>' if alarm else ''}
<form hidden role="search"><label>Search (release, kernel, architecture, driver)<input type="search" name="words" autocomplete="off"></label>
<label>State<select name="state"><option value="">all</option>{choices}</select></label><output aria-live="polite"></output></form>
<main>
{chr(10).join(_section(system, own) for system, own in with_cells)}
</main>
<script>
{(HERE / "page.js").read_text()}</script>
</body></html>
"""
