#!/usr/bin/env python3
"""The oracle is itself proven: a good tree has no violation, and each one that is made is named.

Run as root: python3 tests/proof/oracle_test.py
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import stat
import sys
import tempfile
import unittest
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent))

import proof_host as host  # noqa: E402
from oracle import Oracle, Target  # noqa: E402
from proof_host import pair  # noqa: E402

FIRST, SECOND, _ = host.DRIVERS
STATE = "opt/nvidia/.overdrive"


class OracleTest(unittest.TestCase):
    work: Path
    good: Path
    outside: dict[str, str]

    @classmethod
    def setUpClass(cls) -> None:
        host.leave_mount_namespace()
        made = tempfile.TemporaryDirectory(dir=host.fast_place(), prefix="oracle-")
        cls.addClassCleanup(made.cleanup)
        cls.addClassCleanup(host.cli_case.remove_shared)
        cls.work = Path(made.name)
        host.make_artifacts(cls.work, (FIRST, SECOND))
        cls.good = cls.work / "good"
        host.make_host(cls.good, cls.work)
        oracle = Oracle(cls.good)
        oracle.remember()
        cls.outside = oracle.before
        for good, *words in ((0, "install", FIRST), (4, "install", SECOND, "--no-activate")):
            ended = host.run(cls.good, *words)
            assert ended.rc == good, ended
        cls.addClassCleanup(host.detach_overlays, cls.good)

    def setUp(self) -> None:
        self.root = self.work / "root"
        self.root.mkdir()
        self.addCleanup(shutil.rmtree, self.root)
        host.detach_overlays(self.good)
        host.copy_tree(self.good, self.root)
        self.oracle = Oracle(self.root)
        self.oracle.before = self.outside
        self.generation = self.root / "opt/nvidia" / pair(FIRST)

    def assert_caught(self, words: str, **how: object) -> None:
        found = self.oracle.check(**how)  # type: ignore[arg-type]
        self.assertTrue(any(words in one for one in found), f"'{words}' is not among {found}")

    def assert_good(self, **how: object) -> None:
        self.assertEqual(self.oracle.check(**how), [])  # type: ignore[arg-type]

    def rewrite_record(self, **changes: object) -> None:
        path = self.root / STATE / "record.json"
        document = json.loads(path.read_text()) | changes
        document.pop("checksum")
        text = json.dumps(document, sort_keys=True, separators=(",", ":"))
        document["checksum"] = hashlib.sha256(text.encode()).hexdigest()
        path.write_text(json.dumps(document))

    # --- nothing is wrong

    def test_good_tree_has_no_violation(self) -> None:
        self.assert_good(settled=True, target=Target(pair(SECOND), pair(FIRST), present=(pair(FIRST), pair(SECOND))),
                         among=(pair(FIRST), pair(SECOND)))

    def test_host_that_never_saw_a_driver_is_good(self) -> None:
        bare = self.work / "bare"
        host.make_host(bare, self.work)
        self.addCleanup(shutil.rmtree, bare)
        oracle = Oracle(bare)
        oracle.remember()
        self.assertEqual(oracle.check(settled=True, target=Target(None, nothing_left=True)), [])

    # --- 1 record

    def test_1_record_that_is_no_json(self) -> None:
        (self.root / STATE / "record.json").write_text('{"schema": 2, "wan')
        self.assert_caught("1 record")

    def test_1_record_with_a_wrong_checksum(self) -> None:
        path = self.root / STATE / "record.json"
        path.write_text(path.read_text().replace(FIRST, "900.7.0", 1))
        self.assert_caught("1 record: has a wrong checksum")

    def test_1_record_that_names_a_missing_generation(self) -> None:
        for changes in ({"desired": pair("900.9.0")}, {"pending": pair("900.9.0")}, {"last_good": {"6.1": pair("900.9.0")}}):
            with self.subTest(**changes):
                self.rewrite_record(**changes)
                self.assert_caught(f"names {pair('900.9.0')}, which is not complete")

    def test_1_record_that_names_an_uncommitted_generation(self) -> None:
        (self.root / STATE / f"generations/{pair(SECOND).replace('/', '@')}.json").unlink()
        self.assert_caught(f"1 record: desired names {pair(SECOND)}, which is not complete")

    def test_1_current_that_dangles(self) -> None:
        current = self.root / "opt/nvidia/current"
        current.unlink()
        current.symlink_to(pair("900.9.0"))
        self.assert_caught("1 record: 'current' points at")

    def test_1_current_that_is_no_link(self) -> None:
        current = self.root / "opt/nvidia/current"
        current.unlink()
        current.mkdir()
        self.assert_caught("1 record: 'current' is no link")

    def test_1_update_that_lost_both_drivers(self) -> None:
        (self.root / "opt/nvidia/current").unlink()
        self.assert_caught("1 record: 'current' names None", among=(pair(FIRST), pair(SECOND)))
        (self.root / STATE / "record.json").unlink()
        self.assert_caught("1 record: it wants None", among=(pair(FIRST), pair(SECOND)))

    # --- 2 files

    def test_2_flipped_bit_keeps_size_and_mode(self) -> None:
        library = self.generation / f"lib64/libcuda.so.{FIRST}"
        content = bytearray(library.read_bytes())
        content[1000] ^= 1
        library.write_bytes(content)
        self.assert_caught("has other bytes")

    def test_2_short_zeroed_and_missing_files(self) -> None:
        library = self.generation / f"lib64/libcuda.so.{FIRST}"
        os.truncate(library, 100)
        self.assert_caught("has 100 bytes")
        library.unlink()
        self.assert_caught("is missing")

    def test_2_changed_mode_link_and_owner(self) -> None:
        (self.generation / "bin/nvidia-smi").chmod(0o4755)
        self.assert_caught("has mode 4755")
        link = self.generation / "lib64/libcuda.so.1"
        link.unlink()
        link.symlink_to("elsewhere")
        self.assert_caught("is no link to")
        os.chown(self.generation / "lib64" / f"libcuda.so.{FIRST}", 1000, 0)
        self.assert_caught("belongs to 1000:0")

    def test_2_file_that_is_not_listed(self) -> None:
        (self.generation / "lib64/more").write_text("")
        self.assert_caught("lib64/more is there and not listed")

    def test_2_driver_json_that_is_not_the_committed_one(self) -> None:
        path = self.generation / "driver.json"
        path.write_text(path.read_text() + "\n")
        self.assert_caught("driver.json is not the one of the commit record")

    def test_4_commit_record_without_a_tree_is_bad_once_settled(self) -> None:
        shutil.rmtree(self.root / "opt/nvidia" / SECOND)
        self.assert_caught(f"1 record: desired names {pair(SECOND)}, which is not complete")
        self.rewrite_record(desired=pair(FIRST), pending=None)
        self.assert_good()
        self.assert_caught(f"generations/{pair(SECOND).replace('/', '@')}.json' was left", settled=True)

    # --- 3 outside

    def test_3_changed_new_and_lost_files_of_the_host(self) -> None:
        (self.root / "home/core/notes").write_text("changed")
        (self.root / "usr/lib/new").write_text("")
        (self.root / "usr/bin/bash").unlink()
        (self.root / "usr/lib64/libc.so.6").chmod(0o600)
        for words in ("'home/core/notes' is changed", "'usr/lib/new' is new", "'usr/bin/bash' is gone", "'usr/lib64/libc.so.6' is changed"):
            self.assert_caught(words)

    def test_3_library_in_usr_without_an_overlay(self) -> None:
        shutil.copy(self.generation / f"lib64/libcuda.so.{FIRST}", self.root / "usr/lib64")
        self.assert_caught(f"'usr/lib64/libcuda.so.{FIRST}' is new")

    def test_3_unit_that_the_record_does_not_own(self) -> None:
        (self.root / "etc/systemd/system/.nvidia.service.12.new").write_text("")
        self.assert_good()
        self.assert_caught("'etc/systemd/system/.nvidia.service.12.new' is new", settled=True)

    def test_3_foreign_program_among_ours(self) -> None:
        (self.root / "opt/bin/other").write_text("")
        self.assert_caught("'opt/bin/other' is new")

    # --- 4 staging

    def test_4_incomplete_tree_under_its_final_name(self) -> None:
        (self.root / STATE / f"generations/{pair(FIRST).replace('/', '@')}.json").unlink()
        (self.generation / "driver.json").unlink()
        self.assert_caught(f"2 files: {pair(FIRST)}: driver.json")

    def test_4_leftovers_are_bad_only_once_settled(self) -> None:
        (self.root / STATE / "staging/12-0/lib64").mkdir(parents=True)
        (self.root / STATE / "journal").write_text("")
        (self.root / STATE / ".record.json.new").write_text("")
        (self.root / "opt/nvidia/900.9.0").mkdir()
        (self.root / "opt/nvidia/.current.new").symlink_to("x")
        (self.root / "run/overdrive/.ready.new").write_text("")
        self.assert_good()
        for words in ("staging/12-0' was left", "journal' was left", ".record.json.new' was left", "900.9.0' is an empty directory",
                      ".current.new' was left", ".ready.new' was left"):
            self.assert_caught(words, settled=True)

    def test_4_uncommitted_tree_is_bad_once_settled(self) -> None:
        (self.root / STATE / f"generations/{pair(SECOND).replace('/', '@')}.json").unlink()
        self.rewrite_record(desired=pair(FIRST), pending=None)
        self.assert_good()
        self.assert_caught("has a tree and no commit record", settled=True)

    # --- 5 target

    def test_5_other_pair_than_the_target(self) -> None:
        self.assert_caught(f"5 target: the record wants {pair(SECOND)}, not {pair(FIRST)}", target=Target(pair(FIRST)))
        self.assert_caught(f"5 target: 'current' names {pair(FIRST)}, not {pair(SECOND)}", target=Target(None, pair(SECOND)))
        self.assert_caught(f"5 target: {pair(FIRST)} is still there", target=Target(None, absent=(pair(FIRST),)))
        self.assert_caught("5 target: 900.9.0/1 is not complete", target=Target(None, present=("900.9.0/1",)))

    def test_5_driver_that_is_in_force_and_each_way_it_is_not(self) -> None:
        (self.root / "run/overdrive/exposure.json").unlink()  # of the mounts of another tree
        ended = host.run(self.root, "activate", FIRST)
        self.addCleanup(host.detach_overlays, self.root)
        self.assertEqual(ended.rc, 0, ended)
        target = Target(None, pair(FIRST), active=True)
        self.assert_good(target=target, settled=True)
        (self.root / "run/overdrive/ready").unlink()
        self.assert_good(target=target)
        self.assert_caught("'/run/overdrive/ready' is missing", target=target, settled=True)
        (self.root / "run/overdrive/ready").write_text("")
        spec = self.root / "run/cdi/overdrive-nvidia.yaml"
        right = spec.read_text()
        spec.write_text(right.replace(f"/opt/nvidia/{pair(FIRST)}/", "/opt/nvidia/current/"))
        self.assert_good(target=target)
        self.assert_caught("containers are told of '/opt/nvidia/current/", target=target, settled=True)
        spec.unlink()
        self.assert_caught("/run/cdi has no specification for containers", target=target, settled=True)
        (self.root / "dev/nvidiactl").unlink()
        self.assert_caught("/dev/nvidiactl is no device node", target=target)
        (self.root / "opt/bin/nvidia-smi").unlink()
        self.assert_caught("program nvidia-smi is not linked", target=target)
        host.detach_overlays(self.root)
        self.assert_caught("does not name libcuda", target=target)
        (self.root / "simulated/now/module/nvidia/version").write_text("1.0\n")
        self.assert_caught("module nvidia is loaded in version '1.0'", target=target)

    def test_5_anything_left_of_an_uninstalled_driver(self) -> None:
        self.assert_caught("was left", target=Target(None, nothing_left=True))
        self.assert_caught("'etc/systemd/system/nvidia.service' is not as it was", target=Target(None, nothing_left=True))

    # --- 6 exit, 7 space

    def test_6_exit_codes_and_reasons(self) -> None:
        table = {("install", "no-space"): 1}
        error = {"error": {"reason": "no-space", "exit_code": 1}}
        self.assertEqual(self.oracle.check_exit("install", 0, '{"result": "installed"}', "", table), [])
        self.assertEqual(self.oracle.check_exit("install", 1, json.dumps(error), "", table), [])
        for verb, rc, said in (("install", 1, "{}"), ("install", 3, json.dumps(error)), ("update", 1, json.dumps(error)), ("install", 0, ""),
                               ("install", 139, ""), ("install", 0, "half {")):
            with self.subTest(verb=verb, rc=rc, said=said):
                self.assertNotEqual(self.oracle.check_exit(verb, rc, said, "", table), [])

    def test_7_bytes_that_stayed(self) -> None:
        used = self.oracle.used()
        self.assertEqual(self.oracle.check_space(used), [])
        (self.root / STATE / "left").write_bytes(b"x" * (2 << 20))
        self.assertNotEqual(self.oracle.check_space(used), [])

    def test_7_hard_links_count_once(self) -> None:
        used = self.oracle.used()
        library = self.generation / f"lib64/libcuda.so.{FIRST}"
        os.link(library, library.with_name("second name"))
        self.assertEqual(self.oracle.used(), used)
        self.assertTrue(stat.S_ISREG(library.stat().st_mode))


if __name__ == "__main__":
    if os.geteuid() != 0:
        print("SKIPPED: needs root: it mounts and makes device nodes")
        sys.exit(77)
    unittest.main()
