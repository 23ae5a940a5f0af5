#!/usr/bin/env python3
"""The driver of the next OS release is there before the reboot, and the reboot waits for it.

One disk, tests in order. Real: the kernel, systemd, D-Bus, logind, dpkg with a kernel package of Debian's archive, the
traffic that is captured. A stand-in: update_engine, a service that speaks its D-Bus interface (fake_update_engine).
Run: python3 tests/vm/stage_test.py
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import unittest
from dataclasses import replace
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(TOP / "tests/support"), str(TOP / "tests/vm")]

import evidence  # noqa: E402
import pcap  # noqa: E402
from evidence import Wanted  # noqa: E402
from stand_in_artifacts import require_bundle  # noqa: E402
from stand_in_case import StandInNodeCase  # noqa: E402
from vm_node import OsRelease  # noqa: E402

PROGRAM = "/opt/overdrive/current/bin/overdrive"
FAKES = Path(os.environ.get("OVERDRIVE_BIN", TOP / "build/dev/bin"))
DRIVER = "900.1.0"
# The node as a Debian wishes another: for the next kernel it has none, where DRIVER would fit what is left of the OS update.
DEBIAN_DRIVER = "900.1.2"
POLICY = """<busconfig><policy user="root"><allow own="com.coreos.update1"/></policy>
<policy context="default"><allow send_destination="com.coreos.update1"/></policy></busconfig>"""
# The node's /usr masks logind; Debian's unit, without what needs a login.
LOGIND = """[Unit]
After=dbus.socket
[Service]
Type=notify
BusName=org.freedesktop.login1
ExecStart=/usr/lib/systemd/systemd-logind
RuntimeDirectory=systemd/sessions systemd/seats systemd/users systemd/inhibit systemd/shutdown
RuntimeDirectoryPreserve=yes
"""
# Debian's kernel package over a read-only /usr: its modules lie over the real ones for everybody, the rest for dpkg alone.
INSTALL_KERNEL = """mkdir -p /var/over/{mu,mw,u,w} /var/modules
mount -t overlay overlay -o lowerdir=/usr/lib/modules,upperdir=/var/over/mu,workdir=/var/over/mw /usr/lib/modules
mount --bind /usr/lib/modules /var/modules
unshare -m bash -euc '
mount -t overlay overlay -o lowerdir=/usr,upperdir=/var/over/u,workdir=/var/over/w /usr
mount --bind /var/modules /usr/lib/modules
DEBIAN_FRONTEND=noninteractive dpkg --force-depends --force-unsafe-io --path-exclude="/usr/share/doc/*" -i /root/kernel/*.deb'
"""


def bundle_fake(to: Path) -> None:
    """The fake update_engine with its libraries."""
    program = FAKES / "fake_update_engine"
    (to / "lib").mkdir(parents=True)
    shutil.copy(program, to)
    libraries = subprocess.run(["ldd", program], check=True, stdout=subprocess.PIPE, text=True).stdout
    for library in re.findall(r"=> (/\S+)", libraries):
        if not re.search(r"/(libc|libm)\.so", library):
            shutil.copy(library, to / "lib")


class StageTest(StandInNodeCase):
    debian: OsRelease

    @classmethod
    def setUpClass(cls) -> None:
        cls.prepare()
        cls.debian = replace(cls.newer, version=f"12-{cls.newer.kernel}")
        for release in (cls.older, cls.newer):
            cls.artifacts.push(release, DRIVER)
        for release in (replace(cls.older, version=f"12-{cls.older.kernel}"), cls.debian):
            cls.artifacts.push(release, DEBIAN_DRIVER, os_id="debian")
        bundle_fake(cls.work / "fake")
        cls.start_node(qemu_arguments=pcap.capture_to(cls.work / "traffic.pcap"))
        cls.node.put(require_bundle(), "/root/bundle")
        cls.node.put(cls.work / "fake", "/root/fake")
        cls.write_config(DRIVER, registry="boot-jitter = 0\npatience = 10")
        cls.node.check(
            f"mkdir -p /etc/dbus-1/system.d; cat >/etc/dbus-1/system.d/update1.conf <<'END'\n{POLICY}\nEND\n"
            f"cat >/etc/systemd/system/systemd-logind.service <<'END'\n{LOGIND}END\n"
            "systemctl daemon-reload; systemctl reload dbus.service; systemctl start systemd-logind.service")
        cls.node.check("/root/bundle/bin/overdrive install", timeout=300)

    def gate(self) -> dict[str, object]:
        rc, output = self.node.run(f"{PROGRAM} --json gate 2>/dev/null")
        answer = dict(json.loads(output))
        self.assertEqual(rc, 0 if answer["safe"] else 8)
        return answer

    def locks(self) -> str:
        return self.node.check("systemd-inhibit --list --no-pager --no-legend | grep overdrive || true")

    def assert_in_force(self, release: OsRelease) -> None:
        wanted = Wanted(DRIVER, DRIVER, release.version, release.kernel)
        lines = [*evidence.all_of(self.node, wanted, kubelet=True), evidence.status_agrees(self.node, wanted)]
        self.assertEqual([f"{line.claim}: {line.found}" for line in lines if not line.ok], [])

    def test_1_a_pending_update_without_its_driver_holds_the_reboot(self) -> None:
        self.assertEqual(self.gate()["reason"], "no-pending-os")
        self.assertEqual(self.node.check("systemctl is-active nvidia-stage-watch.service nvidia-stage.timer").split(), ["active", "active"])
        self.registry.stop()
        self.node.check(
            "mkfifo /run/update-engine; systemd-run -q --unit=update-engine bash -c "
            "'sleep infinity >/run/update-engine & LD_LIBRARY_PATH=/root/fake/lib exec /root/fake/fake_update_engine </run/update-engine'\n"
            "until busctl status com.coreos.update1 >/dev/null 2>&1; do sleep 0.2; done\n"
            f"echo UPDATE_STATUS_UPDATED_NEED_REBOOT {self.newer.version} >/run/update-engine")
        self.node.wait_for("systemd-inhibit --list --no-legend | grep -q overdrive", 60)
        self.assertIn(f"{DRIVER}/{self.newer.version}", self.locks())
        answer = self.gate()
        self.assertEqual((answer["reason"], answer["generation"]), ("missing", f"{DRIVER}/{self.newer.version}"))
        self.assertEqual(answer["nearest"], [f"{DRIVER}/{self.older.version}"])
        rc, output = self.node.run("systemctl reboot --check-inhibitors=yes")
        self.assertNotEqual(rc, 0, "logind refuses")
        self.assertIn("overdrive", output)

        self.node.check(f"{PROGRAM} gate --allow --for 1h")
        self.assertEqual(self.gate()["reason"], "allowed")
        self.node.wait_for("! systemd-inhibit --list --no-legend | grep -q overdrive", 30)
        self.node.check(f"{PROGRAM} gate --revoke; systemctl start nvidia-gate.service")
        self.node.wait_for("systemd-inhibit --list --no-legend | grep -q overdrive", 30)

    def test_2_the_driver_is_staged_and_the_reboot_let_go(self) -> None:
        self.node.wait_for(f"{PROGRAM} --json gate 2>/dev/null | grep -q 'the last staging failed'", 60)
        self.registry.start()
        self.node.check("systemctl restart nvidia-stage.service", timeout=120)
        self.assertEqual(self.gate()["reason"], "installed")
        self.node.wait_for("! systemctl is-active -q nvidia-gate.service", 30)
        self.assertEqual(self.locks(), "")
        self.assertEqual(self.node.check("readlink /opt/nvidia/current").strip(), f"{DRIVER}/{self.older.version}", "what runs stays")
        history = json.loads(self.node.check(f"{PROGRAM} --json history"))["events"]
        self.assertEqual((history[-1]["outcome"], history[-1]["generation"]), ("staged", f"{DRIVER}/{self.newer.version}"))
        plan = json.loads(self.node.check(f"{PROGRAM} --json prune --keep 1 --dry-run"))["generations"]
        self.assertEqual({one["action"] for one in plan}, {"keep"})

    def test_3_the_boot_after_the_update_speaks_to_nobody(self) -> None:
        """The registry is there and would answer; nobody asks."""
        self.node.reboot_into(self.newer)
        self.assert_in_force(self.newer)
        self.node.check("systemctl is-active nvidia-update.service >/dev/null || systemctl show -P Result nvidia-update.service | grep -q success")
        self.assertEqual([contact for contact in pcap.contacts(self.work / "traffic.pcap") if contact.protocol in ("tcp", "udp")], [])
        # The capture sees what is asked for.
        self.node.run(f"curl -s -m 5 http://{self.registry.in_node}/v2/")
        port = int(self.registry.in_node.rsplit(":", 1)[1])
        self.assertIn(pcap.Contact("tcp", self.registry.in_node.rsplit(":", 1)[0], port), pcap.contacts(self.work / "traffic.pcap"))

    def test_4_a_rollback_of_the_os_brings_its_driver_back(self) -> None:
        self.registry.stop()
        self.node.reboot_into(self.older)
        self.assert_in_force(self.older)
        self.assertEqual([contact for contact in pcap.contacts(self.work / "traffic.pcap") if contact.protocol == "tcp"], [])
        self.registry.start()

    def test_5_a_kernel_package_of_debian_is_noticed_and_its_driver_staged(self) -> None:
        packages = self.work / "packages"
        subprocess.run(["bash", "-euc", '. "$1"; archive_fetch "$2" linux-base "$(archive_kernel_image "$3")"', "fetch",
                        str(TOP / "ci/lib/debian-archive.sh"), str(packages), self.newer.kernel], check=True)
        self.node.put(packages, "/root/kernel")
        self.node.check(f"sed -i 's/{DRIVER}/{DEBIAN_DRIVER}/' /etc/overdrive/config.toml\n"
                        "mount -t tmpfs tmpfs /usr/local/bin\n"  # a Debian's programs are linked there
                        "rm /etc/os-release; printf 'ID=debian\\nVERSION_ID=12\\nPRETTY_NAME=Debian\\n' >/etc/os-release\n"
                        f"{PROGRAM} install", timeout=300)
        self.assertEqual(self.node.check("systemctl is-active nvidia-stage.path").strip(), "active")
        self.assertEqual(self.gate()["reason"], "no-pending-os")
        self.node.check(INSTALL_KERNEL, timeout=300)
        self.assertIn(self.newer.kernel, self.node.check("readlink /vmlinuz"), "the package's own script made the link")
        self.node.wait_for(f"test -e /opt/nvidia/.overdrive/generations/{DEBIAN_DRIVER}@{self.debian.version}.json", 120)
        answer = self.gate()
        self.assertEqual((answer["reason"], answer["generation"]), ("installed", f"{DEBIAN_DRIVER}/{self.debian.version}"))
        pending = answer["pending_os"]
        assert isinstance(pending, dict)
        self.assertEqual((pending["source"], pending["kernel_release"]), ("boot", self.newer.kernel))


if __name__ == "__main__":
    unittest.main(failfast=True)  # each goes on where the one before ended
