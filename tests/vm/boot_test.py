#!/usr/bin/env python3
"""Boots that nothing may break: a vendor's units in the way, a registry that says nothing, no DNS, a tag that does not
exist, the clock in 1970, a kernel without a driver. The delay that our units add to each boot is printed.
One disk, the stand-in driver. Run as root: python3 tests/vm/boot_test.py
"""

from __future__ import annotations

import json
import socket
import sys
import threading
import unittest
from pathlib import Path

sys.dont_write_bytecode = True
TOP = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TOP / "tests/support"))
sys.path.insert(0, str(TOP / "tests/vm"))

from stand_in_artifacts import require_bundle  # noqa: E402
from stand_in_case import StandInNodeCase  # noqa: E402
from vm_node import HOST_IN_NODE  # noqa: E402

PROGRAM = "/opt/overdrive/current/bin/overdrive"
KUBELET_WAIT = 8
# What a boot may take for the driver in an emulated machine that shares its processors with others.
MOST_SECONDS = 60.0
UNITS = "/etc/systemd/system"
VENDOR = "/var/lib/extensions/vendor/usr/lib/systemd/system"

# As a vendor ships them: an nvidia.service of its own in /usr, with a drop-in that would break ours if it were merged.
PUT_VENDOR_UNITS = f"""
mkdir -p {VENDOR}/nvidia.service.d {UNITS}/nvidia.service.d /var/lib/extensions/vendor/usr/lib/extension-release.d
echo ID=_any >/var/lib/extensions/vendor/usr/lib/extension-release.d/extension-release.vendor
cat >{VENDOR}/nvidia.service <<'END'
[Unit]
Description=a driver of the vendor's own
[Service]
Type=oneshot
ExecStart=/bin/false
[Install]
WantedBy=multi-user.target
END
printf '[Service]\\nExecStartPre=/bin/false\\n' >{VENDOR}/nvidia.service.d/10-vendor.conf
printf '[Service]\\nExecStartPost=/bin/false\\n' >{UNITS}/nvidia.service.d/20-helper.conf
printf '[Unit]\\nDescription=somebody else persists\\n[Service]\\nExecStart=/bin/false\\n' >{UNITS}/nvidia-persistenced.service
systemctl enable --now systemd-sysext.service
systemctl daemon-reload
systemctl enable nvidia.service
"""
# The clock of a machine without a battery: systemd moves it on to the day of its own build, so it is set back after it.
SET_CLOCK_BACK = f"""
cat >{UNITS}/clock-in-1970.service <<'END'
[Unit]
DefaultDependencies=no
Before=sysinit.target nvidia.service
[Service]
Type=oneshot
ExecStart=/bin/date -s @60
[Install]
WantedBy=sysinit.target
END
systemctl enable clock-in-1970.service
"""


class SilentRegistry:
    """Takes every connection and never says a word: where a firewall swallows what is sent."""

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0), backlog=64)
        self._taken: list[socket.socket] = []
        threading.Thread(target=self._take, daemon=True).start()

    @property
    def in_node(self) -> str:
        return f"{HOST_IN_NODE}:{self._socket.getsockname()[1]}"

    @property
    def connections(self) -> int:
        return len(self._taken)

    def _take(self) -> None:
        try:
            while True:
                self._taken.append(self._socket.accept()[0])
        except OSError:
            return  # closed

    def close(self) -> None:
        self._socket.close()
        for one in self._taken:
            one.close()


class BootTest(StandInNodeCase):
    silent: SilentRegistry
    before: str

    @classmethod
    def setUpClass(cls) -> None:
        cls.prepare()
        cls.silent = SilentRegistry()
        cls.addClassCleanup(cls.silent.close)
        for driver in ("900.1.0", "900.1.2"):
            cls.artifacts.push(cls.older, driver)
        cls.start_node()
        cls.node.put(require_bundle().resolve(), "/opt/bundle")

    def configure(self, driver: str, sources: list[str], more: str = "") -> None:
        self.write_config(driver, f"kubelet-wait = {KUBELET_WAIT}\n{more}", sources=sources,
                          registry="boot-jitter = 0\nstall-timeout = 2\nconnect-timeout = 2\npatience = 4")

    def overdrive(self, *words: str, rc: int = 0, program: str = PROGRAM) -> dict[str, object]:
        """Its answer as JSON."""
        got, output = self.node.run(f"{program} --json {' '.join(words)} 2>/tmp/said", timeout=600)
        self.assertEqual(got, rc, f"{words}: {output}{self.said()}")
        return dict(json.loads(output))

    def said(self) -> str:
        return self.node.run("cat /tmp/said").output

    def unit_files_of_others(self) -> str:
        """What the vendor and the operator wrote, by name and content."""
        return self.node.check(
            f"cd {UNITS}; find . -path '*nvidia*' | sort | while read -r path; do\n"
            '  if [ -L "$path" ]; then echo "$path -> $(readlink -f "$path")"\n'
            '  elif [ -f "$path" ]; then echo "$path $(sha256sum <"$path")"; else echo "$path/"; fi\ndone'
        )

    def property(self, unit: str, name: str) -> str:
        return self.node.check(f"systemctl show -P {name} {unit}").strip()

    def drop_ins(self, unit: str) -> list[str]:
        """Those that have a say in it: systemd lists a link to /dev/null, which masks one, beside them."""
        found = self.property(unit, "DropInPaths").split()
        return [path for path in found if self.node.run(f"readlink {path}").output.strip() != "/dev/null"]

    def seconds_in(self, unit: str) -> float:
        """How long the unit was starting, in this boot."""
        began, ended = (int(self.property(unit, f"{name}TimestampMonotonic")) for name in ("InactiveExit", "ActiveEnter"))
        return (ended - began) / 1e6 if ended else 0.0

    def assert_boot(self, what: str, *, driver: str | None) -> None:
        """The kubelet came up after the driver's unit was through, which took a limited time; both times are printed."""
        self.assertTrue(self.node.kubelet_evidence(), "the kubelet is up")
        kubelet = int(self.property("kubelet.service", "ExecMainStartTimestampMonotonic")) / 1e6
        unit = int(self.property("nvidia.service", "ActiveEnterTimestampMonotonic")) / 1e6
        self.assertLess(unit, kubelet)
        took, waited = self.seconds_in("nvidia.service"), 0.0
        began, ended = (
            int(self.property("nvidia-wait.service", f"ExecMain{name}TimestampMonotonic")) / 1e6 for name in ("Start", "Exit")
        )
        waited = max(0.0, ended - began)
        print(
            f"delay: {what}: nvidia.service {took:.2f} s, nvidia-wait.service {waited:.2f} s; kubelet {kubelet:.1f} s after the kernel",
            file=sys.stderr,
        )
        self.assertLess(took, MOST_SECONDS)
        self.assertLess(waited, KUBELET_WAIT + MOST_SECONDS)
        version = self.node.run("cat /sys/module/nvidia/version").output.strip() if driver else None
        self.assertEqual(version, driver)

    def test_1_units_of_a_vendor_lose_their_say_and_are_named(self) -> None:
        self.configure("900.1.0", [self.registry.in_node], 'foreign-units = "refuse"')
        self.node.check(PUT_VENDOR_UNITS)
        type(self).before = self.unit_files_of_others()
        error = self.overdrive("install", rc=1, program="/opt/bundle/bin/overdrive")["error"]
        for path in (f"{UNITS}/nvidia.service.d/20-helper.conf", "/usr/lib/systemd/system/nvidia.service.d/10-vendor.conf"):
            self.assertIn(path, error["message"])  # type: ignore[index]
        self.assertEqual(self.unit_files_of_others(), self.before)

        self.configure("900.1.0", [self.registry.in_node])
        self.assertEqual(self.overdrive("install", program="/opt/bundle/bin/overdrive")["state"], "ready")
        self.assertIn("'/usr/lib/systemd/system/nvidia.service' (our unit in /etc/systemd/system goes before it)", self.said())
        self.assertEqual(self.property("nvidia.service", "FragmentPath"), f"{UNITS}/nvidia.service")
        self.assertEqual(self.drop_ins("nvidia.service"), [])
        self.assertEqual(self.property("nvidia-persistenced.service", "FragmentPath"), f"{UNITS}/nvidia-persistenced.service")
        self.assertEqual(self.node.check("systemctl is-active nvidia.service nvidia-persistenced.service").split(), ["active"] * 2)
        shown = {unit["path"]: unit["action"] for unit in self.overdrive("status")["foreign_units"]}  # type: ignore[attr-defined]
        self.assertEqual(shown[f"{UNITS}/nvidia.service.d/20-helper.conf"], "aside")
        self.assertEqual(shown["/usr/lib/systemd/system/nvidia.service.d/10-vendor.conf"], "mask")
        # An operator's own drop-in, written for our unit, has its say.
        self.node.check(f"printf '[Service]\\nEnvironment=OF_THE_OPERATOR=1\\n' >{UNITS}/nvidia.service.d/90-mine.conf")
        self.configure("900.1.2", [self.registry.in_node])
        self.assertEqual(self.overdrive("install")["state"], "ready")
        self.assertEqual(self.drop_ins("nvidia.service"), [f"{UNITS}/nvidia.service.d/90-mine.conf"])
        self.node.check(f"rm {UNITS}/nvidia.service.d/90-mine.conf")

    def libraries(self) -> str:
        """Whether the driver's library and a file of the current base are both seen where they should be."""
        return self.node.run("ls /usr/lib64/libcuda.so.1 /usr/lib64/of-an-extension 2>/dev/null").output

    def test_2_a_merge_a_refresh_and_an_unmerge_of_extensions_keep_the_driver_in_force(self) -> None:
        """With the unit that merges them, by itself; by hand, with a word to us, as nothing in systemd notices that."""
        entered = self.property("nvidia.service", "ActiveEnterTimestampMonotonic")
        daemon = self.property("nvidia-persistenced.service", "MainPID")
        both = "/usr/lib64/libcuda.so.1\n/usr/lib64/of-an-extension\n"
        self.node.check("mkdir -p /var/lib/extensions/vendor/usr/lib64; touch /var/lib/extensions/vendor/usr/lib64/of-an-extension")
        self.node.check("systemctl restart systemd-sysext.service")
        self.assertEqual(self.libraries(), both)
        self.assertEqual(self.overdrive("status")["state"], "ready")
        self.node.check("systemctl stop systemd-sysext.service")
        self.assertEqual(self.libraries(), "/usr/lib64/libcuda.so.1\n")
        self.assertEqual(self.overdrive("status")["exposure"], "overlay healthy")
        self.node.check("systemctl start systemd-sysext.service")
        self.assertEqual(self.libraries(), both)

        for command in ("refresh", "unmerge", "merge"):
            self.node.check(f"systemd-sysext {command}")
            seen, told = self.libraries(), str(self.overdrive("status")["exposure"])
            repaired = self.overdrive("activate", "--repair")["result"]
            print(f"sysext by hand: {command}: libraries {seen.split()}, status '{told}', then --repair: {repaired}", file=sys.stderr)
            self.assertEqual(repaired, "nothing-to-do" if told == "overlay healthy" else "repaired")
            self.assertEqual(self.libraries(), both if command != "unmerge" else "/usr/lib64/libcuda.so.1\n")
            self.assertEqual(self.overdrive("status")["state"], "ready")
        took = self.node.check(f"exec 3>&1; TIMEFORMAT=%R; {{ time {PROGRAM} activate --repair >/dev/null 2>&1; }} 2>&3").strip()
        print(f"repair: nothing to do takes {took} s", file=sys.stderr)
        self.assertLess(float(took), 10)

        self.assertEqual(self.property("nvidia.service", "ActiveEnterTimestampMonotonic"), entered, "no restart")
        self.assertEqual(self.property("nvidia-persistenced.service", "MainPID"), daemon, "no daemon restarted")
        self.node.check("rm -r /var/lib/extensions/vendor/usr/lib64")
        self.node.check("systemctl reload systemd-sysext.service || systemctl restart systemd-sysext.service")

    def test_3_a_boot_with_no_registry_no_dns_and_the_clock_in_1970(self) -> None:
        self.configure("900.1.0", [self.silent.in_node, "registry.invalid"])
        self.node.check(SET_CLOCK_BACK + "rm -f /etc/resolv.conf; echo 'nameserver 10.0.2.99' >/etc/resolv.conf")
        self.node.reboot_into(self.older)
        self.assertIn("1970", self.node.check("date"))
        self.assert_boot("wanted driver is local, registry silent, no DNS, 1970", driver="900.1.0")
        self.assertEqual(self.overdrive("status")["state"], "ready")
        self.assertEqual(self.silent.connections, 0, "what is local needs no source")
        self.assertEqual(self.drop_ins("nvidia.service"), [])

    def test_4_a_tag_that_does_not_exist_lets_the_same_branch_stand_in(self) -> None:
        self.configure("900.1.7", [self.registry.in_node, self.silent.in_node])
        self.node.reboot_into(self.older, wait="settled")
        self.assert_boot("wanted driver exists nowhere, the branch's newest is local", driver="900.1.2")
        self.assertEqual(self.overdrive("status")["selected"], f"900.1.2/{self.older.version}")

    def test_5_in_strict_mode_no_consumer_starts_without_a_driver(self) -> None:
        self.configure("900.1.2", [self.registry.in_node], "strict = true")
        self.overdrive("install")
        self.configure("901.0.0", [self.registry.in_node], "strict = true")  # of a branch that is not installed
        self.node.check("systemctl stop nvidia-update.timer nvidia-update.service kubelet.service nvidia.service")
        self.assertNotEqual(self.node.run("systemctl start kubelet.service").rc, 0)
        self.assertEqual(self.property("nvidia.service", "ActiveState"), "failed")
        self.assertEqual(self.property("kubelet.service", "ActiveState"), "inactive")
        self.configure("900.1.2", [self.registry.in_node], "strict = true")
        self.node.check("systemctl start kubelet.service")
        self.assertEqual(self.property("nvidia.service", "ActiveState"), "active")
        self.configure("900.1.2", [self.registry.in_node])
        self.overdrive("install")

    def test_6_a_kernel_without_a_driver_and_a_silent_registry_leave_a_degraded_node(self) -> None:
        self.configure("900.1.0", [self.silent.in_node, "registry.invalid"])
        self.node.reboot_into(self.newer, wait="settled")
        self.assert_boot("no driver for this kernel, registry silent, no DNS, 1970", driver=None)
        status = self.overdrive("status")
        self.assertEqual((status["state"], status["because"]), ("degraded", "no-local-pair"))
        self.assertGreater(self.silent.connections, 0, "it was asked, by a unit that nothing waits for longer than allowed")
        self.assertEqual(self.property("kubelet.service", "ActiveState"), "active")
        # Asked where somebody answers, doctor names what is missing and what there is instead.
        self.configure("900.1.0", [self.registry.in_node])
        cause = self.overdrive("doctor", rc=8)["cause"]
        assert isinstance(cause, dict)
        print(f"doctor: {cause['what']}; {cause['remedy']}", file=sys.stderr)
        self.assertEqual(cause["code"], "no-artifact")
        self.assertIn(f"there is no driver 900.1.0 for {self.newer.version} (kernel {self.newer.kernel})", cause["what"])
        self.assertRegex(cause["what"], f"the nearest .*900.1.0/{self.older.version}")

    def test_8_uninstall_gives_the_vendor_its_units_back(self) -> None:
        self.node.check(f"echo '# edited since' >>{UNITS}/nvidia.service.d/20-helper.conf.overdrive-aside")
        self.overdrive("uninstall")
        self.node.check(f"sed -i '/# edited since/d' {UNITS}/nvidia.service.d/20-helper.conf")
        self.assertEqual(self.unit_files_of_others(), self.before)
        self.assertTrue(self.property("nvidia.service", "FragmentPath").endswith("/lib/systemd/system/nvidia.service"))
        self.assertEqual(self.property("nvidia.service", "UnitFileState"), "enabled")


if __name__ == "__main__":
    unittest.main(failfast=True, verbosity=2)  # each goes on where the one before ended
