#!/usr/bin/env python3
"""The rules of ci/publishing: ledgers, SBOM, provenance, channels, the report, differing trees. No registry, no network."""

from __future__ import annotations

import base64
import json
import sys
import tempfile
import unittest
from dataclasses import replace
from pathlib import Path

sys.dont_write_bytecode = True
TOP = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(TOP / "ci"))

from catalog.cell import CatalogError, Cell, Driver, Release  # noqa: E402
from catalog.definition import Channel  # noqa: E402
from publishing import channels, deltas, dsse, ledger, provenance, report, sbom  # noqa: E402
from publishing.cell_steps import VM_CHECKS, CellSteps, Outcome  # noqa: E402
from publishing.commands import ProgramFailed  # noqa: E402
from publishing.flow import Indexed  # noqa: E402
from publishing.settings import Settings  # noqa: E402
from publishing.tree_difference import differences  # noqa: E402

SHA = "a" * 64
LEDGER = "\n".join("\t".join(line) for line in [
    ("nvidia-persistenced", "2", "amd64", SHA, "pool/contrib/n/x/nvidia-persistenced_2_amd64.deb", "Expat"),
    ("libcuda1", "535.261.03-1", "amd64", SHA, "pool/non-free/n/x/libcuda1_535_amd64.deb", "Expat,NVIDIA-graphics-drivers"),
    ("linux-headers-6.1.0-56-cloud-amd64", "6.1.2", "amd64", SHA, "pool/main/l/linux/linux-headers.deb", "GPL-2"),
    ("nvidia-persistenced", "1~b", "amd64", SHA, "pool/contrib/n/x/nvidia-persistenced_1_amd64.deb", "-"),
    ("NVIDIA.run", "535.261.03", "x86_64", "-", "https://example.org/NVIDIA.run", "-")]) + "\n"
DRIVER_JSON = {"driver": "535.261.03-open", "os": {"id": "debian", "key": "12-k"}, "kernel": {"release": "k"}, "architecture": "x86_64",
               "files": [{"path": "lib64/libcuda.so.1", "target": "libcuda.so.535"}, {"path": "lib64/libcuda.so.535", "size": 1, "sha256": SHA}]}
MANIFEST = "sha256:" + "b" * 64


def cell(driver: str, kernel: str, digest: str | None = MANIFEST, state: str = "present") -> Cell:
    return Cell("debian", "debian", f"12-{kernel}", Release("bookworm", "12", kernel, "x86_64"), Driver(driver, "open", ("x86_64",)), "r.example/d",
                state=state if digest or state == "blocked" else "missing", digest=digest)


def settings(vm: bool) -> Settings:
    nothing = Path("/nonexistent")
    return Settings(artifact=nothing, builder=nothing, prover=nothing, program=nothing, sign_key=nothing, public_key=nothing, vm=vm)


def indexed(*cells: Cell) -> Indexed:
    return Indexed({one.tag: str(one.digest) for one in cells})


class Ledger(unittest.TestCase):
    def test_keeps_the_last_version_that_was_fetched_and_is_sorted(self) -> None:
        inputs = ledger.parse(LEDGER)
        self.assertEqual([one.name for one in inputs], sorted(one.name for one in inputs))
        self.assertEqual(next(one for one in inputs if one.name == "nvidia-persistenced").version, "1~b")

    def test_names_packages_by_purl_and_other_files_as_generic(self) -> None:
        purls = {one.name: one.purl for one in ledger.parse(LEDGER)}
        self.assertEqual(purls["libcuda1"], "pkg:deb/debian/libcuda1@535.261.03-1?arch=amd64")
        self.assertEqual(purls["NVIDIA.run"], "pkg:generic/NVIDIA.run@535.261.03")

    def test_refuses_a_line_that_is_cut(self) -> None:
        with self.assertRaises(ValueError):
            ledger.parse("libcuda1\t535\n")


class Sbom(unittest.TestCase):
    def test_names_packages_licences_and_files_and_no_build_tools(self) -> None:
        document = json.loads(sbom.make(DRIVER_JSON, ledger.parse(LEDGER), "r.example/d", MANIFEST))
        names = {one["name"]: one for one in document["components"]}
        self.assertNotIn("linux-headers-6.1.0-56-cloud-amd64", names)
        self.assertEqual(names["libcuda1"]["licenses"], [{"license": {"id": "MIT"}}, {"license": {"name": "NVIDIA-graphics-drivers"}}])
        self.assertEqual(names["/driver/lib64/libcuda.so.535"]["hashes"], [{"alg": "SHA-256", "content": SHA}])
        self.assertNotIn("/driver/lib64/libcuda.so.1", names)
        self.assertEqual(document["metadata"]["component"]["hashes"][0]["content"], "b" * 64)

    def test_is_the_same_for_inputs_in_another_order(self) -> None:
        backwards = "\n".join(reversed(LEDGER.strip().splitlines()[:3])) + "\n"
        forwards = "\n".join(LEDGER.strip().splitlines()[:3]) + "\n"
        self.assertEqual(sbom.make(DRIVER_JSON, ledger.parse(forwards), "r", MANIFEST), sbom.make(DRIVER_JSON, ledger.parse(backwards), "r", MANIFEST))


class Provenance(unittest.TestCase):
    BUILT = provenance.Built(repository="r.example/d", tag="t", digests=(MANIFEST,), os_name="debian", os={"id": "debian"}, kernel="k", architecture="x86_64",
                             driver="535.261.03-open", driver_version="535.261.03", module_type="open", program=MANIFEST, packer="p")

    def test_names_every_input_with_its_checksum(self) -> None:
        statement = provenance.statement(self.BUILT, ledger.parse(LEDGER), "urn:b")
        named = {one["name"]: one for one in statement["predicate"]["buildDefinition"]["resolvedDependencies"]}
        self.assertEqual(named["libcuda1"]["digest"], {"sha256": SHA})
        self.assertNotIn("digest", named["NVIDIA.run"])
        self.assertIn("linux-headers-6.1.0-56-cloud-amd64", named)
        self.assertRegex(named["builder-images/debian/Containerfile"]["digest"]["sha256"], "^[0-9a-f]{64}$")
        self.assertEqual(statement["subject"][0]["digest"], {"sha256": "b" * 64})

    def test_recipes_are_those_of_the_system_and_patches_are_among_them(self) -> None:
        names = [one["name"] for one in provenance.recipes("debian", "open")]
        self.assertTrue(any(name.endswith(".patch") for name in names), names)
        self.assertFalse([name for name in names if name.startswith(("builder-images/artifact/", "builder-images/flatcar/"))], names)
        self.assertTrue([one for one in provenance.recipes("debian", "stand-in") if one["name"].startswith("builder-images/stand-in/")])

    def test_what_is_signed_has_lengths_so_that_nothing_can_be_moved(self) -> None:
        # The example of the DSSE protocol.
        self.assertEqual(dsse.to_sign(b"hello world", "http://example.com/HelloWorld"), b"DSSEv1 29 http://example.com/HelloWorld 11 hello world")

    def test_a_broken_envelope_is_refused_in_words(self) -> None:
        other = json.dumps({"payloadType": "text/plain", "payload": base64.b64encode(b"{}").decode(), "signatures": []})
        for text in ("", "{}", '{"payload": "%%", "payloadType": "x", "signatures": []}', other):
            with self.assertRaises(dsse.BadEnvelope):
                dsse.statement_of(text, Path("/nonexistent"), None, Path("/nonexistent"))


class Channels(unittest.TestCase):
    CHANNEL = Channel("production", "535", ("debian",), "open")

    def decided(self, cells: list[Cell], index: Indexed) -> channels.Decision:
        return channels.decide(self.CHANNEL, "r.example/d", cells, index)

    def test_moves_to_the_newest_driver_of_which_all_is_proven(self) -> None:
        cells = [cell("535.9.1", "k1"), cell("535.9.1", "k2"), cell("535.10.1", "k1"), cell("535.10.1", "k2", digest=None)]
        decision = self.decided(cells, indexed(*cells[:3]))
        self.assertEqual(decision.driver, "535.9.1-open")
        self.assertEqual(len(decision.cells), 2)
        self.assertEqual(self.decided([*cells[:3], cell("535.10.1", "k2")], indexed(*cells[:3], cell("535.10.1", "k2"))).driver, "535.10.1-open")

    def test_stays_when_a_cell_has_a_tag_but_is_not_in_the_index(self) -> None:
        cells = [cell("535.9.1", "k1"), cell("535.9.1", "k2")]
        decision = self.decided(cells, indexed(cells[0]))
        self.assertIsNone(decision.driver)
        self.assertIn(cells[1].tag, decision.reason)

    def test_stays_when_the_index_names_another_digest_than_the_tag(self) -> None:
        one = cell("535.9.1", "k1")
        self.assertIsNone(self.decided([one], indexed(replace(one, digest="sha256:" + "c" * 64))).driver)

    def test_blocked_cells_and_other_kinds_of_modules_are_not_needed(self) -> None:
        one = cell("535.9.1", "k1")
        others = [cell("535.9.1", "k2", digest=None, state="blocked"), replace(cell("535.9.1", "k3"), driver=Driver("535.9.1", "proprietary", ("x86_64",)))]
        self.assertEqual(self.decided([one, *others], indexed(one)).driver, "535.9.1-open")
        self.assertIsNone(self.decided([], Indexed()).driver)

    def test_a_name_that_is_none_is_refused(self) -> None:
        with self.assertRaises(CatalogError):
            channels.check_names([replace(self.CHANNEL, name="535")])


class Deltas(unittest.TestCase):
    @staticmethod
    def pair(driver: str, kernel: str = "k1", created: int = 1, architecture: str = "x86_64", module_type: str = "open") -> deltas.Pair:
        return {"driver": driver, "driver_version": driver.removesuffix("-open"), "tag": f"12-{kernel}-{driver}", "created": created, "architecture": architecture,
                "module_type": module_type, "digest": MANIFEST}

    def steps(self, *pairs: deltas.Pair, drivers: tuple[str, ...] = ("535.100.1-open",)) -> list[tuple[str, str]]:
        return [(str(step.older["tag"]), str(step.newer["tag"])) for step in deltas.steps(pairs, drivers)]

    def test_leads_from_the_version_before_to_the_newest_whatever_the_kernel(self) -> None:
        pairs = (self.pair("535.100.1-open", "k2"), self.pair("535.99.1-open"), self.pair("535.9.1-open"), self.pair("535.99.1-open", "k3", created=2))
        self.assertEqual(self.steps(*pairs), [("12-k3-535.99.1-open", "12-k2-535.100.1-open")])

    def test_never_from_another_branch_kind_of_modules_or_architecture(self) -> None:
        new = self.pair("535.100.1-open")
        for other in (self.pair("525.1.1-open"), self.pair("535.99.1", module_type="proprietary"), self.pair("535.99.1-open", architecture="aarch64")):
            self.assertEqual(self.steps(new, other), [])

    def test_only_to_a_driver_that_the_run_is_about(self) -> None:
        pairs = (self.pair("535.100.1-open"), self.pair("535.99.1-open"))
        self.assertEqual(self.steps(*pairs, drivers=("535.99.1-open", "550.1.1-open")), [])
        self.assertEqual(len(self.steps(*pairs)), 1)


class Report(unittest.TestCase):
    def test_says_which_check_failed_and_counts(self) -> None:
        outcomes = [Outcome(cell("535.9.1", "k1"), digest="sha256:" + "d" * 64, manifest=MANIFEST, seconds={"build": 1.0}, uploaded_bytes=2**20),
                    Outcome(cell("535.9.1", "k2"), "failed", "prove", "firmware", "firmware: is not there", seconds={"build": 1.0, "prove": 2.5}),
                    Outcome(cell("535.9.1", "k3"), "blocked", message="does not build")]
        table = report.as_table(outcomes)
        self.assertRegex(table, r"12-k2-535.9.1-open +failed +3.5 +0.0 +prove: firmware")
        self.assertRegex(table, r"12-k3-535.9.1-open +blocked +does not build")
        self.assertRegex(table, r"12-k1-535.9.1-open +published +1.0 +1.0 +sha256:bbbb", "what nodes fetch, as for those that were there before")
        document = report.as_json(outcomes, 4.0, None, [], [], [])
        self.assertEqual(document["counts"], {"published": 1, "failed": 1, "blocked": 1})
        self.assertEqual(document["cells"][1]["check"], "firmware")

    def test_tells_from_the_exit_status_of_the_build_what_failed(self) -> None:
        for status, said, check in ((4, "build: error: compile: see log", "compile"), (3, "x", "inputs"), (1, "x", "build"),
                                    (5, "stand-in: [ 1.0s] done\nbuild: error: the modules are not good\nundefined-symbol: nvidia.ko needs x", "undefined-symbol")):
            self.assertEqual(CellSteps._build_check(ProgramFailed("build", status, said)), check)

    def test_a_check_of_the_vm_that_was_not_made_speaks_against_a_cell_unless_its_kernel_cannot_be_booted(self) -> None:
        def steps(bootable: bool, vm: bool = True) -> list[str]:
            made = CellSteps(replace(cell("535.261.03", "k"), prove_in_vm=bootable), settings(vm), lambda line: None)
            made.result.checks = [{"name": name, "ok": None} for name in (*VM_CHECKS, "elf-closed")] + [{"name": "files", "ok": True}]
            return [check["name"] for check in made._against_it()]

        self.assertEqual(steps(bootable=True), [*VM_CHECKS, "elf-closed"])
        self.assertEqual(steps(bootable=False), ["elf-closed"])
        self.assertEqual(steps(bootable=True, vm=False), ["elf-closed"])


class Trees(unittest.TestCase):
    def test_names_what_differs_and_how(self) -> None:
        with tempfile.TemporaryDirectory() as work:
            one, two = Path(work) / "one", Path(work) / "two"
            for tree, content in ((one, "a"), (two, "b")):
                (tree / "bin").mkdir(parents=True)
                (tree / "bin/same").write_text("same")
                (tree / "bin/changed").write_text(content)
                (tree / "link").symlink_to(content)
            (two / "more").write_text("")
            lines = differences(one, two, 10)
            self.assertEqual([line.split(":")[0] for line in lines], ["bin/changed", "link", "more"])
            self.assertIn("published not there", lines[2])
            self.assertEqual(differences(one, two, 1)[-1], "... and 2 more")
            self.assertEqual(differences(one, one, 1), [])


if __name__ == "__main__":
    unittest.main()
