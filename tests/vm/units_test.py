#!/usr/bin/env python3
"""The unit files and the D-Bus adapter met by the real systemd: order, waits, failures, transient units.

The program in the units is a fake that only writes down how it was called. Run: python3 tests/vm/units_test.py BUILD_DIR
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TOP / "tests/support"))

from vm_case import NodeTestCase  # noqa: E402
from vm_node import Node, build_nodes  # noqa: E402

BUILD = TOP / "build/dev"

# /opt/fake/fits: a local pair fits; /opt/fake/update: exit status of an update, which makes it fit when 0.
FAKE_OVERDRIVE = """#!/bin/bash
read -r now _ </proc/uptime
echo "$now $*" >>/opt/fake/calls
case $1 in
    activate)
        [ -e /opt/fake/fits ] || exit 3
        mkdir -p /run/overdrive
        touch /run/overdrive/ready ;;
    deactivate) sync ;;
    wait)
        for ((i = 0; i < 40; ++i)); do [ ! -e /run/overdrive/ready ] || exit 0; sleep 0.25; done
        exit 8 ;;
    update)
        [ ! -e /opt/fake/fits ] || exit 0
        sleep 2
        status=$(cat /opt/fake/update 2>/dev/null || echo 6)
        [ "$status" = 0 ] || exit "$status"
        touch /opt/fake/fits
        /opt/probe/probe / queue-restart nvidia.service ;;
esac
"""
FAKE_PERSISTENCED = """#!/bin/bash
id nvidia-persistenced >/dev/null || exit 1
[ "$1 $2" = "--user nvidia-persistenced" ] || exit 2
setsid sleep infinity &
echo $! >/run/nvidia-persistenced/nvidia-persistenced.pid
"""
PROBE = '#!/bin/bash\nLD_LIBRARY_PATH=/opt/probe/lib exec /opt/probe/unit_manager_probe "$@"\n'


def bundle_probe(to: Path) -> None:
    program = BUILD / "bin/unit_manager_probe"
    (to / "lib").mkdir(parents=True)
    shutil.copy(program, to)
    libraries = subprocess.run(["ldd", program], check=True, stdout=subprocess.PIPE, text=True).stdout
    for library in re.findall(r"=> (/\S+)", libraries):
        if not re.search(r"/(libc|libm)\.so", library):
            shutil.copy(library, to / "lib")
    (to / "probe").write_text(PROBE)
    (to / "probe").chmod(0o755)


class UnitsTest(NodeTestCase):
    node: Node

    @classmethod
    def setUpClass(cls) -> None:
        older, _ = build_nodes()
        cls.node = Node(older, gpu=False)
        cls.addClassCleanup(cls.tearDownClass)
        cls.node.start()
        with tempfile.TemporaryDirectory(prefix="overdrive-units-test-") as work:
            tree = Path(work)
            bundle_probe(tree / "probe")
            for path, text in (
                ("overdrive/1/bin/overdrive", FAKE_OVERDRIVE),
                ("nvidia/900.1.0/os/bin/nvidia-persistenced", FAKE_PERSISTENCED),
                ("fake/note", ""),
            ):
                (tree / path).parent.mkdir(parents=True)
                (tree / path).write_text(text)
                (tree / path).chmod(0o755)
            cls.node.put(tree, "/opt")
        cls.node.check("ln -sfn 1 /opt/overdrive/current; ln -sfn 900.1.0/os /opt/nvidia/current")

    def probe(self, words: str) -> tuple[int, str]:
        rc, output = self.node.run(f"/opt/probe/probe / {words}")
        return rc, output.strip()

    def calls(self) -> list[tuple[float, str]]:
        lines = self.node.check("cat /opt/fake/calls").splitlines()
        return [(float(line.split(" ", 1)[0]), line.split(" ", 1)[1]) for line in lines]

    def show(self, unit: str, name: str) -> str:
        return self.node.check(f"systemctl show {unit} -p {name} --value").strip()

    def test_1_units_are_written_enabled_once_and_taken_notice_of(self) -> None:
        self.assertEqual(self.probe("write-units"), (0, ""))
        self.assertEqual(self.probe("enable"), (0, "true"))
        self.assertEqual(self.probe("enable"), (0, "false"))
        self.assertEqual(self.probe("reload"), (0, ""))
        self.assertEqual(self.show("nvidia.service", "LoadState"), "loaded")
        self.assertEqual(self.show("nvidia-update.timer", "UnitFileState"), "enabled")
        self.assertEqual(self.show("kubelet.service", "NeedDaemonReload"), "no")
        warnings = self.node.check("journalctl -b -p warning --no-pager | grep -E 'nvidia|overdrive' || true")
        self.assertEqual(warnings, "")

    def test_2_a_failed_start_is_told_with_its_exit_status(self) -> None:
        rc, output = self.probe("start nvidia.service")
        self.assertEqual(rc, 1)
        self.assertRegex(output, r"nvidia\.service.*'failed'.*'exit-code', exit status 3")
        self.assertEqual(self.probe("state nvidia.service"), (0, "failed"))
        self.assertEqual(self.probe("state nothing.service"), (0, "unknown"))
        self.assertEqual(self.probe("stop nothing.service"), (0, ""))
        rc, output = self.probe("start nothing.service")
        self.assertEqual(rc, 1)
        self.assertIn("not found", output)

    def test_3_the_persistence_daemon_needs_a_device_and_gets_its_user(self) -> None:
        self.node.check("touch /opt/fake/fits")
        self.assertEqual(self.probe("start nvidia.service"), (0, ""))
        self.assertEqual(self.probe("state nvidia.service"), (0, "active"))
        self.assertEqual(self.probe("state nvidia-persistenced.service"), (0, "inactive"))
        self.assertEqual(self.show("nvidia-persistenced.service", "ConditionResult"), "no")
        self.node.check("touch /run/overdrive/device-present")
        self.assertEqual(self.probe("stop nvidia.service"), (0, ""))
        self.assertEqual(self.probe("start nvidia.service"), (0, ""))
        self.node.wait_for("systemctl is-active -q nvidia-persistenced.service", 30)
        self.node.check("id nvidia-persistenced")
        self.assertEqual(self.probe("stop nvidia.service"), (0, ""))
        self.assertEqual(self.probe("state nvidia-persistenced.service"), (0, "inactive"))

    def test_4_transient_units_tell_their_end_and_leave_nothing(self) -> None:
        self.assertEqual(self.probe("run probe-1.service /bin/true"), (0, "0 success"))
        self.assertEqual(self.probe("run probe-2.service /bin/sh -c 'exit 3'"), (0, "3 exit-code"))
        self.assertEqual(self.probe("run probe-3.service /bin/sh -c 'kill -9 $$'"), (0, "137 signal"))
        same = """[ "$1" = "\\$HOME" ] && [ "$2" = "a %n b" ]"""
        self.assertEqual(self.probe(f"run probe-7.service /bin/sh -c '{same}' sh '$HOME' 'a %n b'"), (0, "0 success"))
        reloading = "run probe-4.service /bin/sh -c 'systemctl daemon-reload; sleep 1; exit 4'"
        self.assertEqual(self.probe(reloading), (0, "4 exit-code"))
        rc, output = self.probe("run probe-5.service /nowhere/program")
        self.assertEqual(rc, 1)
        self.assertIn("could not execute '/nowhere/program'", output)
        self.node.wait_for("[ -z \"$(systemctl list-units --all --plain --no-legend 'probe-*')\" ]", 30)

    def test_5_a_transient_unit_outlives_who_started_it(self) -> None:
        state = "$(systemctl show probe-6.service -p ActiveState --value)"
        self.node.check(
            "/opt/probe/probe / run probe-6.service /bin/sh -c 'sleep 30; touch /opt/fake/outlived' & started=$!\n"
            f'until [ "{state}" = activating ]; do sleep 0.1; done\n'
            "kill -KILL $started; [ ! -e /opt/fake/outlived ]"
        )
        self.node.wait_for("[ -e /opt/fake/outlived ]", 90)
        self.node.wait_for("[ -z \"$(systemctl list-units --all --plain --no-legend 'probe-*')\" ]", 30)

    def test_6_the_kubelet_waits_for_a_driver_that_is_being_fetched(self) -> None:
        self.node.check("rm -f /opt/fake/fits /opt/fake/calls; echo 0 >/opt/fake/update")
        self.node.reboot_into(self.node.release)  # must be "running": no unit is left failed
        evidence = self.node.kubelet_evidence()
        self.assertEqual(evidence["nvidia_service"], ["active"])
        verbs = [words for _, words in self.calls()]
        self.assertEqual(verbs.pop(verbs.index("wait --for driver --timeout 120")), "wait --for driver --timeout 120")
        boot, update, again = (verbs.index("activate --boot"), verbs.index("update --unit"), len(verbs) - 1)
        self.assertLess(boot, update)
        self.assertEqual(verbs[again], "activate --boot")
        self.assertLess(self.calls()[-1][0], float(evidence["monotonic"][0]))

    def test_7_a_local_driver_needs_no_wait_and_the_overlay_goes_at_shutdown(self) -> None:
        self.node.check("rm -f /opt/fake/calls")
        self.node.reboot_into(self.node.release)
        verbs = [words for _, words in self.calls()]
        self.assertEqual(verbs[:2], ["deactivate --boot", "activate --boot"])
        self.assertEqual(self.node.kubelet_evidence()["nvidia_service"], ["active"])

    def test_8_without_source_or_driver_the_kubelet_still_starts(self) -> None:
        self.node.check("rm -f /opt/fake/fits /opt/fake/calls; echo 6 >/opt/fake/update")
        self.node.reboot_into(self.node.release, wait="settled")
        evidence = self.node.kubelet_evidence()
        self.assertEqual(evidence["nvidia_service"], ["failed"])
        self.assertEqual(self.show("multi-user.target", "ActiveState"), "active")
        self.assertEqual(self.show("nvidia-update.service", "SubState"), "auto-restart")
        # It is tried again, and helps then.
        self.node.check("echo 0 >/opt/fake/update")
        self.node.wait_for("systemctl is-active -q nvidia.service", 300)


if __name__ == "__main__":
    if len(sys.argv) > 1 and not sys.argv[1].startswith("-"):
        BUILD = Path(sys.argv.pop(1)).resolve()
    unittest.main(verbosity=2)
