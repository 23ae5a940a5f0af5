#!/usr/bin/env python3
"""Real podman, as root and as an ordinary user, runs containers with the specification that activations keep; and a driver that is
changed while a container runs. Run as root: python3 tests/integration/containers/podman_test.py

With OVERDRIVE_DRIVERS=DIR (a cache of ci/build) the user space of a real driver is used too.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import unittest
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent))

import podman_machine as machine  # noqa: E402
from driver_host import FIRST, PIECES, SECOND, DriverHostCase  # noqa: E402
from podman_machine import BUSYBOX, MUSL, make_debian_root, make_musl_root, proof  # noqa: E402


def real_driver() -> Path | None:
    """The user space of a real driver, not of a stand-in."""
    for cache in (os.environ.get("OVERDRIVE_DRIVERS"), machine.TOP / "build/drivers"):
        for library in sorted(Path(cache or "/nonexistent").glob("*/user-space/lib64/libnvidia-ml.so.*.*")):
            if library.stat().st_size > 500_000:
                return library.parents[1]
    return None


class KeptSpecTest(DriverHostCase):
    def test_a_container_of_root_has_nodes_and_its_linker_finds_the_driver(self) -> None:
        self.assert_has_driver(self.podman(self.debian, *self.LOOK), FIRST)
        said = self.podman(self.debian, "/bin/sh", "-c", "stat -c '%t:%T' /dev/nvidia0 /dev/nvidiactl; cat /etc/ld.so.conf.d/00-*.conf")
        self.assertEqual((said.rc, said.stdout.split()), (0, ["c3:0", "c3:ff", "/lib64"]), said)

    def test_so_has_one_of_an_ordinary_user(self) -> None:
        self.assert_has_driver(self.podman_of_user(self.debian, *self.LOOK), FIRST)

    def test_without_the_device_there_is_nothing(self) -> None:
        plain = self.work / "plain"
        make_debian_root(plain, PIECES / "hook_linker_probe")
        shutil.copy2(PIECES / "hook_linker_probe", plain / "probe")
        said = machine.said_by("podman", "run", "--rm", "--runtime", "runc", "--network", "none", "--ulimit", "nofile=1024:1024", "--ulimit",
                               "nproc=1000:1000", "--rootfs", plain, "/probe", "libcuda.so.1")
        self.assertIn("not found: libcuda.so.1", said.stderr)

    @unittest.skipUnless(MUSL.exists() and BUSYBOX.exists(), "musl or busybox-static is not installed (ci/setup images)")
    def test_the_loader_of_a_musl_root_is_told_where_the_driver_is(self) -> None:
        root = self.work / "musl"
        make_musl_root(root)
        self.addCleanup(shutil.rmtree, root)
        subprocess.run(["cc", "-shared", "-nostdlib", "-x", "c", "/dev/null", "-x", "none", "-Wl,--no-as-needed",
                        self.node / f"opt/nvidia/{proof.pair(FIRST)}/lib64/libcuda.so.{FIRST}", "-o", root / "needs.so"], check=True)
        for run in (self.podman, self.podman_of_user):
            said = run(root, "/bin/sh", "-c", "cat /etc/ld-musl-x86_64.path; /lib/ld-musl-x86_64.so.1 --list /needs.so")
            self.assertEqual(said.rc, 0, said)
            self.assertEqual(said.stdout.splitlines()[0], "/lib64", said)
            self.assertIn("libcuda.so.1 => /lib64/libcuda.so.1 (0x", said.stdout)

    @unittest.skipUnless(real_driver(), "no real driver is in OVERDRIVE_DRIVERS or build/drivers (ci/build makes one)")
    def test_nvidia_smi_of_a_real_driver_starts_and_finds_its_library(self) -> None:
        user_space = real_driver()
        assert user_space is not None
        version = user_space.parent.name
        tree = Path(f"/opt/nvidia/{version}/real")
        tree.mkdir(parents=True)
        machine.bind(user_space, tree)
        self.addCleanup(machine.must, "umount", tree)
        information = self.work / "proc/driver/nvidia/gpus/0000:00:01.0/information"
        information.parent.mkdir(parents=True, exist_ok=True)
        information.write_text("Model: T4\nGPU UUID: GPU-11111111-2222-3333-4444-555555555555\nDevice Minor: 0\n")
        (self.work / "proc/driver/nvidia/version").write_text(f"NVRM version: NVIDIA UNIX x86_64 Kernel Module  {version}  Tue\n")
        machine.must(proof.programs() / "overdrive", "cdi", "generate", "--driver-root", tree, "--proc-root", self.work / "proc", "--max-cdi-version",
                     "0.5.0", "--output", "/run/cdi/overdrive-nvidia.yaml")
        for run in (self.podman, self.podman_of_user):
            said = run(self.debian, "nvidia-smi")
            # 12 and "couldn't find libnvidia-ml.so" where the linker was not told.
            self.assertEqual(said.rc, 9, said)
            self.assertIn("couldn't communicate with the NVIDIA driver", said.stdout)

    def test_a_running_container_keeps_its_driver_while_a_new_one_gets_the_new_driver(self) -> None:
        name = f"overdrive-test-{os.getpid()}"
        started = self.podman(self.debian, "/bin/sleep", "600", options=("--detach", "--rm=false", "--name", name))
        self.addCleanup(machine.said_by, "podman", "rm", "--force", "--time", "0", name)
        self.assertEqual(started.rc, 0, started)

        def in_old(*words: str) -> machine.Said:
            return machine.said_by("podman", "exec", name, *words)

        def bytes_of(driver: str) -> bytes:
            return (self.node / f"opt/nvidia/{proof.pair(driver)}/lib64/libcuda.so.{driver}").read_bytes()

        def bytes_in_old() -> bytes:
            done = subprocess.run(["podman", "exec", name, "/bin/cat", f"/lib64/libcuda.so.{FIRST}"], capture_output=True, timeout=60)
            return done.stdout
        first = bytes_of(FIRST)
        self.assertEqual(bytes_in_old(), first)
        self.run_well("install", "--now", SECOND)
        self.assertEqual(bytes_in_old(), first)
        self.assertEqual(in_old("/probe", "libcuda.so.1").stdout, "/lib64/libcuda.so.1\n")
        self.assert_has_driver(self.podman(self.fresh_root("second"), *self.LOOK), SECOND)
        self.run_well("rollback", "--now")
        self.assert_has_driver(self.podman(self.fresh_root("third"), *self.LOOK), FIRST)
        # Even when the generation is removed: what is mounted stays as long as the container runs.
        self.run_well("install", "--now", SECOND)
        shutil.rmtree(self.node / f"opt/nvidia/{proof.pair(FIRST)}")
        self.assertEqual(bytes_in_old(), first)
        # Started again it asks anew.
        again = machine.said_by("podman", "restart", "--time", "0", name)
        self.assertEqual(again.rc, 0, again)
        self.assert_has_driver(in_old(*self.LOOK), SECOND)


if __name__ == "__main__":
    if machine.why_not():
        print(f"SKIPPED: {machine.why_not()}")
        sys.exit(77)
    unittest.main(verbosity=2)
