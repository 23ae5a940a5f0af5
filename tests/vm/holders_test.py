#!/usr/bin/env python3
"""Who holds the driver, by name, and what is done about it: upgrades of a running node, at once, after a wait, or at the
next boot; and what doctor says all along. One disk over two boots, with the stand-in driver.
Run as root: python3 tests/vm/holders_test.py
"""

from __future__ import annotations

import json
import sys
import unittest
from pathlib import Path

sys.dont_write_bytecode = True
TOP = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TOP / "tests/support"))
sys.path.insert(0, str(TOP / "tests/vm"))

from stand_in_case import StandInNodeCase  # noqa: E402

PROGRAM = "/opt/overdrive/current/bin/overdrive"
SECRET = "hunter2"


class HoldersTest(StandInNodeCase):
    boot: str

    @classmethod
    def setUpClass(cls) -> None:
        cls.prepare()
        for driver in ("900.1.0", "900.1.2"):
            cls.artifacts.push(cls.older, driver)
        cls.artifacts.push(cls.older, "900.3.0", parameters={"nvidia-modeset": {"fail": "22"}})
        cls.artifacts.push(cls.newer, "900.3.0")
        cls.start_node()
        cls.write_config("900.1.0", "kubelet-wait = 5\nbusy-wait = 2", registry="boot-jitter = 0\npatience = 5")
        image = cls.artifacts.image(cls.older, "900.1.0")
        cls.node.check(f"podman run --rm -q --tls-verify=false --network=host --privileged -v /:/rootfs {image}", timeout=900)
        cls.boot = cls.node.check("cat /proc/sys/kernel/random/boot_id")

    def overdrive(self, *words: str, rc: int = 0) -> dict[str, object]:
        """Runs the installed program; its answer as JSON. What it says to people is in /tmp/said."""
        got, output = self.node.run(f"{PROGRAM} --json {' '.join(words)} 2>/tmp/said", timeout=600)
        said = self.node.run("cat /tmp/said").output
        self.assertEqual(got, rc, f"{words}: {output}{said}")
        return dict(json.loads(output))

    def said(self) -> str:
        return self.node.check("cat /tmp/said")

    def cause(self) -> dict[str, str]:
        found = self.overdrive("doctor", rc=8)["cause"]
        assert isinstance(found, dict)
        return found

    def want(self, driver: str, **settings: int) -> None:
        self.node.check(f"sed -i 's/^driver = .*/driver = \"{driver}\"/' /etc/overdrive/config.toml")
        for key, value in settings.items():
            self.node.check(f"sed -i 's/^{key.replace('_', '-')} = .*/{key.replace('_', '-')} = {value}/' /etc/overdrive/config.toml")

    def loaded(self) -> str:
        return self.node.check("cat /sys/module/nvidia/version").strip()

    def persistenced(self) -> str:
        return self.node.check("systemctl show -P MainPID nvidia-persistenced.service").strip()

    def hold_in_container(self, name: str) -> str:
        """A container whose process has the driver's control device open. @return its id"""
        self.node.check(
            "mkdir -p /tmp/box/dev /tmp/box/proc /tmp/box/sys /tmp/box/usr /tmp/box/etc /tmp/box/run; "
            "for dir in bin sbin lib lib64; do ln -sfn usr/$dir /tmp/box/$dir; done")
        started = self.node.check(
            f"podman run -d --name {name} -e TOKEN={SECRET} --network=host --privileged -v /usr:/usr:ro --rootfs /tmp/box "
            f"sh -c 'exec sleep 600 </dev/nvidiactl' {SECRET}", timeout=120).split()[-1]
        self.node.check("until ls -l /proc/[0-9]*/fd 2>/dev/null | grep -q nvidiactl; do sleep 0.1; done", timeout=60)
        return started[:12]

    def test_1_a_healthy_node_and_an_upgrade_while_it_runs(self) -> None:
        answer = self.overdrive("doctor")
        self.assertEqual((answer["healthy"], answer["state"], answer["cause"]), (True, "ready", None), answer["findings"])
        # What maps the libraries of the old driver goes on with them, and is told.
        self.node.spawn("env LD_PRELOAD=/usr/lib64/libcuda.so.1 sleep 500")
        self.node.check("until grep -qs libcuda /proc/$(pgrep -f 'sleep 500')/maps; do sleep 0.1; done", timeout=60)
        before = self.persistenced()
        self.want("900.1.2")
        self.assertEqual(self.overdrive("install", "--now")["state"], "ready")
        self.assertEqual(self.loaded(), "900.1.2")
        self.assertEqual(self.node.check("cat /proc/sys/kernel/random/boot_id"), self.boot, "without a reboot")
        self.assertNotIn(self.persistenced(), ("0", before), "stopped for it and started again")
        cause = self.cause()
        self.assertEqual((cause["code"], cause["subject"]), ("old-libraries", "900.1.0"))
        self.assertIn("sleep", cause["what"])
        self.node.check("pkill -f 'sleep 500'")
        self.overdrive("doctor")

    def test_2_a_process_in_a_container_defers_it_and_is_named(self) -> None:
        container = self.hold_in_container("trainer")
        self.want("900.1.0")
        self.assertEqual(self.overdrive("install", rc=4)["result"], "at-reboot")
        self.assertIn(f"sleep (podman {container})", self.said())
        cause = self.cause()
        self.assertEqual(cause["code"], "driver-in-use")
        self.assertIn(f"sleep (podman {container})", cause["what"])
        self.assertEqual(self.loaded(), "900.1.2")

        # Now or never: nothing is touched, not even the daemon.
        before = self.persistenced()
        error = self.overdrive("activate", "--now", rc=7)["error"]
        assert isinstance(error, dict)
        self.assertEqual(error["reason"], "module-busy")
        self.assertIn(f"sleep (podman {container})", error["message"])
        self.assertIn("waiting up to", self.said())
        self.assertEqual((self.loaded(), self.persistenced()), ("900.1.2", before))

    def test_3_a_bundle_tells_of_the_holder_and_holds_no_secret(self) -> None:
        self.overdrive("doctor", "--bundle", "/tmp/doctor.tar.gz", rc=8)
        self.assertEqual(self.node.check("stat -c %a /tmp/doctor.tar.gz").strip(), "600")
        self.node.check("mkdir -p /tmp/bundle; tar -xzf /tmp/doctor.tar.gz -C /tmp/bundle")
        self.assertIn("podman", self.node.check("cat /tmp/bundle/overdrive-doctor/doctor.json"))
        self.assertIn("nvidia_uvm", self.node.check("cat /tmp/bundle/overdrive-doctor/host/proc/modules"))
        self.assertNotEqual(self.node.check("grep -ci nvidia /tmp/bundle/overdrive-doctor/kernel-log.txt").strip(), "0")
        self.assertEqual(self.node.run(f"grep -rl {SECRET} /tmp/bundle").output, "")

    def test_4_it_waits_for_the_holder_to_end(self) -> None:
        self.want("900.1.0", busy_wait=120)
        before = self.persistenced()
        job = self.node.spawn("until grep -qs 'waiting up to' /tmp/said; do sleep 0.2; done; podman rm -f -t 0 trainer")
        self.assertEqual(self.overdrive("activate", "--when-busy", "wait")["state"], "ready")
        self.assertEqual(job.wait().rc, 0)
        self.assertEqual(self.loaded(), "900.1.0")
        self.assertNotIn(self.persistenced(), ("0", before))
        self.overdrive("doctor")

    def test_5_a_module_that_fails_is_named_with_what_the_kernel_said(self) -> None:
        self.want("900.3.0")
        self.assertEqual(self.overdrive("install", rc=1)["error"]["reason"], "module-load")  # type: ignore[index]
        answer = self.overdrive("doctor", rc=8)
        self.assertEqual(answer["cause"]["code"], "returned")  # type: ignore[index]
        self.assertIn("nvidia-modeset", answer["cause"]["what"])  # type: ignore[index]
        self.assertTrue(any("nvidia" in line for line in answer["kernel_log"]), answer["kernel_log"])  # type: ignore[attr-defined]
        text = self.node.run(f"{PROGRAM} doctor 2>/dev/null").output
        print(f"doctor on a failed module:\n{text}", file=sys.stderr)

    def test_6_without_a_pair_for_the_kernel_it_names_what_is_missing_and_the_nearest(self) -> None:
        self.want("900.1.0")
        self.node.reboot_into(self.newer, wait="settled")
        cause = self.cause()
        self.assertEqual(cause["code"], "no-artifact")
        for word in (self.newer.kernel, f"900.1.0 for {self.newer.version}", f"900.3.0/{self.newer.version}", f"900.1.0/{self.older.version}"):
            self.assertIn(word, cause["what"])
        print(f"doctor without a pair: {cause['what']}\n  {cause['remedy']}", file=sys.stderr)


if __name__ == "__main__":
    unittest.main()
