#!/usr/bin/env python3
"""Installing onto a host's tree from every kind of source: what is there afterwards, what is downloaded, what a second
run does. Run as root: python3 tests/integration/cli/install_test.py
"""

from __future__ import annotations

import fcntl
import json
import os
import struct
import sys
import unittest
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent))

import damage  # noqa: E402
from cli_case import KERNEL, OS_VERSION, USER_SPACE_BYTES, CliTestCase, Run, add_index, indexed, keys, layout, pack, remove_shared, say  # noqa: E402
from vm_registry import Registry, bytes_of, downloads  # noqa: E402

REPOSITORY = "overdrive/nvidia-coreos"


class GoodTest(CliTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.host.configure('[trust]\nkeys = ["/etc/first.pub"]\n')
        (self.host.root / "etc/first.pub").write_bytes(keys()[1].read_bytes())

    def assert_generation(self, driver: str) -> None:
        """The tree is what driver.json lists, and nothing else."""
        generation = self.host.generation(driver)
        manifest = json.loads((generation / "driver.json").read_text())
        files = {str(path.relative_to(generation)) for path in generation.rglob("*") if not path.is_dir() or path.is_symlink()}
        self.assertEqual(files, {one["path"] for one in manifest["files"]} | {"driver.json", "driver.json.sig"})
        self.assertTrue((generation / f"lib/modules/{KERNEL}/nvidia.ko").is_file())
        self.assertTrue(os.access(generation / "bin/nvidia-smi", os.X_OK))
        for path in [generation, *generation.rglob("*")]:
            status = path.lstat()
            self.assertEqual((status.st_uid, status.st_gid), (0, 0), path)
            self.assertEqual(path.is_symlink() or status.st_mode & 0o7777 in (0o644, 0o755), True, path)

    def staging(self) -> list[str]:
        return os.listdir(self.host.root / "opt/nvidia/.overdrive/staging")


class SourcesTest(GoodTest):
    def installs(self, source: str) -> None:
        run = self.install(source)
        self.assert_installed(run, "900.1.0")
        self.assert_generation("900.1.0")
        self.assertEqual(self.staging(), [])
        record = self.host.record()
        self.assertEqual(record["wanted"], "900.1.0")
        self.assertIn("900.1.0", json.dumps(record["desired"]))
        vouching = {"kind": "driver-json", "signed_by": ["/etc/first.pub"], "serial": None}
        self.assertEqual((run.result["fetched"], run.result["trust"]), (True, vouching))
        self.assertFalse((self.host.root / "opt/nvidia/current").exists(), "only activate points 'current'")
        self.assertFalse((self.host.root / "etc/systemd").exists(), "--no-units")

        before = self.host.snapshot()
        again = self.install(source)
        self.assertEqual((again.rc, again.result["result"], again.result["fetched"]), (0, "nothing-to-do", False), again)
        self.assertEqual(self.host.snapshot(), before)

        listed = self.host.overdrive("list")
        self.assertEqual(listed.rc, 0, listed)
        self.assertIn(f"900.1.0/{OS_VERSION}", listed.stdout)

    def test_layout(self) -> None:
        self.installs(f"oci:{layout()}")

    def test_archive(self) -> None:
        archive = self.work / "layout.tar"
        say(["tar", "-cf", archive, "-C", layout(), "."])
        self.installs(f"oci-archive:{archive}")

    def test_archive_that_skopeo_made(self) -> None:
        archive, tag = self.work / "skopeo.tar", f"{OS_VERSION}-900.1.0"
        say(["skopeo", "copy", "-q", "--preserve-digests", f"oci:{layout()}:{tag}", f"oci-archive:{archive}:{tag}"])
        self.installs(f"oci-archive:{archive}")

    def test_second_source_when_the_first_has_it_not_or_is_down(self) -> None:
        other = self.work / "other"
        pack(other, "900.5.0")
        run = self.install("oci:/nowhere", "900.1.0", "--source", f"oci:{other}", "--source", f"oci:{layout()}")
        self.assert_installed(run, "900.1.0")
        self.assertIn("/nowhere", run.stderr)


class WishTest(GoodTest):
    def test_branch_takes_its_newest(self) -> None:
        self.assert_installed(self.install(f"oci:{indexed()}", "900"), "900.2.0")
        self.assertEqual(self.host.record()["wanted"], "900")

    def test_configuration_says_it_all(self) -> None:
        self.host.configure('driver = "901.1.0"\nsources = ["oci:%s"]\n[trust]\nkeys = ["/etc/first.pub"]\n' % layout())
        self.assert_installed(self.host.overdrive("install", "--no-activate", "--no-units"), "901.1.0")

    def test_command_line_wins_over_the_pin_for_now(self) -> None:
        self.host.configure('pin = "901.1.0"\n[trust]\nkeys = ["/etc/first.pub"]\n')
        run = self.install(f"oci:{layout()}", "900.1.2")
        self.assert_installed(run, "900.1.2")
        self.assertIn("warning: the configuration wants driver 901.1.0, so the next boot goes back to it", run.stderr)
        self.assertNotIn("goes back", self.install(f"oci:{layout()}", "901.1.0").stderr)

    def test_unsigned_is_taken_where_that_is_written_down(self) -> None:
        made = self.work / "unsigned"
        pack(made, "900.1.0", signed=False)
        run = self.install(f"oci:{made}", "900.1.0", "--allow-unsigned")
        self.assert_installed(run, "900.1.0")
        self.assertEqual(run.result["trust"], {"kind": "unsigned", "signed_by": [], "serial": None})

    def test_plan_and_dry_run_change_nothing(self) -> None:
        before = self.host.snapshot()
        for words in (["plan"], ["install", "--dry-run"]):
            run = self.host.overdrive(*words, "900.1.0", "--source", f"oci:{layout()}")
            self.assertEqual((run.rc, run.result["result"], run.result["installed"]), (0, "dry-run", False), run)
            self.assertEqual(run.result["generation"], f"900.1.0/{OS_VERSION}")
            self.assertGreater(int(str(run.result["bytes"])), USER_SPACE_BYTES)
        self.assertEqual(self.host.snapshot(), before)
        self.assertFalse((self.host.root / "opt/nvidia").exists())

    def test_plan_needs_no_root(self) -> None:
        prefix: list[object] = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
        run = self.host.overdrive("plan", "900.1.0", "--source", f"oci:{layout()}", prefix=prefix)
        self.assertEqual((run.rc, run.result.get("result")), (0, "dry-run"), run)

    def test_another_build_of_an_installed_driver_is_told_and_left_alone(self) -> None:
        self.assert_installed(self.install(f"oci:{layout()}"), "900.1.0")
        before = self.host.snapshot()
        rebuilt = self.work / "rebuilt"
        pack(rebuilt, "900.1.0", modules_bytes=50_000)
        run = self.install(f"oci:{rebuilt}")
        self.assertEqual(run.rc, 0, run)
        self.assertIn("another build", run.stderr)
        self.assertEqual(self.host.snapshot(), before)

    def test_leftovers_of_a_killed_run_are_removed(self) -> None:
        left = self.host.root / "opt/nvidia/.overdrive/staging/12-0/lib64"
        left.mkdir(parents=True)
        (left / "half").write_text("written")
        self.assert_installed(self.install(f"oci:{layout()}"), "900.1.0")
        self.assertEqual(self.staging(), [])


class UpdateTest(GoodTest):
    def update(self, *more: object) -> Run:
        return self.host.overdrive("update", "--no-activate", "--no-units", *more)

    def configured(self, text: str) -> None:
        self.host.configure(f'{text}\nsources = ["oci:{indexed()}"]\n[trust]\nkeys = ["/etc/first.pub"]\n')

    def test_branch_moves(self) -> None:
        self.assert_installed(self.install(f"oci:{layout()}", "900.1.0"), "900.1.0")
        self.configured('driver = "900"')
        self.assertEqual(self.update().rc, 4)
        self.assert_generation("900.2.0")
        self.assert_generation("900.1.0")  # the older generation stays

    def test_held_branch_does_not(self) -> None:
        self.assert_installed(self.install(f"oci:{layout()}", "900.1.0"), "900.1.0")
        self.configured('driver = "900"\nhold = true')
        before = self.host.snapshot()
        run = self.update()
        self.assertEqual((run.rc, run.result.get("result")), (0, "nothing-to-do"), run)
        self.assertEqual(self.host.snapshot(), before)

    def test_typo_in_the_configuration_costs_a_boot_nothing(self) -> None:
        self.configured('drivr = "900"\ndriver = "900.1.0"')
        self.host.add_gpu()
        run = self.update("--unit")
        self.assertEqual(run.result.get("result"), "installed", run)
        self.assertIn("'drivr' is not known; did you mean 'driver'?", run.stderr)
        self.assert_generation("900.1.0")

    def test_boot_without_a_gpu_fetches_nothing(self) -> None:
        self.configured('driver = "900.1.0"')
        run = self.update("--unit")
        self.assertEqual((run.rc, run.result.get("result")), (0, "nothing-to-do"), run)
        self.assertFalse((self.host.root / "opt/nvidia/900.1.0").exists())


class RegistryTest(GoodTest):
    registry: Registry

    @classmethod
    def setUpClass(cls) -> None:
        cls.registry = Registry()
        cls.addClassCleanup(cls.registry.close)
        cls.registry.start()
        for driver in ("900.1.0", "900.1.2", "900.2.0"):
            tag = f"{OS_VERSION}-{driver}"
            say(["skopeo", "copy", "-q", "--all", "--preserve-digests", "--dest-tls-verify=false", f"oci:{layout()}:{tag}",
                 f"docker://{cls.registry.on_host}/{REPOSITORY}:{tag}"])
            add_index(f"docker://{cls.registry.on_host}/{REPOSITORY}", tag)

    def setUp(self) -> None:
        super().setUp()
        self.source = f"docker://{self.registry.on_host}/overdrive/nvidia-{{os_id}}"

    def test_installs_and_says_what_it_downloaded(self) -> None:
        mark = self.registry.mark()
        run = self.install(self.source)
        self.assert_installed(run, "900.1.0")
        self.assert_generation("900.1.0")
        got = [one.path.rsplit("/", 1)[-1] for one in downloads(self.registry.requests(mark)) if "/blobs/" in one.path]
        layers = [damage.layer_digest(layout(), f"{OS_VERSION}-900.1.0", role) for role in ("modules", "user-space")]
        self.assertEqual([digest for digest in got if digest in layers], layers, "modules first, so that trust is decided early")
        self.assertNotIn(damage.layer_digest(layout(), f"{OS_VERSION}-900.1.0", "program"), got)
        told = int(str(run.result["bytes_downloaded"]))
        self.assertLess(abs(bytes_of(self.registry.requests(mark)) - told), 64_000)

        mark = self.registry.mark()
        again = self.install(self.source)
        self.assertEqual((again.rc, again.result["result"]), (0, "nothing-to-do"), again)
        self.assertLess(bytes_of(self.registry.requests(mark)), 64_000)

    def test_driver_with_the_same_user_space_moves_only_its_modules(self) -> None:
        self.assert_installed(self.install(self.source, "900.1.0"), "900.1.0")
        mark = self.registry.mark()
        run = self.install(self.source, "900.1.2")
        self.assert_installed(run, "900.1.2")
        self.assert_generation("900.1.2")
        self.assertIs(run.result["reused_user_space"], True)
        shared = [file for file in self.host.generation("900.1.2").rglob("*") if file.is_file() and not file.is_symlink()
                  and "modules" not in file.parts and not file.name.startswith("driver.json")]
        read, unread = int(str(run.result["rehashed_bytes"])), int(str(run.result["vouched_bytes"]))
        self.assertEqual(read + unread, sum(file.stat().st_size for file in shared))
        if self.has_verity():
            self.assertGreater(unread, 0)
        else:
            self.assertEqual((unread, run.result["guarded_files"]), (0, 0))
            self.assertNotIn("verity", run.stderr, "what a file system lacks is nobody's trouble")
        self.assertLess(int(str(run.result["bytes_downloaded"])), 64_000)
        self.assertLess(bytes_of(self.registry.requests(mark)), 128_000)
        library = f"lib64/libcuda.so.900.1"
        first, second = (self.host.generation(driver) / library for driver in ("900.1.0", "900.1.2"))
        self.assertEqual(first.read_bytes(), second.read_bytes())
        shared = first.stat().st_ino == second.stat().st_ino
        self.assertTrue(shared or self.reflinks(), "neither a link nor a file system with reflinks")

    def has_verity(self) -> bool:
        """Whether the kernel guards files here (FS_IOC_ENABLE_VERITY, SHA-256, blocks of 4096 bytes)."""
        probe = self.work / "guarded"
        probe.write_text("x")
        with probe.open("rb") as file:
            try:
                fcntl.ioctl(file, 0x40806685, struct.pack("<IIIIQIIQ88x", 1, 1, 4096, 0, 0, 0, 0, 0))
            except OSError:
                return False
        return True

    def reflinks(self) -> bool:
        probe = self.work / "probe"
        probe.write_text("x")
        return os.system(f"cp --reflink=always '{probe}' '{probe}2' 2>/dev/null") == 0

    def test_damaged_copy_is_not_reused(self) -> None:
        self.assert_installed(self.install(self.source, "900.1.0"), "900.1.0")
        damage.flip_byte(self.host.generation("900.1.0") / "lib64/libcuda.so.900.1")
        run = self.install(self.source, "900.1.2")
        self.assert_installed(run, "900.1.2")
        self.assertIs(run.result["reused_user_space"], False)
        self.assert_generation("900.1.2")

    def test_branch_is_chosen_through_the_signed_index_and_never_by_listing_tags(self) -> None:
        mark = self.registry.mark()
        self.assert_installed(self.install(self.source, "900"), "900.2.0")
        asked = [one.path for one in self.registry.requests(mark)]
        self.assertEqual([path for path in asked if "tags/list" in path], [])
        self.assertIn(f"/v2/{REPOSITORY}/manifests/overdrive-index", asked)
        self.assertNotIn(f"/v2/{REPOSITORY}/manifests/{OS_VERSION}-900.2.0", asked, "it is fetched by the digest that the index names")

    def test_what_the_index_offers_is_listed(self) -> None:
        run = self.host.overdrive("list", "--available", "--source", self.source)
        (source,) = run.result["sources"]  # type: ignore[misc]
        self.assertEqual([pair["driver"] for pair in source["pairs"]], ["900.2.0", "900.1.2", "900.1.0"])
        self.assertEqual(source["index"]["trust"]["kind"], "manifest")
        self.assertFalse((self.host.root / "opt/nvidia/900.2.0").exists())


class DamagedHostTest(GoodTest):
    """What was installed has changed since."""

    def setUp(self) -> None:
        super().setUp()
        self.assert_installed(self.install(f"oci:{layout()}"), "900.1.0")

    def test_driver_json_was_edited(self) -> None:
        path = self.host.generation("900.1.0") / "driver.json"
        path.write_text(path.read_text().replace(" SMP ", " SMQ "))
        self.host.add_gpu()
        run = self.host.overdrive("status")
        self.assertEqual((run.rc, run.result.get("state"), run.result.get("because")), (0, "degraded", "no-local-pair"), run)
        self.assertIn("driver.json' is not the file that was installed", json.dumps(run.result["warnings"]))
        self.assertEqual(self.host.overdrive("list").rc, 0)
        self.assertEqual(self.host.overdrive("wait", "--timeout", "1").rc, 0, "without a source nothing can come")
        self.host.configure(f'sources = ["oci:{layout()}"]\n')
        self.assertEqual(self.host.overdrive("wait", "--timeout", "1").rc, 8)

    def test_damaged_generation_is_fetched_again(self) -> None:
        path = self.host.generation("900.1.0") / "driver.json"
        path.write_text(path.read_text().replace(" SMP ", " SMQ "))
        run = self.install(f"oci:{layout()}")
        self.assert_installed(run, "900.1.0")
        self.assertIs(run.result["fetched"], True)
        self.assertIn("is damaged and is fetched again", run.stderr)
        self.assert_generation("900.1.0")

    def test_generation_that_lacks_a_file_is_fetched_again(self) -> None:
        (self.host.generation("900.1.0") / "bin/nvidia-smi").unlink()
        run = self.install(f"oci:{layout()}")
        self.assertIs(run.result["fetched"], True)
        self.assertIn("is damaged and is fetched again: 'bin/nvidia-smi' is missing", run.stderr)
        self.assert_generation("900.1.0")

    def test_generation_with_a_damaged_library_is_fetched_again(self) -> None:
        damage.flip_byte(self.host.generation("900.1.0") / "lib64/libcuda.so.900.1")
        run = self.install(f"oci:{layout()}", "900.1.0", "--verify")
        self.assert_installed(run, "900.1.0")
        self.assertIs(run.result["fetched"], True)
        self.assertIn("is damaged and is fetched again: 'lib64/libcuda.so.900.1' has another content", run.stderr)
        self.assert_generation("900.1.0")
        self.assertEqual(self.host.overdrive("verify").rc, 0)

    def test_damaged_generation_stays_while_it_cannot_be_fetched(self) -> None:
        damage.flip_byte(self.host.generation("900.1.0") / "lib64/libcuda.so.900.1")
        made = self.copy_of_layout()
        damage.blob(made, damage.layer_digest(made, f"{OS_VERSION}-900.1.0", "user-space")).unlink()
        before = self.host.snapshot()
        self.assertEqual(self.install(f"oci:{made}", "900.1.0", "--verify").rc, 1)
        self.assertEqual(self.host.snapshot(), before)

    def test_damaged_library_in_use_is_a_warning(self) -> None:
        (self.host.root / "opt/nvidia/current").symlink_to(f"900.1.0/{OS_VERSION}")
        damage.flip_byte(self.host.generation("900.1.0") / "lib64/libcuda.so.900.1")
        run = self.install(f"oci:{layout()}", "900.1.0", "--verify")
        self.assertEqual((run.rc, run.result["fetched"]), (0, False), run)
        self.assertIn("is damaged and in use: 'lib64/libcuda.so.900.1' has another content", run.stderr)

    def test_damaged_generation_in_use_stays_and_says_so(self) -> None:
        (self.host.root / "opt/nvidia/current").symlink_to(f"900.1.0/{OS_VERSION}")
        path = self.host.generation("900.1.0") / "driver.json"
        path.write_text(path.read_text().replace(" SMP ", " SMQ "))
        before = self.host.snapshot()
        self.assert_refused(self.install(f"oci:{layout()}"), "incomplete-artifact", 1, "damaged and in use")
        self.assertEqual(self.host.snapshot(), before)

    def test_record_is_no_record(self) -> None:
        (self.host.root / "opt/nvidia/.overdrive/record.json").write_text("{")
        run = self.host.overdrive("status")
        self.assertEqual(run.rc, 0, run)
        self.assertIn("record.json", json.dumps(run.result["warnings"]))
        self.assertEqual(self.install(f"oci:{layout()}").rc, 0)
        self.assertEqual(self.host.record()["wanted"], "900.1.0")

    def test_record_of_a_newer_program_is_refused(self) -> None:
        path = self.host.root / "opt/nvidia/.overdrive/record.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | {"schema": 99, "min_reader": 99}))
        before = self.host.snapshot()
        self.assert_refused(self.install(f"oci:{layout()}"), "bad-record", 1, "99")
        self.assertEqual(self.host.snapshot(), before)


def tearDownModule() -> None:
    remove_shared()


if __name__ == "__main__":
    if os.geteuid() != 0:
        print("SKIPPED: needs root: files of root are written")
        sys.exit(77)
    unittest.main()
