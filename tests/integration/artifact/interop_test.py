#!/usr/bin/env python3
"""What podman, buildah, skopeo, oras and overdrive-artifact push installs, and what overdrive-artifact pushes each of them
pulls; prints one table. Real programs over Debian's docker-registry."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest
from collections.abc import Callable
from pathlib import Path

import artifact_case
from archive_tools import TOP, Containers, archive_tool, need, run
from artifact_case import DRIVER, REPOSITORY, TAG, ArtifactCase, blob, for_architecture, index_entry, layout, programs
from vm_registry import Registry

PLAIN = "--tls-verify=false"


class Interop(ArtifactCase):
    docker: Registry
    table: list[tuple[str, str]] = []

    @classmethod
    def setUpClass(cls) -> None:
        need("podman", "buildah", "skopeo", "docker-registry")
        if os.geteuid() != 0:
            raise unittest.SkipTest("podman is run as root here")
        cls.oras = archive_tool("oras")
        cls.docker = Registry()
        cls.docker.start()

    @classmethod
    def tearDownClass(cls) -> None:
        cls.docker.close()
        width = max((len(row) for row, _ in cls.table), default=0)
        print("\ninterop matrix")
        for row, answer in cls.table:
            print(f"  {row:<{width}}  {answer}")

    def setUp(self) -> None:
        super().setUp()
        # podman takes no run directory of more than 50 characters.
        short = tempfile.TemporaryDirectory(prefix="od-", dir="/tmp", ignore_cleanup_errors=True)
        self.addCleanup(short.cleanup)
        self.containers = Containers(Path(short.name) / "c")
        self.addCleanup(self.containers.close)
        self.place = self.docker.on_host + "/interop/" + self.id().rsplit("_", 1)[-1].lower()

    def row(self, name: str, check: Callable[[], object]) -> None:
        """One cell of the matrix: its answer is printed whatever happens."""
        with self.subTest(name):
            try:
                check()
            except BaseException:
                self.table.append((name, "FAILED"))
                raise
            self.table.append((name, "yes"))

    def installs(self, name: str, push: Callable[[str], object]) -> None:
        """What `push` publishes at the place that it is given is installed by a fresh host."""

        def check() -> None:
            place = f"{self.place}-{len(self.table)}"
            push(f"{place}:{TAG}")
            host = artifact_case.cli_case.Host(self.work / f"host-{len(self.table)}")
            (host.root / "etc/first.pub").write_bytes(artifact_case.cli_case.keys()[1].read_bytes())
            host.configure('[trust]\nkeys = ["/etc/first.pub"]\n')
            done = self.install(f"docker://{place}", DRIVER, host=host)
            self.assertEqual((done.rc, done.result.get("result")), (4, "at-reboot"), done)
            self.assertTrue((host.generation(DRIVER) / "driver.json").is_file(), done)

        self.row(name, check)

    # --- what others push installs

    def test_what_each_tool_pushes_installs_pushed(self) -> None:
        source = f"oci:{layout()}:{TAG}"
        self.installs("overdrive-artifact push, installs", lambda at: self.done("push", source, f"docker://{at}"))
        self.installs("skopeo copy, installs", lambda at: run("skopeo", "copy", "--preserve-digests", "--dest-tls-verify=false", source, f"docker://{at}"))
        self.installs("skopeo copy --all, installs", lambda at: run("skopeo", "copy", "--all", "--dest-tls-verify=false", source, f"docker://{at}"))
        self.installs("oras cp, installs", lambda at: run(self.oras, "cp", "--from-oci-layout", "--to-plain-http", f"{layout()}:{TAG}", at))
        for program in ("podman", "buildah"):
            self.installs(f"{program} push, installs", lambda at, program=program: self.push_with(program, at))

    def push_with(self, program: str, at: str, *options: str) -> None:
        # They make an image name of the directory: not every temporary one can be one.
        shutil.copytree(layout(), self.containers.directory / "layout", dirs_exist_ok=True)
        image = self.containers.run(program, "pull", "-q", f"oci:layout:{TAG}").strip().splitlines()[-1]
        self.containers.run(program, "push", PLAIN, *options, image, f"docker://{at}")

    def test_layers_of_gzip_and_zstd_and_docker_schema_2_install_formats(self) -> None:
        source = f"oci:{layout()}:{TAG}"

        def skopeo(*options: str) -> Callable[[str], object]:
            return lambda at: run("skopeo", "copy", "--dest-tls-verify=false", *options, source, f"docker://{at}")

        self.installs("gzip layers, installs", skopeo("--dest-compress-format", "gzip", "--dest-compress"))
        self.installs("zstd layers, installs", skopeo("--dest-compress-format", "zstd"))
        self.installs("Docker schema 2, installs", self.push_docker_schema_2)

    def push_docker_schema_2(self, at: str) -> None:
        """In two steps: there is no zstd in it, and skopeo does not convert both at once."""
        gzip = f"oci:{self.work}/gzip-{len(self.table)}:{TAG}"
        run("skopeo", "copy", "--dest-compress", "--dest-compress-format", "gzip", f"oci:{layout()}:{TAG}", gzip)
        run("skopeo", "copy", "--format", "v2s2", "--dest-tls-verify=false", gzip, f"docker://{at}")

    def test_an_index_of_two_architectures_installs_index(self) -> None:
        other = self.work / "arm"
        for_architecture(layout(), other, "arm64")

        def push(at: str) -> None:
            self.done("push", f"oci:{layout()}:{TAG}", f"docker://{at}")
            said = self.done("push", "--json", f"oci:{other}:{TAG}", f"docker://{at}")
            self.assertEqual(len(said.json["kept"]), 1)  # type: ignore[arg-type]

        self.installs("index of two architectures, installs", push)

    # --- what we push is pulled

    def test_what_we_push_each_tool_pulls_pulled(self) -> None:
        at = f"{self.place}:{TAG}"
        digest = self.done("push", f"oci:{layout()}:{TAG}", f"docker://{at}").stdout.strip()

        def skopeo() -> None:
            copied = self.work / "skopeo"
            run("skopeo", "copy", "--all", "--preserve-digests", "--src-tls-verify=false", f"docker://{at}", f"oci:{copied}:{TAG}")
            self.assertEqual(index_entry(copied, TAG)["digest"], digest)

        def oras() -> None:
            copied = self.work / "oras"
            run(self.oras, "cp", "--from-plain-http", "--to-oci-layout", at, f"{copied}:{TAG}")
            self.assertEqual(index_entry(copied, TAG)["digest"], digest)

        def engine(program: str) -> None:
            self.containers.run(program, "pull", "-q", PLAIN, f"docker://{at}")
            said = json.loads(self.containers.run(program, "images", "--json" if program == "buildah" else "--format=json"))
            self.assertIn(digest, json.dumps(said))

        self.row("pulled by skopeo, same digest", skopeo)
        self.row("pulled by oras, same digest", oras)
        self.row("pulled by podman", lambda: engine("podman"))
        self.row("pulled by buildah", lambda: engine("buildah"))

    def test_what_we_push_runs_with_podman_run(self) -> None:
        bundle = TOP / "build/bundle"
        if not (bundle / "VERSION").exists():
            self.skipTest(f"no bundle; make it: ci/bundle build/dev {bundle}")
        at = f"{self.place}:{TAG}"

        def check() -> None:
            packed = self.work / "packed"
            pack_with_program(packed, bundle)
            self.done("push", f"oci:{packed}:{TAG}", f"docker://{at}")
            self.containers.run("podman", "pull", "-q", PLAIN, f"docker://{at}")
            said = self.containers.run("podman", "run", "--rm", "--network", "none", at, "--version")
            self.assertEqual(said, subprocess.check_output([bundle / "bin/overdrive", "--version"], text=True))

        self.row("run with podman", check)


def pack_with_program(made: Path, program: Path) -> None:
    """A layout with an artifact whose program can be run."""
    cli = artifact_case.cli_case
    work = made.with_name("inputs")
    for directory in ("user/bin", "user/lib64", f"modules/lib/modules/{cli.KERNEL}"):
        (work / directory).mkdir(parents=True)
    (work / "user/bin/nvidia-smi").write_text("#!/bin/sh\n")
    (work / "user/lib64/libcuda.so.1").write_bytes(b"no library")
    (work / f"modules/lib/modules/{cli.KERNEL}/nvidia.ko").write_bytes(cli.module_file({}, driver=DRIVER, kernel=cli.KERNEL, content=b""))
    (work / "describe.json").write_text(json.dumps(cli.describe(DRIVER, cli.KERNEL, cli.OS_VERSION)))
    run(programs() / "overdrive-artifact", "pack", "--describe", work / "describe.json", "--program", program, "--user-space", work / "user",
        "--modules", work / "modules", "--output", made)


if __name__ == "__main__":
    result = unittest.main(exit=False).result
    artifact_case.remove_shared()
    if result.skipped and result.testsRun == 0:
        print(f"SKIPPED: {result.skipped[0][1]}")
        sys.exit(77)
    sys.exit(0 if result.wasSuccessful() else 1)
