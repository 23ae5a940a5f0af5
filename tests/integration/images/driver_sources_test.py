#!/usr/bin/env python3
"""NVIDIA's .run file and redist archives as driver sources. The files are made here, in their formats, tiny; the code is the real one."""

from __future__ import annotations

import io
import json
import os
import platform
import shutil
import subprocess
import sys
import tarfile
import tempfile
import unittest
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent))
from made_inputs import sha256  # noqa: E402

ROOT = Path(__file__).resolve().parents[3]
SOURCES = ROOT / "builder-images/driver-sources"
VERSION = "580.1.2"
MACHINE = platform.machine()
PLATFORMS = {"x86_64": "linux-x86_64", "aarch64": "linux-sbsa"}
INPUT_FAILED = 3

# What unpacks itself as NVIDIA's file does, as far as we use it.
RUN_FILE = b"""#!/bin/sh
[ "$1 $2" = "--extract-only --target" ] && [ ! -e "$3" ] || exit 1
mkdir -p "$3" && sed '1,/^payload$/d' "$0" | tar -xz -C "$3"
exit $?
payload
"""
LIBRARIES = {"libcuda": "libcuda.so.1", "libnvidia-ml": "libnvidia-ml.so.1", "libnvidia-allocator": "libnvidia-allocator.so.1",
             "libvdpau_nvidia": "libvdpau_nvidia.so.1", "libglxserver_nvidia": "libglxserver_nvidia.so"}
PROGRAMS = ["nvidia-smi", "nvidia-debugdump", "nvidia-bug-report.sh", "nvidia-cuda-mps-control", "nvidia-cuda-mps-server", "nvidia-modprobe", "nvidia-persistenced"]
FABRIC_CFG = "DAEMONIZE=1\nTOPOLOGY_FILE_PATH=/usr/share/nvidia/nvswitch\nDATABASE_PATH=/usr/share/nvidia/nvswitch\nSTATE_FILE_NAME=/var/run/x\n"


class DriverSourcesTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        cls.libraries = Path(tempfile.mkdtemp(prefix="driver-sources-"))
        cls.addClassCleanup(shutil.rmtree, cls.libraries)
        for name, soname in LIBRARIES.items():
            subprocess.run(["gcc", "-shared", "-nostdlib", "-x", "c", "/dev/null", f"-Wl,-soname,{soname}", "-o", cls.libraries / f"{name}.so.{VERSION}"], check=True)

    def setUp(self) -> None:
        self.work = Path(tempfile.mkdtemp(prefix="driver-sources-"))
        self.addCleanup(shutil.rmtree, self.work)
        self.pins = self.work / "drivers.toml"
        self.pins.write_text("")

    def source(self, name: str, command: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "OVERDRIVE_DRIVER_PINS": str(self.pins), "OVERDRIVE_INPUTS": str(self.work / "inputs"),
                       "OVERDRIVE_NVIDIA_REDIST": f"file://{self.work}/redist", "OVERDRIVE_LEDGER": str(self.work / "ledger")}
        return subprocess.run([SOURCES / name / command, *arguments], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False)

    def make(self, name: str, command: str, *more: str) -> Path:
        out = self.work / f"made/{command}"
        done = self.source(name, command, "--driver", VERSION, "--architecture", MACHINE, "--out", str(out), *more)
        self.assertEqual(done.returncode, 0, done.stderr)
        return out

    def driver_files(self, lib: str, programs: str) -> dict[str, bytes]:
        files = {f"{lib}{path.name}": path.read_bytes() for path in self.libraries.iterdir()}
        files |= {f"{programs}{name}": b"#!/bin/sh\n" for name in PROGRAMS}
        files |= {f"{lib}libOpenCL.so.1.0.0": b"the host's to bring", f"32/libcuda.so.{VERSION}": b"another architecture's"}
        files |= {"firmware/gsp_tu10x.bin": b"firmware", "kernel-open/Makefile": b"modules:\n", "kernel/Makefile": b"modules:\n", "LICENSE": b"licence"}
        chips = {"chips": [{"devid": "0x1EB8", "name": "T4", "features": ["kernelopen"]}]}
        return files | {"supported-gpus/supported-gpus.json": json.dumps(chips).encode(), "nvidia.icd": b"libnvidia-opencl.so.1\n"}

    def archive(self, files: dict[str, bytes], mode: str, top: str = "") -> bytes:
        data = io.BytesIO()
        with tarfile.open(fileobj=data, mode=mode) as tar:
            for name, content in files.items():
                member = tarfile.TarInfo(top + name)
                member.size, member.mode = len(content), 0o755
                tar.addfile(member, io.BytesIO(content))
        return data.getvalue()

    def pin(self, *lines: str) -> None:
        self.pins.write_text("\n".join(["[[driver]]", f'version = "{VERSION}"', 'module_types = ["open", "proprietary"]', f'architectures = ["{MACHINE}"]', *lines]) + "\n")

    def run_file(self) -> Path:
        path = self.work / f"NVIDIA-Linux-{MACHINE}-{VERSION}.run"
        path.write_bytes(RUN_FILE + self.archive(self.driver_files("", ""), "w:gz"))
        self.pin(f"[driver.run.{MACHINE}]", f'url = "file://{path}"', f'sha256 = "{sha256(path)}"')
        return path

    def redist(self) -> Path:
        """redistrib_VERSION.json as NVIDIA lays it out, and the archives that it names."""
        name = PLATFORMS[MACHINE]
        daemons = {"bin/nv-fabricmanager": b"#!/bin/sh\n", "etc/fabricmanager.cfg": FABRIC_CFG.encode(), "share/nvidia/nvswitch/dgxa100_topology": b"t"}
        contents = {"nvidia_driver": (VERSION, self.driver_files("lib/", "sbin/")), "fabricmanager": (VERSION, daemons),
                    "imex": (VERSION, {"bin/nvidia-imex": b"#!/bin/sh\n", "bin/nvidia-imex-ctl": b"#!/bin/sh\n"}),
                    "nvlsm": ("2025.10.11", {"sbin/nvlsm": b"#!/bin/sh\n", "share/nvidia/nvlsm/nvlsm.conf": b"c"})}
        manifest: dict = {"release_date": "2026-01-01", "release_label": VERSION, "release_product": "nvidia-driver"}
        for component, (version, files) in contents.items():
            path = self.work / f"redist/{component}/{name}/{component}-{name}-{version}-archive.tar.xz"
            path.parent.mkdir(parents=True)
            path.write_bytes(self.archive(files, "w:xz", f"{component}-{name}-{version}-archive/"))
            manifest[component] = {"name": component, "license": "NVIDIA Driver", "version": version,
                                   name: {"relative_path": str(path.relative_to(self.work / "redist")), "sha256": sha256(path), "md5": "-", "size": "1"}}
        listing = self.work / f"redist/redistrib_{VERSION}.json"
        listing.write_text(json.dumps(manifest))
        self.pin("[driver.redist]", f'sha256 = "{sha256(listing)}"')
        return listing

    def assert_user_space(self, tree: Path) -> None:
        for name in ("libcuda", "libnvidia-ml"):
            self.assertEqual(os.readlink(tree / f"lib64/{name}.so.1"), f"{name}.so.{VERSION}")
            self.assertEqual(os.readlink(tree / f"lib64/{name}.so"), f"{name}.so.1")
        self.assertTrue((tree / f"lib64/vdpau/libvdpau_nvidia.so.{VERSION}").is_file())
        self.assertTrue((tree / "lib64/gbm/nvidia-drm_gbm.so").exists())
        self.assertEqual(list(tree.rglob("libOpenCL*")) + list(tree.rglob("libglxserver*")), [])
        self.assertEqual(sorted(path.name for path in (tree / "bin").iterdir() if path.name in PROGRAMS), sorted(PROGRAMS))
        self.assertEqual((tree / "bin/nvidia-smi").stat().st_mode & 0o7777, 0o755)
        self.assertEqual((tree / f"lib/firmware/nvidia/{VERSION}/gsp_tu10x.bin").read_bytes(), b"firmware")
        self.assertEqual((tree / "usr/share/nvidia/supported-gpus").read_text(), "0x1eb8 open proprietary\n")
        self.assertTrue((tree / "etc/OpenCL/vendors/nvidia.icd").is_file())

    def daemons(self, tree: Path) -> dict[str, str]:
        return dict(line.split() for line in tree.with_name(tree.name + ".daemons").read_text().splitlines())

    def test_a_run_file_gives_user_space_and_both_kinds_of_modules(self) -> None:
        path = self.run_file()
        tree = self.make("nvidia-run", "user-space")
        self.assert_user_space(tree)
        self.assertEqual(self.daemons(tree), {"nvidia-persistenced": VERSION})
        for kind in ("open", "proprietary"):
            self.assertTrue((self.make("nvidia-run", "modules-source", "--module-type", kind) / "Makefile").is_file())
        self.assertIn(sha256(path), (self.work / "ledger").read_text())

    def test_redist_archives_give_the_daemons_too(self) -> None:
        self.redist()
        tree = self.make("nvidia-redist", "user-space")
        self.assert_user_space(tree)
        self.assertEqual(self.daemons(tree), {"nvidia-persistenced": VERSION, "nvidia-fabricmanager": VERSION, "nvidia-imex": VERSION, "nvlsm": "2025.10.11"})
        configuration = (tree / "usr/share/nvidia/nvswitch/fabricmanager.cfg").read_text()
        self.assertIn("DAEMONIZE=1\nTOPOLOGY_FILE_PATH=/opt/nvidia/current/usr/share/nvidia/nvswitch\n", configuration)
        for place in ("bin/nv-fabricmanager", "bin/nvidia-imex", "sbin/nvlsm", "usr/share/nvidia/nvlsm/nvlsm.conf", "usr/share/nvidia/nvswitch/dgxa100_topology"):
            self.assertTrue((tree / place).is_file(), place)
        self.assertEqual((tree / "sbin/nvlsm").stat().st_mode & 0o777, 0o755)

    def test_a_version_without_a_pin_is_refused_with_the_lines_to_add(self) -> None:
        for name, section in (("nvidia-run", f"[driver.run.{MACHINE}]"), ("nvidia-redist", "[driver.redist]")):
            done = self.source(name, "inputs-id", "--part", "open", "--driver", VERSION, "--architecture", MACHINE)
            self.assertEqual(done.returncode, INPUT_FAILED)
            for words in (f"driver {VERSION}", "has no pin", "[[driver]]", section, "sha256 ="):
                self.assertIn(words, done.stderr)

    def test_what_is_not_what_its_pin_says_never_runs(self) -> None:
        path = self.run_file()
        path.write_bytes(b"#!/bin/sh\ntouch " + str(self.work / "ran").encode() + b"\n")
        done = self.source("nvidia-run", "user-space", "--driver", VERSION, "--architecture", MACHINE, "--out", str(self.work / "out"))
        self.assertEqual(done.returncode, INPUT_FAILED)
        self.assertIn(path.name, done.stderr)
        self.assertFalse((self.work / "ran").exists())
        self.assertFalse((self.work / "out").exists())

    def test_a_redist_list_or_archive_that_changed_is_named(self) -> None:
        listing = self.redist()
        archive = next(self.work.glob("redist/imex/*/*.tar.xz"))
        archive.write_bytes(archive.read_bytes() + b"x")
        done = self.source("nvidia-redist", "user-space", "--driver", VERSION, "--architecture", MACHINE, "--out", str(self.work / "out"))
        self.assertEqual((done.returncode, archive.name in done.stderr), (INPUT_FAILED, True), done.stderr)
        listing.write_text(listing.read_text().replace("2026-01-01", "2026-01-02"))
        shutil.rmtree(self.work / "inputs")
        done = self.source("nvidia-redist", "modules-source", "--driver", VERSION, "--architecture", MACHINE, "--module-type", "open", "--out", str(self.work / "out"))
        self.assertEqual((done.returncode, listing.name in done.stderr), (INPUT_FAILED, True), done.stderr)

    def test_versions_are_those_that_are_pinned_for_the_source(self) -> None:
        self.run_file()
        for name, expected in (("nvidia-run", VERSION), ("nvidia-redist", "")):
            done = self.source(name, "versions", "--module-type", "open", "--architecture", MACHINE)
            self.assertEqual((done.returncode, done.stdout.strip()), (0, expected), done.stderr)

    def test_the_pins_of_the_repository_are_read_by_both_sources_for_both_architectures(self) -> None:
        self.pins = ROOT / "builder-images/drivers.toml"
        for name in ("nvidia-run", "nvidia-redist"):
            for machine in PLATFORMS:
                listed = self.source(name, "versions", "--module-type", "open", "--architecture", machine).stdout.split()
                self.assertNotEqual(listed, [])
                for version in listed:
                    done = self.source(name, "inputs-id", "--part", "open", "--driver", version, "--architecture", machine)
                    self.assertRegex(done.stdout, "^[0-9a-f]{64}\n$")


if __name__ == "__main__":
    unittest.main()
