#!/usr/bin/env python3
"""Smoke test of the test node itself: what every scenario relies on. Run: python3 tests/vm/node_test.py"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import unittest
import urllib.request
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TOP / "tests/support"))

from vm_case import NodeTestCase  # noqa: E402
from vm_node import Node, NodeError, OsRelease, build_nodes  # noqa: E402
from vm_registry import Registry, bytes_of, downloads, parse_line  # noqa: E402

STAND_IN = TOP / "builder-images/stand-in/build"
STAND_IN_VERSION = "900.1.0"
MODULES = ("nvidia", "nvidia-uvm", "nvidia-modeset", "nvidia-drm")
BLOB_BYTES = 300_000


def build_stand_in_modules(release: OsRelease, work: Path) -> Path:
    command = [STAND_IN, "--version", STAND_IN_VERSION, "--kernel", release.kernel, "--out", work]
    subprocess.run(command, check=True, stdout=sys.stderr)
    return work / "modules/lib/modules" / release.kernel


def push_blob(registry: Registry, content: bytes) -> str:
    """Uploads one blob in a single request (OCI distribution: POST, then PUT with the digest)."""
    import hashlib

    digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
    start = urllib.request.Request(f"http://{registry.on_host}/v2/test/blobs/uploads/", method="POST", data=b"")
    with urllib.request.urlopen(start) as answer:
        location = answer.headers["Location"]
    finish = urllib.request.Request(f"{location}&digest={digest}", method="PUT", data=content)
    finish.add_header("Content-Type", "application/octet-stream")
    with urllib.request.urlopen(finish) as answer:
        assert answer.status == 201
    return digest


class NodeTest(NodeTestCase):
    node: Node
    older: OsRelease
    newer: OsRelease
    work: tempfile.TemporaryDirectory[str]

    @classmethod
    def setUpClass(cls) -> None:
        cls.older, cls.newer = build_nodes()
        cls.work = tempfile.TemporaryDirectory(prefix="overdrive-node-test-")
        cls.addClassCleanup(cls.work.cleanup)
        cls.node = Node(cls.older, power_cut=True)
        cls.addClassCleanup(cls.tearDownClass)
        cls.node.start()

    def test_01_is_the_older_os_release_with_a_read_only_usr(self) -> None:
        self.assertEqual(self.node.check("uname -r").strip(), self.older.kernel)
        os_release = self.node.check("cat /etc/os-release").splitlines()
        self.assertIn("ID=coreos", os_release)
        self.assertIn(f"VERSION_ID={self.older.version}", os_release)
        rc, output = self.node.run("touch /usr/lib/here")
        self.assertNotEqual(rc, 0)
        self.assertIn("Read-only file system", output)
        self.node.check("touch /opt/here /etc/here /var/here && rm /opt/here /etc/here /var/here")

    def test_02_systemd_runs_with_its_bus(self) -> None:
        self.assertEqual(self.node.check("systemctl is-system-running").strip(), "running")
        self.node.check("busctl call org.freedesktop.systemd1 /org/freedesktop/systemd1 org.freedesktop.DBus.Peer Ping")

    def test_03_has_the_fake_gpu(self) -> None:
        functions = self.node.check("cd /sys/bus/pci/devices; for f in *; do echo $(<$f/vendor) $(<$f/class); done")
        self.assertIn("0x10de 0x030200", functions.splitlines())

    def test_04_kubelet_stand_in_left_evidence(self) -> None:
        evidence = self.node.kubelet_evidence()
        self.assertEqual(evidence["kernel"], [self.older.kernel])
        self.assertEqual(evidence["nvidia_service"], ["inactive"])
        self.assertNotIn("module", evidence)
        self.assertGreater(float(evidence["monotonic"][0]), 0)

    def test_05_a_command_has_a_time_limit_and_its_own_status(self) -> None:
        self.assertEqual(self.node.run("echo out; echo err >&2; exit 7"), (7, "out\nerr\n"))
        self.assertEqual(self.node.run("echo begun; sleep 60", timeout=2), (124, "begun\n"))
        with self.assertRaises(NodeError):
            self.node.check("false")

    def test_06_long_output_arrives_whole(self) -> None:
        output = self.node.check("seq 1 500000")
        self.assertEqual(output.splitlines(), [str(n) for n in range(1, 500001)])

    def test_07_commands_run_beside_a_long_one(self) -> None:
        job = self.node.spawn("touch /run/begun; while [ -e /run/begun ]; do sleep 0.2; done; echo ended")
        self.node.wait_for("test -e /run/begun")
        self.assertFalse(job.done())
        self.node.check("rm /run/begun")
        self.assertEqual(job.wait(60), (0, "ended\n"))

    def test_08_directories_and_files_can_be_put(self) -> None:
        source = Path(self.work.name) / "tree"
        (source / "inner").mkdir(parents=True)
        (source / "inner/program").write_text("#!/bin/sh\necho from the host\n")
        (source / "inner/program").chmod(0o755)
        (source / "link").symlink_to("inner/program")
        self.node.put(source, "/opt/kept")
        self.node.put(source / "inner/program", "/opt/kept/single file")
        self.assertEqual(self.node.check("/opt/kept/link; '/opt/kept/single file'"), "from the host\n" * 2)
        self.assertEqual(self.node.check("stat -c %U:%a /opt/kept/inner/program").strip(), "root:755")

    def test_09_stand_in_modules_load(self) -> None:
        if not STAND_IN.exists():
            self.skipTest(f"{STAND_IN} does not exist")
        self.node.put(build_stand_in_modules(self.older, Path(self.work.name) / "stand-in"), "/run/modules")
        for module in MODULES:
            self.node.check(f"insmod /run/modules/{module}.ko")
        self.assertIn(STAND_IN_VERSION, self.node.check("cat /proc/driver/nvidia/version"))
        self.node.check(f"rmmod {' '.join(reversed(MODULES))}")

    def test_10_downloads_are_counted_at_the_registry(self) -> None:
        with Registry() as registry:
            digest = push_blob(registry, bytes(BLOB_BYTES))
            mark = registry.mark()
            self.node.check(f"curl -sSf http://{registry.in_node}/v2/test/blobs/{digest} | wc -c")
            self.node.run(f"curl -sS -I http://{registry.in_node}/v2/test/blobs/{digest}")
            requests = registry.requests(since=mark)
            self.assertEqual([(one.method, one.status) for one in requests], [("GET", 200), ("HEAD", 200)])
            self.assertEqual(bytes_of(requests), BLOB_BYTES)
            self.assertEqual(len(downloads(requests)), 1)
            registry.stop()
            rc, _ = self.node.run(f"curl -sS http://{registry.in_node}/v2/")
            self.assertEqual(rc, 7, "curl's status for a refused connection")

    def test_11_podman_runs_privileged_with_the_root_and_the_bus(self) -> None:
        self.node.check(
            "mkdir -p /run/image/bin; cp /usr/bin/busybox /run/image/bin/; ln -s busybox /run/image/bin/sh\n"
            "tar -C /run/image -c . | podman import - localhost/busybox; rm -r /run/image"
        )
        output = self.node.check(
            "podman run --rm --privileged -v /:/rootfs localhost/busybox /bin/sh -c '"
            "/bin/busybox test -S /rootfs/run/dbus/system_bus_socket || exit 3; /bin/busybox cat /rootfs/etc/hostname; "
            "/bin/busybox chroot /rootfs busctl status org.freedesktop.systemd1; echo $$'",
            timeout=300,
        )
        lines = output.splitlines()
        self.assertEqual(lines[0], "node")
        self.assertIn("PID=1", lines)
        self.assertEqual(lines[-1], "1", "the container has its own process numbers")

    def test_12_a_container_can_be_killed_in_the_middle(self) -> None:
        job = self.node.spawn("podman run --name victim --privileged -v /:/rootfs localhost/busybox /bin/busybox sleep 500")
        self.node.wait_for("podman ps --format '{{.Names}}' | grep -q victim")
        self.node.check("podman kill victim; podman rm -f victim")
        self.assertEqual(job.wait(120).rc, 137)

    def test_13_an_os_update_keeps_the_root_disk(self) -> None:
        self.node.reboot_into(self.newer)
        self.assertEqual(self.node.check("uname -r").strip(), self.newer.kernel)
        self.assertIn(f"VERSION_ID={self.newer.version}", self.node.check("cat /etc/os-release").splitlines())
        self.assertEqual(self.node.check("/opt/kept/link"), "from the host\n")
        self.assertEqual(self.node.kubelet_evidence()["kernel"], [self.newer.kernel])
        self.node.check("podman image exists localhost/busybox")

    def test_14_a_power_cut_loses_only_what_was_not_flushed(self) -> None:
        self.node.check("echo safe >/opt/safe; sync; head -c 20000000 /dev/zero >/opt/unsafe")
        self.node.power_cut()
        self.node.start()
        self.assertEqual(self.node.check("cat /opt/safe"), "safe\n")
        self.assertIn("recovery complete", self.node.check("journalctl -b -k --no-pager"))
        self.assertNotEqual(self.node.check("stat -c %s /opt/unsafe || echo none").strip(), "20000000")

    def test_15_without_a_gpu_there_is_no_nvidia_function(self) -> None:
        self.node.poweroff()
        self.node.gpu = False
        self.node.start(self.older)
        self.assertNotIn("0x10de", self.node.check("cat /sys/bus/pci/devices/*/vendor"))
        self.node.poweroff()


class RegistryLogTest(unittest.TestCase):
    def test_reads_a_request(self) -> None:
        line = '127.0.0.1 - - [21/Nov/2026:07:50:45 +0000] "GET /v2/a/blobs/sha256:1 HTTP/1.1" 206 91 "" "curl/7.88.1"'
        self.assertEqual(parse_line(line), ("GET", "/v2/a/blobs/sha256:1", 206, 91, "curl/7.88.1"))

    def test_takes_nothing_else_for_a_request(self) -> None:
        self.assertIsNone(parse_line(json.dumps({"level": "warning"})))


if __name__ == "__main__":
    unittest.main(verbosity=2)
