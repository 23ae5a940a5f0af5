#!/usr/bin/env python3
"""The compatibility page: complete and well formed without JavaScript, nothing from elsewhere, nothing unescaped."""

from __future__ import annotations

import re
import unittest
from dataclasses import replace
from html.parser import HTMLParser

from catalog_case import driver, release, small_matrix

from catalog.cell import Cell
from catalog.page import render
from catalog.watching import Failure

VOID = {"meta", "input", "link", "br"}


class Checked(HTMLParser):
    """Collects tags, ids and text; what is not closed in order is an error."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.wrong: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.wrong.append(tag)

    def ids(self) -> list[str]:
        return [found for _, attributes in self.tags if (found := attributes.get("id"))]


def cell(kernel: str, version: str = "550.163.01", state: str = "present", **more: str) -> Cell:
    return Cell("debian", "debian", f"12-{kernel}", release(kernel), driver(version), "registry.example/nvidia-debian", state,
                digest="sha256:ab" if state == "present" else None, **more)  # type: ignore[arg-type]


CELLS = [cell("6.1.0-9-cloud-amd64"), cell("6.1.0-9-cloud-amd64", "535.261.03", "missing"),
         cell("6.1.0-10-cloud-amd64", state="blocked", reason="does not build <yet> & \"never\"", where="https://example.org/?a=1&b=2")]


class Page(unittest.TestCase):
    def page(self, cells: list[Cell] = CELLS, failures: list[Failure] | None = None) -> str:
        return render(small_matrix().systems, cells, failures or [], "2026-11-21 23:00 UTC")

    def test_it_is_well_formed_and_every_inner_link_leads_somewhere(self) -> None:
        checked = Checked(self.page(failures=[Failure("flatcar", "stable", "x86_64", "no <answer>")]))
        self.assertEqual((checked.open, checked.wrong), ([], []))
        self.assertEqual(len(checked.ids()), len(set(checked.ids())))
        for tag, attributes in checked.tags:
            if tag == "a" and str(attributes.get("href")).startswith("#"):
                self.assertIn(str(attributes["href"])[1:], checked.ids())

    def test_nothing_comes_from_elsewhere(self) -> None:
        for tag, attributes in Checked(self.page()).tags:
            self.assertNotIn("src", attributes, tag)
            self.assertNotEqual(tag, "link")
        self.assertNotRegex(self.page(), r"@import|url\(")

    def test_newest_kernel_and_newest_driver_come_first(self) -> None:
        text = self.page()
        self.assertLess(text.index(">6.1.0-10-cloud-amd64<"), text.index(">6.1.0-9-cloud-amd64<"))
        self.assertLess(text.index(">550.163.01-open<"), text.index(">535.261.03-open<"))

    def test_each_state_is_a_word_and_a_blocked_one_leads_to_its_reason(self) -> None:
        text = self.page()
        for words in ("✓ available", "… not yet", "✕ blocked"):
            self.assertIn(words, text)
        self.assertIn('<a href="#debian-1" aria-label="reason 1">[1]</a>', text)
        self.assertIn('<li id="debian-1">does not build &lt;yet&gt; &amp; &quot;never&quot;', text)
        self.assertIn('href="https://example.org/?a=1&amp;b=2"', text)

    def test_words_of_others_do_no_harm(self) -> None:
        evil = '"><script>alert(1)</script>'
        base = CELLS[0]
        text = self.page([replace(base, os_key=evil, release=replace(base.release, kernel=evil, version=evil, stream=evil, date=evil))],
                         [Failure(evil, evil, evil, evil)])
        self.assertEqual([tag for tag, _ in Checked(text).tags].count("script"), 1)

    def test_reading_needs_no_script(self) -> None:
        text = self.page()
        self.assertIn("<form hidden", text)
        self.assertNotIn("<tr hidden", text)
        self.assertEqual(len(re.findall(r"<tr data-text", text)), 2)

    def test_tables_say_what_they_are_to_a_screen_reader(self) -> None:
        checked = Checked(self.page())
        names = [tag for tag, _ in checked.tags]
        self.assertEqual(names.count("caption"), names.count("table"))
        self.assertTrue(all(attributes.get("scope") in ("col", "row") for tag, attributes in checked.tags if tag == "th"))
        self.assertEqual(names.count("h1"), 1)

    def test_what_was_not_known_is_said(self) -> None:
        self.assertIn("flatcar stable (x86_64): no answer", self.page(failures=[Failure("flatcar", "stable", "x86_64", "no answer")]))
        self.assertNotIn("had no answer", self.page())

    def test_a_system_that_was_never_run_for_real_says_so(self) -> None:
        self.assertIn("have not been run against the real hosts", self.page())
        exercised = [replace(system, exercised=True) for system in small_matrix().systems]
        self.assertNotIn("have not been run", render(exercised, CELLS, [], "now"))

    def test_it_says_when_it_was_made_and_of_what(self) -> None:
        self.assertIn("As of 2026-11-21 23:00 UTC", self.page())
        self.assertIn("<code>registry.example/nvidia-debian</code>", self.page())

    def test_an_empty_matrix_is_a_page(self) -> None:
        self.assertEqual(Checked(self.page([])).open, [])


if __name__ == "__main__":
    unittest.main()
