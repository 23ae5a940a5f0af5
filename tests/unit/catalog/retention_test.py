#!/usr/bin/env python3
"""Which drivers stay in the registry: rules over literals. What is removed for real is in tests/integration/artifact."""

from __future__ import annotations

import unittest
from dataclasses import replace

import catalog_case  # noqa: F401  (finds ci/)

from catalog.definition import RetentionPolicy
from catalog.retention import DAY_SECONDS, Served, StoredPair, Verdict, judge, verdicts

NOW = 1_800_000_000
OLD = NOW - 100 * DAY_SECONDS
POLICY = RetentionPolicy(newest_drivers=2, days=30)
SERVED = {"debian": Served(frozenset({("12-6.1.0-50-amd64", "amd64"), ("12-6.1.0-56-amd64", "amd64")}))}


def pair(version: str = "550.163.01", key: str = "12-6.1.0-56-amd64", module_type: str = "open", created: int = OLD, architecture: str = "amd64") -> StoredPair:
    driver = version + ("-open" if module_type == "open" else "")
    return StoredPair("debian", key, architecture, driver, version, module_type, f"{key}-{driver}", created)


class Retention(unittest.TestCase):
    def judged(self, one: StoredPair, *others: StoredPair, channels: dict[str, str] | None = None, served: dict[str, Served] | None = None) -> Verdict:
        return judge(one, [one, *others], channels or {}, SERVED if served is None else served, POLICY, NOW)

    def test_a_kernel_that_is_served_keeps_the_newest_drivers_of_each_branch(self) -> None:
        old, middle, new = pair("550.54.14"), pair("550.90.07"), pair("550.163.01")
        self.assertTrue(self.judged(new, old, middle).keep)
        self.assertTrue(self.judged(middle, old, new).keep)
        gone = self.judged(old, middle, new)
        self.assertEqual((gone.keep, gone.why), (False, "2 newer drivers of branch 550 (open) are there"))

    def test_other_branches_module_types_kernels_and_architectures_do_not_count(self) -> None:
        others = [pair("580.1.1"), pair("580.2.1"), pair("550.200.1", module_type="proprietary"), pair("550.201.1", module_type="proprietary"),
                  pair("550.200.1", key="12-6.1.0-50-amd64"), pair("550.201.1", key="12-6.1.0-50-amd64"),
                  pair("550.200.1", architecture="arm64"), pair("550.201.1", architecture="arm64")]
        self.assertTrue(self.judged(pair("550.54.14"), *others).keep)

    def test_a_kernel_that_no_stream_serves_any_more_goes(self) -> None:
        gone = self.judged(pair(key="12-6.1.0-47-amd64"))
        self.assertEqual((gone.keep, gone.why), (False, "no stream serves 12-6.1.0-47-amd64 (amd64) any more"))

    def test_nothing_young_goes(self) -> None:
        young = pair(key="12-6.1.0-47-amd64", created=NOW - 29 * DAY_SECONDS)
        self.assertEqual(self.judged(young), Verdict(young.tag, True, "29 days old, and nothing younger than 30 is removed"))
        self.assertFalse(self.judged(replace(young, created=NOW - 30 * DAY_SECONDS)).keep)

    def test_a_date_in_the_future_is_young(self) -> None:
        self.assertTrue(self.judged(pair(key="12-6.1.0-47-amd64", created=NOW + DAY_SECONDS)).keep)

    def test_what_a_channel_names_stays(self) -> None:
        for channels in ({"stable": "550.163.01-open"}, {"stable": "550-open"}, {"stable": "550"}):
            self.assertEqual(self.judged(pair(key="12-6.1.0-47-amd64"), channels=channels).why, "channel 'stable' names its driver")
        self.assertFalse(self.judged(pair(key="12-6.1.0-47-amd64"), channels={"stable": "535", "next": "580.1.1-open"}).keep)

    def test_a_channel_on_a_branch_keeps_only_its_newest(self) -> None:
        old, new = pair("550.54.14", "12-6.1.0-47-amd64"), pair("550.163.01", "12-6.1.0-47-amd64")
        self.assertFalse(self.judged(old, new, channels={"stable": "550"}).keep)

    def test_of_an_os_whose_releases_are_not_known_all_stays(self) -> None:
        for served in ({"debian": Served(frozenset(), "no answer in 30 s")}, {}):
            kept = self.judged(pair(key="12-6.1.0-47-amd64"), served=served)
            self.assertTrue(kept.keep)
            self.assertIn("is not known", kept.why)

    def test_a_tag_goes_when_all_its_architectures_go(self) -> None:
        here, gone = pair(), pair(architecture="arm64")
        self.assertEqual([verdict.keep for verdict in verdicts([gone, here], {}, SERVED, POLICY, NOW)], [True])
        self.assertEqual([verdict.keep for verdict in verdicts([gone], {}, SERVED, POLICY, NOW)], [False])


if __name__ == "__main__":
    unittest.main()
