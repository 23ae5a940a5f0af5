#!/usr/bin/env python3
"""Newer engines than this machine's run containers with the specification that activations keep: Docker, of root and of an ordinary
user (rootlesskit), containerd and Podman. Run by ci/try-engines, which fetches them; alone, as root:
OVERDRIVE_ENGINES=DIR python3 tests/integration/containers/engines_test.py
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import unittest
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent))

import podman_machine as machine  # noqa: E402
from driver_host import FIRST, SECOND, DriverHostCase  # noqa: E402
from engine_root import ENGINES, EngineRoot  # noqa: E402
from podman_machine import UID, Said, proof  # noqa: E402

GPU = ("--device", "nvidia.com/gpu=all")


def has(*programs: str) -> bool:
    return all((ENGINES / "usr" / place).exists() for place in programs)


class EngineCase(DriverHostCase):
    """`engines`: where they are run, seeing the driver of this test's host."""

    def setUp(self) -> None:
        super().setUp()
        self.engines = EngineRoot(self.work)
        self.addCleanup(self.engines.close)
        self.archive = self.work / "debian.tar"
        if not self.archive.exists():
            subprocess.run(["tar", "-C", self.debian, "-cf", self.archive, "."], check=True)

    def tell_version(self, *words: object) -> None:
        print(f"\n  {self.engines.said_by(*words).stdout.splitlines()[0]}", file=sys.stderr, flush=True)


@unittest.skipUnless(has("sbin/dockerd", "bin/docker"), f"no Docker in {ENGINES}")
class DockerTest(EngineCase):
    FLAGS = ("--iptables=false", "--ip6tables=false", "--bridge=none", "--storage-driver=vfs")
    RUN = ("run", "--network", "none")

    def daemon(self, *before: object, user: bool = False) -> None:
        """@param before  what starts it"""
        self.user = user
        place = self.engines.runtime if user else self.work / "docker"
        place.mkdir(exist_ok=True)
        self.socket = place / "sock"
        started = self.engines.start(*before, "--data-root", (self.engines.home if user else place) / "data", "--exec-root", place / "exec", "--pidfile",
                                     place / "pid", "--host", f"unix://{self.socket}", *self.FLAGS, user=user, log=self.work / "docker.log",
                                     ready=lambda: self.docker("version").rc == 0)
        self.addCleanup(started.close)
        self.tell_version("dockerd", "--version")
        imported = self.docker("import", self.archive, "debian:test")
        self.assertEqual(imported.rc, 0, imported)

    def docker(self, *words: object) -> Said:
        return self.engines.said_by("docker", "--host", f"unix://{self.socket}", *words, user=self.user)

    def test_a_container_has_nodes_and_its_linker_finds_the_driver(self) -> None:
        self.daemon("dockerd")
        self.assert_has_driver(self.docker(*self.RUN, "--rm", *GPU, "debian:test", *self.LOOK), FIRST)
        self.assertIn("cdi: nvidia.com/gpu=all", self.docker("info").stdout)

    def test_so_has_one_of_an_ordinary_users_daemon(self) -> None:
        if not has("bin/rootlesskit", "bin/slirp4netns", "bin/newuidmap"):
            self.skipTest(f"no rootlesskit, slirp4netns or newuidmap in {ENGINES}")
        self.daemon("sh", "/usr/share/docker.io/contrib/dockerd-rootless.sh", user=True)
        self.assert_has_driver(self.docker(*self.RUN, "--rm", *GPU, "debian:test", *self.LOOK), FIRST)
        mapped = self.docker(*self.RUN, "--rm", *GPU, "debian:test", "/bin/cat", "/proc/self/uid_map")
        self.assertEqual(mapped.stdout.split()[:3], ["0", str(UID), "1"], "it is not an ordinary user's")
        # In a user namespace a node is the very file of the host, bound under its own path: it keeps its owner.
        owner = self.docker(*self.RUN, "--rm", *GPU, "debian:test", "/bin/stat", "-c", "%u", "/dev/nvidia0")
        self.assertEqual(owner.stdout.strip(), "65534", owner)

    def test_a_container_keeps_its_driver_and_gets_the_new_one_when_it_is_started_again(self) -> None:
        self.daemon("dockerd")
        started = self.docker(*self.RUN, "--detach", "--name", "keeper", *GPU, "debian:test", "/bin/sleep", "600")
        self.assertEqual(started.rc, 0, started)
        self.run_well("install", "--now", SECOND)
        self.assert_has_driver(self.docker("exec", "keeper", *self.LOOK), FIRST)
        self.assert_has_driver(self.docker(*self.RUN, "--rm", *GPU, "debian:test", *self.LOOK), SECOND)
        shutil.rmtree(self.node / "opt/nvidia" / proof.pair(FIRST))  # as prune does when others are kept
        again = self.docker("restart", "--time", "0", "keeper")
        self.assertEqual(again.rc, 0, again)
        self.assert_has_driver(self.docker("exec", "keeper", *self.LOOK), SECOND)


@unittest.skipUnless(has("bin/containerd", "bin/ctr"), f"no containerd in {ENGINES}")
class ContainerdTest(EngineCase):
    def test_a_container_has_nodes_and_its_linker_finds_the_driver(self) -> None:
        place = self.work / "containerd"
        place.mkdir()
        ctr = ("ctr", "--address", place / "sock")
        started = self.engines.start("containerd", "--root", place / "root", "--state", place / "state", "--address", place / "sock",
                                     log=place / "log", ready=lambda: self.engines.said_by(*ctr, "version").rc == 0)
        self.addCleanup(started.close)
        self.tell_version("containerd", "--version")
        run = (*ctr, "run", "--rm", "--runtime", "io.containerd.runc.v2", *GPU, "--rootfs", self.fresh_root("for-containerd"), "gpu")
        self.assert_has_driver(self.engines.said_by(*run, *self.LOOK), FIRST)


@unittest.skipUnless(has("bin/podman", "sbin/runc"), f"no Podman in {ENGINES}")
class PodmanTest(EngineCase):
    RUN = ("podman", "--runtime", "runc", "run", "--rm", "--network", "none", "--security-opt", "seccomp=unconfined", *GPU)

    def test_a_container_has_nodes_and_its_linker_finds_the_driver(self) -> None:
        self.tell_version("podman", "--version")
        self.assert_has_driver(self.engines.said_by(*self.RUN, "--rootfs", self.fresh_root("for-podman"), *self.LOOK), FIRST)

    def test_so_has_one_of_an_ordinary_user(self) -> None:
        root = self.fresh_root("for-a-user")
        machine.must("chown", "-R", f"{UID}:{UID}", root)
        self.assert_has_driver(self.engines.said_by(*self.RUN, "--rootfs", root, *self.LOOK, user=True), FIRST)


if __name__ == "__main__":
    if machine.why_not():
        print(f"SKIPPED: {machine.why_not()}")
        sys.exit(77)
    unittest.main(verbosity=2)
