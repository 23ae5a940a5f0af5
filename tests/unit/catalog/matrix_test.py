#!/usr/bin/env python3
"""What should exist, what does, what is missing, what is blocked and why: the rules of ci/catalog."""

from __future__ import annotations

import json
import unittest
from collections.abc import Mapping

from catalog_case import SMALL, TOP, Literal, driver, release, small_matrix

from catalog import definition, table
from catalog.cell import CatalogError, Cell, os_key_of, tag_of
from catalog.definition import Blocked
from catalog.expand import Selection
from catalog.matrix import Matrix, make
from catalog.pins import holds, pin_of
from catalog.registry import RegistryError
from catalog.versions import Range, natural

KERNELS = [release("6.1.0-9-cloud-amd64"), release("6.1.0-10-cloud-amd64"), release("6.12.95+deb12-cloud-amd64"),
           release("6.1.0-10-cloud-arm64", architecture="aarch64", flavour="cloud-arm64")]
FLATCAR = [release("6.6.1-flatcar", "stable", "4081.2.1", flavour=""), release("6.6.2-flatcar", "stable", "4081.3.0", flavour=""),
           release("6.6.3-flatcar", "stable", "4152.2.0", flavour=""), release("6.6.2-flatcar", "lts", "4081.3.0", flavour="")]
DRIVERS = [driver("535.216.03"), driver("535.261.03"), driver("550.163.01", architectures=("x86_64",)),
           driver("535.309.01", "proprietary"), driver("470.1.1")]
TEMPLATE = "registry.example/nvidia-{os_id}"


class Shelf:
    """A registry that has these tags of each repository."""

    def __init__(self, has: Mapping[str, Mapping[str, Mapping[str, str]]]) -> None:
        self._has = has
        self.asked: list[str] = []

    def resolve(self, repository: str, tags: list[str]) -> Mapping[str, Mapping[str, str]]:
        self.asked += tags
        if repository not in self._has:
            raise RegistryError(f"{repository} does not answer")
        return {tag: found for tag, found in self._has[repository].items() if tag in tags}


def made(wanted: Selection = Selection(), repository: str = "", registry: Shelf | None = None, failing: dict[tuple[str, str], str] | None = None) -> Matrix:
    literal = Literal(KERNELS + FLATCAR, DRIVERS, failing)
    return make(small_matrix(), wanted, repository, {"literal": literal}, {"literal": literal}, registry)


def pairs(matrix: Matrix) -> list[tuple[str, str]]:
    return [(cell.os_key, cell.driver.id) for cell in matrix.cells]


class Cells(unittest.TestCase):
    def one(self, matrix: Matrix, key: str, driver_id: str) -> Cell:
        found = [cell for cell in matrix.cells if (cell.os_key, cell.driver.id) == (key, driver_id)]
        self.assertEqual(len(found), 1, found)
        return found[0]

    def test_the_newest_version_of_each_wanted_branch_and_module_type_is_in_it(self) -> None:
        found = {cell.driver.id for cell in made(Selection(systems=("debian",), architectures=("x86_64",))).cells}
        self.assertEqual(found, {"550.163.01-open", "535.261.03-open", "535.309.01"})

    def test_a_driver_is_only_where_it_exists_for_the_architecture(self) -> None:
        found = {cell.driver.id for cell in made(Selection(systems=("debian",), architectures=("aarch64",))).cells}
        self.assertEqual(found, {"535.261.03-open", "535.309.01"})

    def test_newest_kernel_first_by_number_not_by_letter(self) -> None:
        found = made(Selection(systems=("debian",), drivers=("550",), kernels=("6.1.*",)))
        self.assertEqual([cell.release.kernel for cell in found.cells], ["6.1.0-10-cloud-amd64", "6.1.0-9-cloud-amd64"])

    def test_a_pin_blocks_its_ranges_only_and_says_why_and_where(self) -> None:
        matrix = made(Selection(systems=("debian",)))
        blocked = self.one(matrix, "12-6.12.95+deb12-cloud-amd64", "535.261.03-open")
        self.assertEqual((blocked.state, blocked.reason, blocked.where), ("blocked", "535 does not build on 6.12", "https://example.org/1"))
        self.assertEqual(self.one(matrix, "12-6.12.95+deb12-cloud-amd64", "550.163.01-open").state, "unknown")
        self.assertEqual(self.one(matrix, "12-6.1.0-9-cloud-amd64", "535.261.03-open").state, "unknown")
        self.assertEqual(self.one(matrix, "12-6.1.0-9-cloud-amd64", "535.309.01").reason, "not allowed")

    def test_a_stream_has_as_many_releases_as_it_says_and_a_release_is_counted_once(self) -> None:
        found = made(Selection(systems=("flatcar",), drivers=("535.261.03",)))
        self.assertEqual([(cell.release.stream, cell.os_key) for cell in found.cells], [("stable", "4152.2.0"), ("stable", "4081.3.0")])

    def test_limit_is_per_flavour_and_stream(self) -> None:
        found = made(Selection(systems=("debian",), limit=1, drivers=("535.261.03-open",)))
        self.assertEqual([cell.release.kernel for cell in found.cells], ["6.12.95+deb12-cloud-amd64", "6.1.0-10-cloud-arm64"])

    def test_release_kernel_and_flavour_are_patterns(self) -> None:
        self.assertEqual({key for key, _ in pairs(made(Selection(releases=("4081.*",))))}, {"4081.3.0"})
        self.assertEqual({key for key, _ in pairs(made(Selection(kernels=("6.12.*",))))}, {"12-6.12.95+deb12-cloud-amd64"})
        self.assertEqual({cell.release.architecture for cell in made(Selection(flavours=("*-arm64",))).cells}, {"aarch64"})

    def test_the_stand_in_is_there_when_it_is_asked_for_and_never_blocked_as_nvidias(self) -> None:
        self.assertNotIn("stand-in", {cell.driver.module_type for cell in made().cells})
        found = made(Selection(systems=("debian",), drivers=("stand-in", "900.1.2"), kernels=("6.12*",)))
        self.assertEqual([(cell.driver.id, cell.driver.module_type) for cell in found.cells], [("900.1.0", "stand-in"), ("900.1.2", "stand-in")])

    def test_an_unknown_os_names_those_there_are(self) -> None:
        with self.assertRaisesRegex(CatalogError, "no operating system 'suse'.*debian, flatcar"):
            made(Selection(systems=("suse",)))


class Registry(unittest.TestCase):
    HAS = {"registry.example/nvidia-debian": {"12-6.1.0-10-cloud-amd64-535.261.03-open": {"amd64": "sha256:aa"},
                                              "12-6.1.0-10-cloud-arm64-535.261.03-open": {"amd64": "sha256:bb"}},
           "registry.example/nvidia-flatcar": {"4152.2.0-535.309.01": {"amd64": "sha256:cc"}}}

    def test_present_means_the_tag_is_there_with_this_architecture(self) -> None:
        shelf = Shelf(self.HAS)
        matrix = made(Selection(drivers=("535",)), TEMPLATE, shelf)
        states = {(cell.release.kernel, cell.driver.id): (cell.state, cell.digest) for cell in matrix.cells if cell.os_name == "debian"}
        self.assertEqual(states["6.1.0-10-cloud-amd64", "535.261.03-open"], ("present", "sha256:aa"))
        self.assertEqual(states["6.1.0-10-cloud-arm64", "535.261.03-open"], ("missing", None))  # the tag has another architecture
        self.assertEqual(states["6.1.0-9-cloud-amd64", "535.261.03-open"], ("missing", None))

    def test_what_is_blocked_stays_so_though_it_is_there(self) -> None:
        cell = made(Selection(systems=("flatcar",), releases=("4152*",), drivers=("535.309.01",)), TEMPLATE, Shelf(self.HAS)).cells[0]
        self.assertEqual((cell.state, cell.digest), ("blocked", "sha256:cc"))

    def test_each_tag_is_asked_for_once(self) -> None:
        shelf = Shelf(self.HAS)
        made(Selection(), TEMPLATE, shelf)
        self.assertEqual(len(shelf.asked), len(set(shelf.asked)))

    def test_only_missing_cells_can_be_asked_for(self) -> None:
        matrix = made(Selection(systems=("debian",), states=("missing",), drivers=("535",)), TEMPLATE, Shelf(self.HAS))
        self.assertEqual({cell.state for cell in matrix.cells}, {"missing"})
        self.assertEqual(len(matrix.cells), 2)

    def test_a_registry_that_does_not_answer_is_no_empty_registry(self) -> None:
        with self.assertRaises(RegistryError):
            made(Selection(), TEMPLATE, Shelf({}))


class Failures(unittest.TestCase):
    def test_a_watcher_that_fails_is_named_and_the_others_go_on(self) -> None:
        matrix = made(failing={("stable", "x86_64"): "no answer in 30 s"})
        self.assertEqual([failure.as_json() for failure in matrix.failures],
                         [{"os": "flatcar", "stream": "stable", "architecture": "x86_64", "reason": "no answer in 30 s"}])
        self.assertEqual({cell.os_name for cell in matrix.cells}, {"debian", "flatcar"})  # flatcar's lts

    def test_driver_versions_that_cannot_be_had_leave_the_other_architecture(self) -> None:
        matrix = made(Selection(systems=("debian",)), failing={("drivers", "aarch64"): "broken list"})
        self.assertEqual([failure.as_line() for failure in matrix.failures], ["debian driver versions (aarch64): broken list"])
        self.assertIn("x86_64", {cell.release.architecture for cell in matrix.cells})

    def test_an_architecture_that_is_not_wanted_is_not_asked_for(self) -> None:
        matrix = made(Selection(architectures=("x86_64",)), failing={("bookworm", "aarch64"): "broken"})
        self.assertEqual(matrix.failures, [])


class Pins(unittest.TestCase):
    CELL = Cell("debian", "debian", "12-6.1.0-9-rt-amd64", release("6.1.0-9-rt-amd64", flavour="rt-amd64"), driver("550.163.01"), "")

    def test_every_field_that_is_given_must_match(self) -> None:
        for field, matching, other in (("os", ("debian",), ("ubuntu",)), ("streams", ("bookworm",), ("trixie",)), ("architectures", ("x86_64",), ("aarch64",)),
                                       ("flavours", ("cloud-*", "rt-*"), ("cloud-*",)), ("kernels", "==6.1", ">=6.2"), ("drivers", "==550", "<550"),
                                       ("module_types", ("open",), ("proprietary",))):
            with self.subTest(field):
                self.assertTrue(holds(Blocked("why", **{field: matching}), self.CELL))
                self.assertFalse(holds(Blocked("why", **{field: other}), self.CELL))

    def test_the_first_that_holds_gives_the_reason(self) -> None:
        pins = [Blocked("no", kernels=">=6.2"), Blocked("first"), Blocked("second")]
        self.assertEqual(pin_of(pins, self.CELL), pins[1])
        self.assertIsNone(pin_of(pins[:1], self.CELL))


class Tags(unittest.TestCase):
    """The literals are what installer/model gives (tests/unit/model/pair_test.cpp)."""

    def test_a_tag_is_the_one_that_nodes_compute(self) -> None:
        self.assertEqual(tag_of("12-6.12.95+deb12-cloud-amd64", "550.163.01-open"), "12-6.12.95_plus_deb12-cloud-amd64-550.163.01-open")
        self.assertEqual(tag_of("4081.2.1", "535.309.01"), "4081.2.1-535.309.01")
        long = tag_of("20241120-6.11.8-1-default+" + "x" * 110, "550.163.01-open")
        self.assertEqual(long, "20241120-6.11.8-1-default_plus_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx_333e8a84cc64ddc5")

    def test_the_key_is_the_version_or_has_the_kernel(self) -> None:
        self.assertEqual(os_key_of("version", "4081.2.1", "6.6.1-flatcar"), "4081.2.1")
        self.assertEqual(os_key_of("version-kernel", "12", "6.1.0-9-amd64"), "12-6.1.0-9-amd64")


class Versions(unittest.TestCase):
    def test_versions_are_ordered_by_number(self) -> None:
        kernels = ["6.12.107+deb12-amd64", "6.1.0-9-amd64", "6.12.95+deb12-amd64", "6.1.0-10-amd64"]
        self.assertEqual(sorted(kernels, key=natural), ["6.1.0-9-amd64", "6.1.0-10-amd64", "6.12.95+deb12-amd64", "6.12.107+deb12-amd64"])

    def test_a_range_compares_as_many_numbers_as_its_bound_has(self) -> None:
        for text, inside, outside in (("==6.1", "6.1.0-56-amd64", "6.12.95+deb12"), (">=6.13, <6.17", "6.16.4-1", "6.17.0-1"),
                                      ("<=6.12", "6.12.95+deb12", "6.13.1"), (">6.12", "6.13", "6.12.95"), ("<535.200", "535.183.01", "535.261.03")):
            self.assertTrue(Range(text).holds(inside), f"{text} {inside}")
            self.assertFalse(Range(text).holds(outside), f"{text} {outside}")

    def test_a_malformed_range_is_refused(self) -> None:
        for text in ("6.1", ">=x", ">= 6.1.", ">=6.1 <7"):
            with self.assertRaises(ValueError, msg=text):
                Range(text)


class DefinitionErrors(unittest.TestCase):
    def test_the_real_one_is_good(self) -> None:
        self.assertIn("debian", [system.name for system in definition.read(TOP / "ci/matrix.toml").systems])

    def test_each_mistake_is_named(self) -> None:
        for before, after, words in (("schema = 1", "schema = 2", "schema is 2"),
                                     ('key = "version"', 'key = "verison"', "key is 'verison'"),
                                     ('reason = "not allowed"', 'reson = "not allowed"', "unknown key 'reson'"),
                                     ('id = "flatcar"\n', "", "'id' is missing"),
                                     ("newest = 2", 'newest = "2"', "'newest' is str, wanted is int"),
                                     ('kernels = ">=6.12"', 'kernels = "6.12"', "'6.12' is no condition"),
                                     ('os = ["debian"]', 'os = ["debain"]', "there is no \\[\\[os\\]\\] 'debain'"),
                                     ('module_types = ["proprietary"]', 'module_types = ["closed"]', "'closed' is no module type"),
                                     ("[runners]", "[runers]", "unknown key 'runers'"), ("schema", "schema = =", "not TOML")):
            with self.subTest(words), self.assertRaisesRegex(CatalogError, words):
                self.assertIn(before, SMALL)
                definition.parse(SMALL.replace(before, after, 1))


class Printed(unittest.TestCase):
    def test_the_table_is_aligned_and_gives_each_reason_once(self) -> None:
        lines = table.as_table(made(Selection(systems=("debian",))).cells).splitlines()
        columns = {line.index("535.") for line in lines if line.startswith("debian") and "535." in line}
        self.assertEqual(len(columns), 1)
        self.assertEqual([line for line in lines if line.startswith("[")], ["[1] 535 does not build on 6.12 (https://example.org/1)", "[2] not allowed"])
        self.assertEqual(lines[-1], "11 cells: 5 blocked, 6 unknown")

    def test_json_has_every_field_of_the_contract(self) -> None:
        matrix = made(Selection(systems=("flatcar",), drivers=("550",)), TEMPLATE, Shelf({"registry.example/nvidia-flatcar": {}}), {("lts", "x86_64"): "down"})
        document = json.loads(table.as_json(matrix.cells, matrix.failures))
        self.assertEqual(document["schema"], 1)
        cell = document["cells"][0]
        self.assertEqual(cell["os"], {"name": "flatcar", "id": "flatcar", "version": "4152.2.0", "key": "4152.2.0", "stream": "stable"})
        rest = {key: cell[key] for key in ("kernel_release", "architecture", "driver", "driver_version", "module_type", "repository", "tag", "state",
                                           "reason", "digest", "runner")}
        self.assertEqual(rest, {"kernel_release": "6.6.3-flatcar", "architecture": "x86_64", "driver": "550.163.01-open", "driver_version": "550.163.01",
                                "module_type": "open", "repository": "registry.example/nvidia-flatcar", "tag": "4152.2.0-550.163.01-open",
                                "state": "missing", "reason": None, "digest": None, "runner": {"github": ["big"], "gitlab": ["huge"]}})
        self.assertEqual(document["failures"], [{"os": "flatcar", "stream": "lts", "architecture": "x86_64", "reason": "down"}])


if __name__ == "__main__":
    unittest.main()
