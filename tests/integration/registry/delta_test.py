#!/usr/bin/env python3
"""A node that has another version of the branch fetches what changed of user space: a delta that the pair index names. Whatever is
wrong with it, the driver is the same in the end, and a line says why all was fetched. Run as root.
"""

from __future__ import annotations

import functools
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent))

from registry_case import REPOSITORY, RegistryCase, main  # noqa: E402 - first: it says where the others are
import damage  # noqa: E402
from cli_case import OS_VERSION, USER_SPACE_BYTES, Run, add_index, bytes_of, keys, pack, programs, remove_shared, say, shared  # noqa: E402
from registry_faults import BLOB, answered, cut, flip, slow  # noqa: E402

OLD, NEW = "910.1.0", "910.2.0"
INDEX = "GET /v2/.*/manifests/overdrive-index"


def tag(driver: str) -> str:
    return f"{OS_VERSION}-{driver}"


@functools.cache
def branch() -> Path:
    """A layout with two versions of a branch, whose large library differs in a few bytes."""
    made = shared() / "branch"
    library = bytearray(bytes_of("library of the branch", USER_SPACE_BYTES))
    pack(made, OLD, library=bytes(library))
    library[3_000_000:3_000_016] = b"a few bytes more"
    pack(made, NEW, library=bytes(library) + b"at the end")
    return made


def artifact(*words: object) -> str:
    return say([programs() / "overdrive-artifact", "-q", *words])


class DeltaCase(RegistryCase):
    settings = "[registry]\nconnect-timeout = 2\nstall-timeout = 2\npatience = 4\n"

    def setUp(self) -> None:
        super().setUp()
        self.store.load_layout(REPOSITORY, branch())
        self.delta = self.make_delta()
        add_index(self.source, tag(OLD), tag(NEW), str(self.delta["tag"]))
        self.registry.reset()

    def make_delta(self, *more: object) -> dict[str, object]:
        said = artifact("delta", "--from", f"{self.source}:{tag(OLD)}", "--to", f"{self.source}:{tag(NEW)}", "--work", self.work, "--json", *more)
        return dict(json.loads(said[said.index("{\n") :]))

    def install_old(self) -> None:
        self.assert_installed(self.install(self.source, OLD), OLD)
        self.registry.reset()

    def update(self, wish: str = "910", *more: object) -> Run:
        return self.install(self.source, wish, *more)

    def layer(self, role: str, driver: str = NEW) -> str:
        return damage.layer_digest(branch(), tag(driver), role)

    def blobs(self) -> list[str]:
        """What was fetched of layers and deltas."""
        of_interest = {str(self.delta["blob"]), self.layer("user-space"), self.layer("modules")}
        return [digest for one in self.registry.asked(BLOB) if (digest := one.target.rsplit("/", 1)[-1]) in of_interest]

    def assert_by_delta(self, run: Run) -> None:
        self.assert_installed(run, NEW)
        self.assertEqual(run.result["delta_from"], OLD, run)
        self.assertEqual(self.blobs(), [self.layer("modules"), self.delta["blob"]])
        self.assertEqual(self.host.overdrive("verify").rc, 0)

    def assert_by_layer(self, run: Run, *words: str) -> None:
        self.assert_installed(run, NEW)
        self.assertIsNone(run.result["delta_from"], run)
        self.assertIn(self.layer("user-space"), self.blobs())
        for word in ("all of user space was fetched", *words) if words else ():
            self.assertIn(word, run.stderr)
        self.assertEqual(self.host.overdrive("verify", f"{NEW}/{OS_VERSION}").rc, 0)


class UpdateTest(DeltaCase):
    def test_an_update_fetches_modules_and_the_delta(self) -> None:
        self.install_old()
        run = self.update()
        self.assert_by_delta(run)
        whole = self.store.size(self.layer("user-space")) + self.store.size(self.layer("modules"))
        self.assertLess(int(str(run.result["bytes_downloaded"])), whole // 20)
        self.assertLess(self.registry.sent, whole // 10, "documents and signatures included")

    def test_what_was_asked_for_by_its_version_comes_by_delta_too(self) -> None:
        self.install_old()
        self.assert_by_delta(self.update(NEW))
        self.assertEqual(len(self.registry.asked(INDEX)), 1)

    def test_without_another_version_of_the_branch_nobody_asks_for_deltas(self) -> None:
        self.assert_by_layer(self.update(NEW))
        self.assertEqual(self.registry.asked(INDEX), [])
        self.registry.reset()
        self.assert_installed(self.update("900.1.0"), "900.1.0")
        self.assertEqual(self.registry.asked(INDEX), [])

    def test_the_plan_tells_what_it_takes(self) -> None:
        self.install_old()
        run = self.update("910", "--dry-run")
        self.assertEqual(run.result["bytes_by_delta"], self.store.size(self.layer("modules")) + int(str(self.delta["bytes"])), run)
        self.assertIn(f"by what changed since {OLD}", str(run.result["steps"]))
        self.assertIsNone(self.update("900.1.0", "--dry-run").result["bytes_by_delta"])

    def test_a_second_run_of_the_maker_changes_nothing(self) -> None:
        again = self.make_delta()
        self.assertEqual((again["changed"], again["blob"]), (False, self.delta["blob"]))
        self.assertTrue(self.make_delta("--dry-run")["dry_run"])
        self.assertEqual([left.name for left in self.work.glob("overdrive-delta.*")], [])


class BrokenTest(DeltaCase):
    def setUp(self) -> None:
        super().setUp()
        self.install_old()
        self.blob = str(self.delta["blob"])

    def test_a_flipped_bit(self) -> None:
        self.registry.on(self.blob, flip(0.5))
        self.assert_by_layer(self.update(), self.blob)

    def test_a_delta_that_is_gone(self) -> None:
        self.registry.on(self.blob, answered(404, body=b'{"errors":[{"code":"BLOB_UNKNOWN"}]}'))
        self.assert_by_layer(self.update(), self.blob)

    def test_a_delta_that_always_breaks_off(self) -> None:
        self.registry.on(self.blob, cut(0.5))
        self.assert_by_layer(self.update(), "broke off")

    def test_a_delta_that_breaks_off_once_goes_on(self) -> None:
        self.registry.on(self.blob, cut(0.5), times=1)
        run = self.update()
        self.assert_installed(run, NEW)
        self.assertEqual(run.result["delta_from"], OLD, run)

    def test_a_damaged_old_library(self) -> None:
        damage.flip_byte(self.host.generation(OLD) / "lib64/libcuda.so.910.1")
        self.assert_by_layer(self.update(), "hashes to")

    def test_an_index_that_cannot_be_asked_costs_only_the_delta(self) -> None:
        self.registry.on(INDEX, answered(503))
        run = self.update(NEW)
        self.assert_by_layer(run)
        self.assertIn("whether there is a delta from an installed driver is not known", run.stderr)

    def test_a_run_that_is_killed_amid_the_delta_is_made_good_by_the_next(self) -> None:
        self.registry.on(self.blob, slow(300))
        words = [programs() / "overdrive", "--root", self.host.root, "--json", "install", "910", "--source", self.source, "--no-activate", "--no-units"]
        running = subprocess.Popen([str(word) for word in words], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 20
        while not self.registry.asked(self.blob) and time.monotonic() < deadline:
            time.sleep(0.02)
        time.sleep(0.3)
        os.kill(running.pid, signal.SIGKILL)
        self.assertEqual(running.wait(), -signal.SIGKILL)
        self.assertFalse(self.host.generation(NEW).exists())
        self.registry.reset()
        self.assert_by_delta(self.update())
        self.assertEqual(list((self.host.root / "opt/nvidia/.overdrive/staging").iterdir()), [])


class PublishingTest(DeltaCase):
    def test_it_is_shown_copied_and_offered_elsewhere(self) -> None:
        delta = str(self.delta["tag"])
        shown = json.loads(artifact("inspect", f"{self.source}:{delta}", "--json"))
        self.assertEqual((shown["blob"], shown["to"]["version"]), (self.delta["blob"], NEW))
        self.assertEqual([file["path"] for file in shown["files"]], ["lib64/libcuda.so.910.2"])
        carried = f"oci:{self.work}/carried"
        for name in (tag(OLD), tag(NEW), delta):
            artifact("copy", f"{self.source}:{name}", f"{carried}:{name}")
        add_index(carried, tag(OLD), tag(NEW), delta)
        self.host.configure('[trust]\nkeys = ["/etc/first.pub"]\n[[trust.policy]]\nprefix = "oci:"\nkeys = ["/etc/first.pub"]\n'
                            'identity = ["registry.example/overdrive/nvidia-coreos"]\n')
        self.assert_installed(self.install(carried, OLD), OLD)
        run = self.install(carried, "910")
        self.assert_installed(run, NEW)
        self.assertEqual(run.result["delta_from"], OLD, run)

    def test_the_index_lets_go_of_it(self) -> None:
        def deltas() -> list[str]:
            return [one["tag"] for one in json.loads(artifact("index", "show", self.source, "--key", keys()[1], "--json"))["deltas"]]

        self.assertEqual(deltas(), [self.delta["tag"]])
        self.assertIn(str(self.delta["tag"]), artifact("index", "show", self.source, "--key", keys()[1]))
        artifact("index", "remove", "--settle", 0, "--sign-key", keys()[0], self.source, tag(NEW))
        self.assertEqual(deltas(), [], "no pair of its version is left")

    def test_versions_without_anything_in_common_get_none(self) -> None:
        words = ["delta", "--from", f"{self.source}:{tag('900.1.0')}", "--to", f"{self.source}:{tag(NEW)}", "--work", self.work]
        done = subprocess.run([str(word) for word in [programs() / "overdrive-artifact", *words]], capture_output=True, text=True)
        self.assertEqual(done.returncode, 8, done.stderr)
        self.assertIn("is not worthwhile", done.stderr)


tearDownModule = remove_shared

if __name__ == "__main__":
    main()
