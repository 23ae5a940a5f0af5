#!/usr/bin/env python3
"""Installing in a node when things go wrong: a killed container, a module that refuses, a registry that is away, no GPU.
One disk over three boots, with the stand-in driver. Run as root: python3 tests/vm/install_test.py
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

sys.dont_write_bytecode = True
TOP = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TOP / "tests/support"))
sys.path.insert(0, str(TOP / "tests/vm"))

import evidence  # noqa: E402
from evidence import Wanted  # noqa: E402
from stand_in_case import StandInNodeCase  # noqa: E402
from vm_node import Node, OsRelease  # noqa: E402

PROGRAM = "/opt/overdrive/current/bin/overdrive"
KUBELET_WAIT = 15
FILLER_MIB = 48
STATE = "/opt/nvidia/.overdrive"
# What a killed container may leave: its staging and lock.
LEFTOVERS = (f"{STATE} ", f"{STATE}/staging", f"{STATE}/generations ", "/opt/nvidia ")


class InstallTest(StandInNodeCase):
    before: list[str]

    @classmethod
    def setUpClass(cls) -> None:
        cls.prepare()
        for release in (cls.older, cls.newer):
            cls.artifacts.push(release, "900.1.0", filler_mib=FILLER_MIB)
        cls.artifacts.push(cls.older, "900.1.2")
        cls.artifacts.push(cls.older, "900.3.0", parameters={"nvidia-modeset": {"fail": "22"}})
        cls.start_node()
        cls.write_config("900.1.0", f"kubelet-wait = {KUBELET_WAIT}")
        cls.image = cls.artifacts.image(cls.older, "900.1.0")
        cls.node.check(f"podman pull -q --tls-verify=false {cls.image}", timeout=900)

    def wanted(self, release: OsRelease) -> Wanted:
        return Wanted("900.1.0", "900.1.0", release.version, release.kernel)

    def container(self, name: str) -> str:
        return f"podman run --rm --name {name} --network=host --privileged -v /:/rootfs {self.image}"

    def overdrive(self, *words: str, rc: int = 0) -> dict[str, object]:
        """Runs the installed program; its answer as JSON."""
        got, output = self.node.run(f"{PROGRAM} --json {' '.join(words)} 2>/tmp/said", timeout=600)
        said = self.node.run("cat /tmp/said").output
        self.assertEqual(got, rc, f"{words}: {output}{said}")
        return dict(json.loads(output))

    def snapshot(self) -> list[str]:
        # Not evidence.snapshot(): on a node that has nothing yet some of what it lists is missing.
        return self.node.run(evidence.SNAPSHOT).output.splitlines()

    def assert_in_force(self, release: OsRelease, *, kubelet: bool) -> None:
        """As in the demo, by evidence from outside the program."""
        lines = [*evidence.all_of(self.node, self.wanted(release), kubelet=kubelet), evidence.status_agrees(self.node, self.wanted(release))]
        self.assertEqual([f"{line.claim}: {line.found}" for line in lines if not line.ok], [])

    def files(self) -> list[str]:
        """What an install may make: names, modes and links, and who is known to the host."""
        return self.node.run(
            "find /opt /etc/systemd /etc/ld.so.conf.d /usr/local /etc/sysusers.d /etc/udev /etc/modprobe.d 2>/dev/null | "
            # Disabling a unit, systemd removes a .wants that is empty then, whoever made it.
            "grep -v -e ^/opt/cni -e '[.]wants$' | sort; cut -d: -f1 /etc/passwd").output.splitlines()

    def test_1_container_killed_while_it_copies(self) -> None:
        before = self.snapshot()
        type(self).before = self.files()
        job = self.node.spawn(self.container("killed"))
        # Stopped in the midst of the copy, so that killing it meets the copy however fast this machine is.
        self.node.check(
            f"for ((;;)); do for file in {STATE}/staging/*/*/*; do [ -e $file ] && break 2; done; done\n"
            "pkill -STOP -f -- /overdrive/bin/overdrive\n"
            f"test -n \"$(ls {STATE}/staging)\"; test ! -e {STATE}/record.json", timeout=300)
        self.node.check("podman kill killed", timeout=120)
        self.assertNotEqual(job.wait().rc, 0)
        left = set(self.snapshot()) ^ set(before)
        self.assertEqual([line for line in left if not line.startswith(LEFTOVERS)], [])
        self.assertTrue(self.node.check(f"ls {STATE}/staging").strip(), "nothing was being copied: this killed too late")
        self.assertEqual(self.node.check("find /opt/nvidia -mindepth 1 -maxdepth 1 ! -name .overdrive"), "")

        self.node.check(self.container("again"), timeout=900)
        self.assertEqual(self.node.check(f"ls {STATE}/staging"), "")
        self.assert_in_force(self.older, kubelet=False)

    def journal(self, *matches: str) -> list[dict[str, str]]:
        """The entries of this boot with these fields."""
        output = self.node.check(f"journalctl --sync; journalctl -b -o json --no-pager {' '.join(matches)}")
        return [json.loads(line) for line in output.splitlines() if line.startswith("{")]

    def assert_change_was_told(self, state: str) -> None:
        """By the hook that was run, and by the last entry in the real journal."""
        told = json.loads(self.node.check("cat /run/hook.json"))
        self.assertEqual(told, json.loads(self.node.check("cat /run/overdrive/status.json")))
        self.assertEqual(told["state"], state)
        entry = self.journal("OVERDRIVE_STATE=" + state, "OVERDRIVE_PREVIOUS_STATE=" + {"ready": "degraded", "degraded": "ready"}[state])[-1]
        self.assertEqual((entry["OVERDRIVE_DRIVER"], entry["OVERDRIVE_OS_KEY"], entry["SYSLOG_IDENTIFIER"]), ("900.1.0", self.older.version, "overdrive"))
        self.assertIn("it is " + state, self.journal("OVERDRIVE_HOOK=50-look")[-1]["MESSAGE"])

    def test_2_deactivate_and_activate(self) -> None:
        hook = "#!/bin/bash\ncat >/run/hook.json\necho it is $OVERDRIVE_STATE"
        self.node.check(f"mkdir -p /etc/overdrive/hooks.d && echo -e '{hook}' >/etc/overdrive/hooks.d/50-look && chmod 755 /etc/overdrive/hooks.d/50-look")
        self.assertEqual(self.overdrive("deactivate")["result"], "deactivated")
        self.assertEqual(self.node.run("grep ^nvidia /proc/modules").output, "")
        self.assertEqual(self.node.run("grep ' /usr/lib64 ' /proc/1/mountinfo").output, "")
        self.assertEqual(self.node.run("ls /dev/nvidiactl 2>/dev/null").output, "")
        self.assertEqual(self.overdrive("status")["state"], "degraded")
        self.assert_change_was_told("degraded")
        waiting = self.node.spawn(f"{PROGRAM} wait --for ready --timeout 120")
        self.assertEqual(self.overdrive("activate")["result"], "changed")
        self.assertEqual(waiting.wait().rc, 0)
        self.assert_change_was_told("ready")
        self.node.check("rm -r /etc/overdrive/hooks.d; systemctl start nvidia.service nvidia-persistenced.service")
        self.assert_in_force(self.older, kubelet=False)

    def test_2a_what_comes_by_itself_is_told_to_containers(self) -> None:
        """A module that is loaded by hand, by our udev rule (the node is booted without udev); nodes of MIG instances, by their path unit."""
        spec = "/run/cdi/overdrive-nvidia.yaml"
        told = self.node.check(f"cat {spec}")
        self.assertIn(f"/opt/nvidia/900.1.0/{self.older.version}/", told)
        self.node.check("systemd-run --quiet --unit=udev-of-test --service-type=notify /usr/lib/systemd/systemd-udevd")
        self.assertEqual(self.node.check("systemctl is-active nvidia-cdi.path").strip(), "active")
        names = ("nvidia", "nvidia-uvm", "nvidia-modeset", "nvidia-drm")
        unload = "rmmod " + " ".join(name.replace("-", "_") for name in reversed(names))
        load = "; ".join(f"insmod /opt/nvidia/current/lib/modules/{self.older.kernel}/{name}.ko" for name in names)
        makes = "mkdir -p /dev/nvidia-caps; mknod /dev/nvidia-caps/nvidia-cap99 c 1 3"
        for event in (f"systemctl stop nvidia-persistenced.service; {unload}; rm {spec}; {load}", f"rm {spec}; {makes}"):
            self.node.check(f"set -e; {event}")
            self.assertEqual(self.node.run(f"for ((i = 0; i < 300; i++)); do [ -e {spec} ] && exit 0; sleep 0.2; done; exit 1").rc, 0, event)
            self.assertEqual(self.node.check(f"cat {spec}"), told, event)
        self.node.check("systemctl stop udev-of-test.service; rm -r /dev/nvidia-caps; systemctl start nvidia-persistenced.service")
        self.assert_in_force(self.older, kubelet=False)

    def want(self, driver: str) -> None:
        self.node.check(f"sed -i 's/^driver = .*/driver = \"{driver}\"/' /etc/overdrive/config.toml")

    def loaded(self) -> str:
        return self.node.check("cat /sys/module/nvidia/version").strip()

    def test_3_another_version_is_swapped_or_waits_for_the_next_boot(self) -> None:
        """Natively, from the registry. F8: while somebody uses the driver nothing is touched, and they are named."""
        self.want("900.1.2")
        user = self.node.spawn("exec sleep 600 </dev/nvidiactl")
        self.node.check("until fuser -s /dev/nvidiactl 2>/dev/null || ls -l /proc/[0-9]*/fd 2>/dev/null | grep -q nvidiactl; do :; done")
        result = self.overdrive("install", rc=4)
        self.assertEqual((result["result"], result["generation"]), ("at-reboot", f"900.1.2/{self.older.version}"))
        self.assertIn("sleep", self.node.check("cat /tmp/said"))
        self.assertEqual(self.loaded(), "900.1.0")
        self.assertTrue(evidence.current(self.node, self.wanted(self.older)).ok, "'current' is what this boot uses")
        status = self.overdrive("status")
        self.assertEqual((status["state"], status["because"]), ("degraded", "reboot-needed"))
        self.assertEqual(self.node.check("systemctl is-active nvidia-persistenced.service").strip(), "active")

        self.node.check("pkill -f 'sleep 600'")
        user.wait()
        self.assertEqual(self.overdrive("install")["state"], "ready")
        self.assertEqual(self.loaded(), "900.1.2")
        self.assertEqual(self.node.check("systemctl is-active nvidia-persistenced.service").strip(), "active")
        self.want("900.1.0")
        self.assertEqual(self.overdrive("rollback")["generation"], f"900.1.0/{self.older.version}")
        self.assert_in_force(self.older, kubelet=False)
        self.assertIs(self.overdrive("verify")["equal"], True)

    def test_4_a_driver_that_does_not_load_gives_way_to_the_last_good_one(self) -> None:
        error = self.overdrive("install", "900.3.0", rc=1)["error"]
        self.assertIsInstance(error, dict)
        self.assertEqual(error["reason"], "module-load")  # type: ignore[index]
        self.assertIn("nvidia-modeset", error["message"])  # type: ignore[index]
        self.assertIn(f"900.1.0/{self.older.version} is in force", error["message"])  # type: ignore[index]
        self.assert_in_force(self.older, kubelet=False)

        self.want("900.3.0")
        self.node.reboot_into(self.older, wait="settled")
        self.assertTrue(self.node.kubelet_evidence(), "the kubelet is up")
        self.assert_driver_was_there_first()
        status = self.overdrive("status")
        self.assertEqual((status["state"], status["because"]), ("degraded", "returned"))
        self.assertIn("900.3.0", str(status["why"]))
        self.assertIn("nvidia-modeset", str(status["why"]))
        self.assertEqual(self.loaded(), "900.1.0")
        self.assertEqual(self.node.check("systemctl is-active nvidia.service kubelet.service").split(), ["active", "active"])
        attempts = [event for event in self.overdrive("history")["events"] if event["outcome"] == "failed"]  # type: ignore[attr-defined]
        self.assertEqual(attempts[-1]["generation"], f"900.3.0/{self.older.version}")
        self.want("900.1.0")
        self.overdrive("activate")
        self.assert_in_force(self.older, kubelet=False)

    def assert_driver_was_there_first(self) -> None:
        kubelet = int(self.node.check("systemctl show -P ExecMainStartTimestampMonotonic kubelet.service"))
        driver = int(self.node.check("systemctl show -P ActiveEnterTimestampMonotonic nvidia.service"))
        self.assertLess(driver, kubelet)

    def test_4a_killed_in_the_middle_of_a_swap_it_is_finished_by_the_next_run(self) -> None:
        """A4: between unloading the old driver and loading the new one."""
        self.want("900.1.2")
        journal = f"{STATE}/journal"
        job = self.node.spawn(f"{PROGRAM} activate")
        self.node.check(f"for ((;;)); do grep -qs load-modules {journal} && break; done; pkill -KILL -f 'overdrive.*activate'", timeout=120)
        self.assertNotEqual(job.wait().rc, 0)
        if self.node.run(f"test -e {journal}").rc == 0:  # else it was through before the kill reached it
            self.assertEqual(self.overdrive("recover")["result"], "recovered")
        self.assertEqual(self.loaded(), "900.1.2")
        self.assertEqual(self.overdrive("status")["state"], "ready")
        self.assertEqual(self.node.check("systemctl is-active nvidia-persistenced.service").strip(), "active")
        self.want("900.1.0")
        self.overdrive("activate")
        self.assert_in_force(self.older, kubelet=False)

    def test_5_registry_away_at_an_os_update(self) -> None:
        self.registry.stop()
        self.node.reboot_into(self.newer, wait="settled")
        seen = self.node.kubelet_evidence()
        self.assertTrue(seen, "the kubelet must start without a driver")
        started = int(self.node.check("systemctl show -P ExecMainStartTimestampMonotonic kubelet.service")) / 1e6
        waiting = int(self.node.check("systemctl show -P ExecMainStartTimestampMonotonic nvidia-wait.service")) / 1e6
        self.assertGreater(started - waiting, KUBELET_WAIT - 1, "it waits for a driver that may come")
        self.assertLess(started - waiting, KUBELET_WAIT + 20, "and no longer than the configuration says")
        status = self.overdrive("status")
        self.assertEqual((status["state"], status["because"]), ("degraded", "no-local-pair"))
        failed = self.overdrive("update", rc=6)["error"]
        self.assertEqual(self.journal("OVERDRIVE_VERB=update", "OVERDRIVE_EXIT_CODE=6")[-1]["OVERDRIVE_REASON"], "unreachable")
        self.assertIsInstance(failed, dict)
        self.assertEqual(failed["reason"], "unreachable")  # type: ignore[index]
        # Only what must go out to the registry fails; the boot is otherwise whole.
        units = self.node.run("systemctl --failed --plain --no-legend | cut -d' ' -f1").output.split()
        self.assertLessEqual(set(units), {"nvidia-update.service", "nvidia-wait.service"})

        self.registry.start()
        updated = self.overdrive("update")
        self.assertEqual(updated["result"], "installed")
        # What was put under guard when the first driver was in force is not read again.
        self.assertGreater(int(str(updated["vouched_bytes"])), FILLER_MIB << 20)
        self.assertLess(int(str(updated["rehashed_bytes"])), 1 << 20)
        self.node.check("systemctl start nvidia.service nvidia-persistenced.service")
        self.assert_in_force(self.newer, kubelet=False)

    def test_5a_a_damaged_block_of_a_guarded_file_is_an_error_and_never_another_content(self) -> None:
        """B8: fs-verity of the node's own kernel, on its own root disk, whose image is changed behind its back."""
        path = "lib/firmware/nvidia/900.1.0/filler.bin"
        first, second = (f"/opt/nvidia/900.1.0/{release.version}/{path}" for release in (self.older, self.newer))
        self.assertEqual(*(self.node.check(f"stat -c %i {file}") for file in (first, second)))
        self.assertIn("not permitted", self.node.run(f"echo >>{first}").output, "not even root writes to a guarded file")
        self.node.check("sync")
        found = subprocess.run(["debugfs", "-R", f"bmap {first} 100", self.node.disk], check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        block = 4096 * int(found.stdout)
        with self.node.disk.open("r+b", buffering=0) as disk:
            right = os.pread(disk.fileno(), 4096, block)
            self.assertEqual(self.node_bytes(first, 100 * 4096, 64), right[:64], "this is the block")
            os.pwrite(disk.fileno(), bytes([right[0] ^ 1]), block)
            self.forget_cached()
            self.assertIn("Input/output error", self.node.run(f"cat {first} >/dev/null").output)
            verified = self.overdrive("verify", rc=8)
            told = {one["generation"]: [(each["path"], each["kind"]) for each in one["differences"]] for one in verified["generations"]}  # type: ignore[attr-defined]
            self.assertEqual([told[f"900.1.0/{release.version}"] for release in (self.older, self.newer)], [[(path, "unreadable")]] * 2)
            os.pwrite(disk.fileno(), right, block)
        self.forget_cached()
        self.assertIs(self.overdrive("verify")["equal"], True)

    def forget_cached(self) -> None:
        self.node.check("echo 3 >/proc/sys/vm/drop_caches")

    def node_bytes(self, path: str, offset: int, count: int) -> bytes:
        return bytes.fromhex(self.node.check(f"dd status=none if={path} bs=1 skip={offset} count={count} | od -An -v -tx1"))

    def test_6_no_gpu(self) -> None:
        self.node.poweroff()
        with tempfile.TemporaryDirectory(prefix="overdrive-disk-") as kept:
            disk = Path(kept) / "root.ext4"
            self.node.save_disk(disk)
            without = Node(self.newer, gpu=False, disk=disk)
        type(self).node.close()
        type(self).node = without
        without.start()
        self.assertTrue(without.kubelet_evidence())
        self.assertEqual(without.run("grep ^nvidia /proc/modules").output, "")
        self.assertEqual(without.run("grep ' /usr/lib64 ' /proc/1/mountinfo").output, "")
        self.assertEqual(self.overdrive("status")["state"], "no-device")
        self.assertEqual(self.overdrive("activate")["result"], "no-device")
        self.assertEqual(self.overdrive("install")["result"], "nothing-to-do")
        self.assertEqual(without.check("systemctl is-active nvidia.service kubelet.service").split(), ["active", "active"])

    def test_7_uninstall_leaves_the_host_as_it_was(self) -> None:
        self.node.check(f"{PROGRAM} uninstall", timeout=300)
        for gone in ("/opt/nvidia", "/opt/overdrive", "/run/overdrive", "/etc/systemd/system/nvidia.service"):
            self.assertNotEqual(self.node.run(f"test -e {gone}").rc, 0, gone)
        self.assertEqual(self.files(), self.before)
        self.assertEqual(self.node.run("systemctl list-unit-files --no-legend 'nvidia*'").output, "")


if __name__ == "__main__":
    unittest.main(failfast=True)  # each goes on where the one before ended
