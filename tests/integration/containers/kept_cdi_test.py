#!/usr/bin/env python3
"""The CDI specification follows the driver in force: written by activations, rolled back with them, removed with them. The program
as it ships over a host's tree with a simulated kernel. Run as root: python3 tests/integration/containers/kept_cdi_test.py
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import unittest
from pathlib import Path

sys.dont_write_bytecode = True
TOP = Path(__file__).resolve().parents[3]
sys.path[:0] = [str(TOP / "tests/support"), str(TOP / "tests/proof")]

import proof_host as proof  # noqa: E402
from host_case import HostCase  # noqa: E402

FIRST, SECOND = proof.DRIVERS[:2]
REFRESH = "nvidia-cdi-refresh"
RIVAL = """cdiVersion: 0.5.0
kind: nvidia.com/gpu
devices:
- name: "{name}"
  containerEdits:
    env: [RIVAL=1]
"""


class KeptCdiTest(HostCase):
    drivers = (FIRST, SECOND)

    def setUp(self) -> None:
        super().setUp()
        self.spec = self.node / "run/cdi/overdrive-nvidia.yaml"

    def configure(self, *lines: str) -> None:
        path = self.node / "etc/overdrive/config.toml.d/containers.toml"
        path.parent.mkdir(exist_ok=True)
        path.write_text("\n".join(["[containers]", *lines]) + "\n")

    def cdi(self) -> dict[str, object]:
        status = json.loads(self.run_well("status").stdout)["cdi"]
        self.assertIsInstance(status, dict)
        return dict(status)

    def findings(self) -> dict[str, str]:
        ended = proof.run(self.node, "doctor")
        return {one["code"]: one["what"] for one in json.loads(ended.stdout)["findings"] if one["code"].startswith("cdi-")}

    def mounts(self) -> list[str]:
        return [line.split(": ", 1)[1] for line in self.spec.read_text().splitlines() if line.strip().startswith("- hostPath: ")]

    def assert_is_of(self, driver: str) -> None:
        place = f"/opt/nvidia/{proof.pair(driver)}/"
        self.assertTrue(self.mounts())
        self.assertEqual([path for path in self.mounts() if not path.startswith(place)], [])
        self.assertEqual(self.cdi()["state"], "current")

    def rival(self, folder: str, name: str = "all") -> Path:
        path = self.node / folder.lstrip("/") / "nvidia.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(RIVAL.format(name=name))
        return path

    def refresh_units(self) -> list[Path]:
        units = []
        for kind in ("service", "path"):
            unit = self.node / f"usr/lib/systemd/system/{REFRESH}.{kind}"
            unit.parent.mkdir(parents=True, exist_ok=True)
            unit.write_text("[Unit]\n")
            units.append(unit)
        return units

    # --- in step with the driver

    def test_an_install_tells_engines_of_the_generation_by_its_own_directory(self) -> None:
        self.run_well("install", FIRST)
        self.assert_is_of(FIRST)
        text = self.spec.read_text()
        self.assertIn("cdiVersion: 0.5.0\nkind: nvidia.com/gpu\n", text)
        self.assertNotIn("/current/", text)
        self.assertIn("path: /dev/nvidia0\n", text)
        self.assertIn("path: /usr/bin/nvidia-cdi-hook\n", text)
        self.assertEqual(self.cdi()["devices"], ["nvidia.com/gpu=0", "nvidia.com/gpu=all"])
        self.assertEqual(self.spec.stat().st_mode & 0o777, 0o644)
        self.assertEqual(self.findings(), {})

    def test_another_driver_and_a_rollback_take_it_along(self) -> None:
        self.run_well("install", FIRST)
        self.run_well("install", "--now", SECOND)
        self.assert_is_of(SECOND)
        self.run_well("rollback", "--now")
        self.assert_is_of(FIRST)

    def test_an_activation_that_changes_nothing_leaves_the_file_alone(self) -> None:
        self.run_well("install", FIRST)
        before = self.spec.stat()
        self.assertEqual(self.run_well("activate").result, "nothing-to-do")
        self.assertEqual(self.run_well("activate", "--repair").result, "nothing-to-do")
        self.assertEqual((self.spec.stat().st_ino, self.spec.stat().st_mtime_ns), (before.st_ino, before.st_mtime_ns))

    def test_it_is_made_anew_at_the_next_boot(self) -> None:
        self.run_well("install", FIRST)
        proof.detach_overlays(self.node)
        proof.forget_runtime(self.node)
        self.assertFalse(self.spec.exists())
        self.run_well("activate", "--boot")
        self.assert_is_of(FIRST)

    def test_a_repair_puts_right_what_is_gone_edited_or_of_a_generation_that_is_gone(self) -> None:
        self.run_well("install", FIRST)
        right = self.spec.read_text()
        for wrong in (None, right.replace(FIRST, "1.2.3"), right + "# more\n", right.splitlines()[0] + "\n"):
            self.spec.unlink() if wrong is None else self.spec.write_text(wrong)
            if wrong is None:
                self.assertEqual((self.cdi()["state"], self.findings().keys()), ("none", {"cdi-missing"}))
            elif wrong != right + "# more\n":
                self.assertEqual((self.cdi()["state"], self.findings().keys()), ("stale", {"cdi-stale"}), wrong)
            self.assertEqual(self.run_well("activate", "--repair").result, "repaired")
            self.assertEqual(self.spec.read_text(), right)

    def test_what_an_activation_fails_with_brings_the_old_one_back(self) -> None:
        self.run_well("install", FIRST)
        before = self.spec.read_text()
        self.configure('cdi = "require"')
        (self.node / "usr/bin/nvidia-cdi-hook").unlink()  # no specification without it
        ended = proof.run(self.node, "install", "--now", SECOND)
        self.assertNotEqual(ended.rc, 0, ended)
        self.assertIn("containers get no GPU by CDI: no hook helper is on this host", ended.stderr)
        self.assertEqual(self.spec.read_text(), before)
        self.assertIn(FIRST, (self.node / "proc/driver/nvidia/version").read_text())

    def test_out_of_force_there_is_none_and_uninstall_leaves_nothing(self) -> None:
        self.run_well("install", FIRST)
        self.run_well("deactivate", "--boot")  # at shutdown only the host's libraries are detached
        self.run_well("activate")
        self.run_well("deactivate")
        self.assertFalse(self.spec.exists())
        self.run_well("activate")
        self.assertTrue(self.spec.exists())
        self.run_well("uninstall")
        self.assertFalse(self.spec.parent.exists(), "the folder was ours too")

    # --- what cannot be made

    def test_a_driver_that_containers_cannot_use_is_in_force_all_the_same(self) -> None:
        self.run_well("install", FIRST)
        (self.node / "usr/bin/nvidia-cdi-hook").unlink()
        ended = self.run_well("activate")
        self.assertIn("containers get no GPU by CDI: no hook helper is on this host", ended.stderr)
        self.assertFalse(self.spec.exists(), "its hooks could not run")
        self.assertIn("no hook helper", self.findings()["cdi-missing"])
        own = self.node / "opt/overdrive/9.9.9/bin/overdrive-cdi-hook"
        own.parent.mkdir(parents=True)
        own.write_text("")
        (self.node / "opt/overdrive/current").unlink(missing_ok=True)
        (self.node / "opt/overdrive/current").symlink_to("9.9.9")
        self.run_well("activate")
        self.assertIn("path: /opt/overdrive/current/bin/overdrive-cdi-hook\n", self.spec.read_text())

    def test_without_a_gpu_nothing_is_told_and_nothing_fails(self) -> None:
        self.run_well("install", FIRST)
        shutil.rmtree(self.node / "sys/bus/pci/devices")
        ended = self.run_well("activate", "--boot")
        self.assertEqual(json.loads(ended.stdout)["state"], "no-device")
        self.assertFalse(self.spec.exists())
        self.assertNotIn("containers", ended.stderr)

    def mig(self, *instances: tuple[int, int, int]) -> None:
        """Makes these the instances of the GPU: number, and those of its two capability nodes."""
        proc = self.node / "proc/driver/nvidia/capabilities/gpu0/mig"
        shutil.rmtree(proc, ignore_errors=True)
        lines = []
        for number, gpu_node, compute_node in instances:
            for place, minor in ((f"gi{number}/access", gpu_node), (f"gi{number}/ci0/access", compute_node)):
                (proc / place).parent.mkdir(parents=True, exist_ok=True)
                (proc / place).write_text(f"DeviceFileMinor: {minor}\n")
                lines.append(f"gpu0/{place} {minor}\n")
                node = self.node / f"dev/nvidia-caps/nvidia-cap{minor}"
                node.parent.mkdir(exist_ok=True)
                if not node.exists():
                    os.mknod(node, 0o020444, os.makedev(237, minor))
        (self.node / "proc/driver/nvidia-caps").mkdir(exist_ok=True)
        (self.node / "proc/driver/nvidia-caps/mig-minors").write_text("".join(lines))

    def test_changed_mig_instances_are_told_of_and_repaired(self) -> None:
        self.run_well("install", FIRST)
        self.assertEqual(self.cdi()["state"], "current")
        for layout in ([(7, 66, 67)], [(7, 66, 67), (9, 84, 85)], [(9, 84, 85)], []):
            self.mig(*layout)
            self.assertEqual(self.cdi()["state"], "stale", layout)
            self.assertIn("the MIG instances are not those that it was made for", self.findings()["cdi-stale"])
            told = proof.run(self.node, "cdi", "doctor", "--spec-dir", "/run/cdi").stdout
            self.assertIn("the MIG instances are not those that it was made for", told)
            self.run_well("activate", "--repair")
            self.assertEqual((self.cdi()["state"], self.findings()), ("current", {}), layout)
            self.assertEqual(self.spec.read_text().count('- name: "0:'), len(layout))

    # --- configuration

    def test_switched_off_ours_goes_and_in_another_folder_it_moves(self) -> None:
        self.run_well("install", FIRST)
        self.configure('spec-directory = "/etc/cdi"')
        self.run_well("activate")
        self.assertFalse(self.spec.exists())
        self.spec = self.node / "etc/cdi/overdrive-nvidia.yaml"
        self.assert_is_of(FIRST)
        self.configure('spec-directory = "/etc/cdi"', 'cdi = "off"')
        self.run_well("activate")
        self.assertFalse(self.spec.exists())
        self.assertEqual((self.cdi()["state"], self.findings()), ("off", {}))

    def test_what_others_wrote_in_our_place_stays(self) -> None:
        self.spec.parent.mkdir(parents=True)
        self.spec.write_text(RIVAL.format(name="mine"))
        ended = self.run_well("install", FIRST)
        self.assertIn("was not written by overdrive and stays", ended.stderr)
        self.assertEqual(self.spec.read_text(), RIVAL.format(name="mine"))
        self.assertIn("was not written by overdrive", self.findings()["cdi-stale"])
        self.run_well("uninstall")
        self.assertEqual(self.spec.read_text(), RIVAL.format(name="mine"))

    def test_a_pipe_in_our_place_does_not_stop_the_boot(self) -> None:
        self.run_well("install", FIRST)
        self.spec.unlink()
        os.mkfifo(self.spec)
        self.run_well("activate", "--boot")
        self.assertEqual(self.cdi()["state"], "foreign")

    # --- a second generator

    def test_a_file_beside_ours_is_put_aside_and_comes_back(self) -> None:
        rival = self.rival("/run/cdi")
        ended = self.run_well("install", FIRST)
        self.assertIn("gave the same devices and is put aside", ended.stderr)
        self.assertFalse(rival.exists())
        self.assertEqual(self.findings(), {})
        self.run_well("uninstall")
        self.assertEqual(rival.read_text(), RIVAL.format(name="all"))

    def test_one_of_other_devices_stays(self) -> None:
        rival = self.rival("/run/cdi", "gpu0")
        ended = self.run_well("install", FIRST)
        self.assertTrue(rival.exists(), ended)

    def test_by_policy_it_stays_and_is_told_of(self) -> None:
        self.configure('other-generators = "warn"')
        rival = self.rival("/run/cdi")
        self.run_well("install", FIRST)
        self.assertTrue(rival.exists())
        self.assertTrue(self.spec.exists())
        self.assertIn("so that no engine resolves them", self.findings()["cdi-rival"])

    def test_by_policy_the_work_is_left_to_it(self) -> None:
        self.run_well("install", FIRST)
        self.configure('other-generators = "defer"')
        rival = self.rival("/run/cdi")
        self.assertIn("it is left to others", self.run_well("activate").stderr)
        self.assertTrue(rival.exists())
        self.assertFalse(self.spec.exists())
        self.assertEqual(self.findings(), {})
        rival.unlink()
        self.run_well("activate")
        self.assert_is_of(FIRST)

    def test_the_vendors_units_are_masked_and_come_back(self) -> None:
        units = self.refresh_units()
        ended = self.run_well("install", FIRST)
        for unit in units:
            mask = self.node / "etc/systemd/system" / unit.name
            self.assertEqual(os.readlink(mask), "/dev/null")
            self.assertIn(f"'/usr/lib/systemd/system/{unit.name}' (masked by", ended.stderr)
        self.assertEqual(self.findings(), {})
        self.assertNotIn("masked", self.run_well("install", FIRST).stderr, "once")
        self.run_well("uninstall")
        for unit in units:
            self.assertFalse(os.path.lexists(self.node / "etc/systemd/system" / unit.name))
            self.assertTrue(unit.exists())

    def test_a_policy_that_is_changed_gives_back_what_the_one_before_took(self) -> None:
        units, rival = self.refresh_units(), self.rival("/run/cdi")
        self.run_well("install", FIRST)
        self.assertFalse(rival.exists())
        self.configure('other-generators = "warn"')
        ended = self.run_well("install", FIRST)
        self.assertIn(f"{REFRESH}.service and {REFRESH}.path may write CDI specifications again", ended.stderr)
        for unit in units:
            self.assertFalse(os.path.lexists(self.node / "etc/systemd/system" / unit.name))
        self.run_well("activate")
        self.assertEqual(rival.read_text(), RIVAL.format(name="all"))
        self.assertTrue(self.spec.exists())
        self.assertNotIn("again", self.run_well("install", FIRST).stderr, "once")
        self.configure('other-generators = "mask"')
        self.run_well("install", FIRST)
        self.assertFalse(rival.exists())
        self.assertTrue(all(os.path.islink(self.node / "etc/systemd/system" / unit.name) for unit in units))
        self.run_well("uninstall")
        self.assertTrue(rival.exists())
        self.assertFalse(any(os.path.lexists(self.node / "etc/systemd/system" / unit.name) for unit in units))

    def test_by_policy_the_vendors_units_do_the_work(self) -> None:
        self.configure('other-generators = "defer"')
        self.refresh_units()
        self.run_well("install", FIRST)
        self.assertFalse(self.spec.exists())
        self.assertFalse(os.path.lexists(self.node / f"etc/systemd/system/{REFRESH}.service"))


if __name__ == "__main__":
    if os.geteuid() != 0:
        print("SKIPPED: mounting and making device nodes needs root")
        sys.exit(77)
    unittest.main(verbosity=2)
