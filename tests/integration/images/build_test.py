#!/usr/bin/env python3
"""builder-images/build with the stand-in driver: what it hands to the packer, what is shared, what it refuses."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
BUILD = ROOT / "builder-images/build"
KERNELS = f"set -euo pipefail; . {ROOT}/ci/lib/debian-archive.sh; archive_kernels cloud-amd64"

# Stands in for overdrive-artifact: writes its arguments, one a line, and keeps describe.json.
FAKE_ARTIFACT = """#!/bin/sh
here=$(dirname "$0")
printf '%s\\n' "$@" >"$here/arguments"
cp "$3" "$here/describe.json"
"""


def tree_digest(tree: Path) -> str:
    """One checksum over names, modes, contents and links."""
    digest = hashlib.sha256()
    for path in sorted(tree.rglob("*")):
        content = os.readlink(path).encode() if path.is_symlink() else path.read_bytes() if path.is_file() else b""
        digest.update(f"{path.relative_to(tree)} {path.lstat().st_mode:o} ".encode() + hashlib.sha256(content).digest())
    return digest.hexdigest()


class BuildTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        kernels = subprocess.run(["bash", "-c", KERNELS], check=True, stdout=subprocess.PIPE, text=True).stdout.split()
        cls.series_6_1 = [kernel for kernel in kernels if kernel.startswith("6.1.")]
        cls.with_plus = next((kernel for kernel in kernels if "+" in kernel), None)

    def setUp(self) -> None:
        self.work = Path(tempfile.mkdtemp(prefix="build-test-"))
        self.addCleanup(shutil.rmtree, self.work)
        self.artifact = self.work / "fake-overdrive-artifact"
        self.artifact.write_text(FAKE_ARTIFACT)
        self.artifact.chmod(0o755)
        (self.work / "bundle").mkdir()

    def build(self, *arguments: str, drivers: str = "drivers") -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "OVERDRIVE_ARTIFACT": str(self.artifact), "OVERDRIVE_DRIVERS": str(self.work / drivers)}
        return subprocess.run([BUILD, *arguments], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def pack(self, kernel: str, *more: str, drivers: str = "drivers") -> dict[str, str]:
        """Builds, and returns the options that the packer was given."""
        done = self.build("--os", "debian", "--kernel", kernel, "--driver", "stand-in", "--program", str(self.work / "bundle"),
                          "--output", f"oci:{self.work}/layout", *more, drivers=drivers)
        self.assertEqual(done.returncode, 0, done.stderr)
        verb, *options = (self.work / "arguments").read_text().splitlines()
        self.assertEqual(verb, "pack")
        return dict(zip(options[::2], options[1::2]))

    def test_packs_what_nodes_look_for(self) -> None:
        kernel = self.series_6_1[-1]
        options = self.pack(kernel, "--os-id", "coreos", "--os-version", "4081.2.1")
        self.assertEqual(options["--tag"], "4081.2.1-900.1.0")
        describe = json.loads((self.work / "describe.json").read_text())
        self.assertEqual(describe["os"], {"id": "coreos", "version_id": "4081.2.1", "key": "4081.2.1"})
        self.assertEqual(describe["kernel"]["release"], kernel)
        self.assertRegex(describe["kernel"]["build_id"], "^[0-9a-f]{40}$")
        self.assertEqual([m["name"] for m in describe["modules"]], ["nvidia", "nvidia-uvm", "nvidia-modeset", "nvidia-drm"])
        for module in describe["modules"]:
            self.assertTrue((Path(options["--modules"]) / module["path"]).is_file())
        for firmware in describe["firmware"]:
            self.assertTrue((Path(options["--user-space"]) / "lib/firmware" / firmware).is_file())

    def test_ships_the_checksums_of_the_kernel_symbols_that_the_modules_need(self) -> None:
        kernel = self.series_6_1[-1]
        modules = Path(self.pack(kernel)["--modules"])
        shipped = dict(line.split("\t")[::-1] for line in (modules / f"lib/modules/{kernel}/kernel-symbols").read_text().splitlines())
        lines = (modules.parent / "Module.symvers").read_text().splitlines()
        exported = {name: crc for crc, name, *_ in (line.split("\t") for line in lines)}
        self.assertIn("module_layout", shipped)
        self.assertIn("pci_get_device", shipped)
        self.assertEqual(shipped, {name: exported[name] for name in shipped})
        self.assertEqual(list(shipped), sorted(shipped))

    def test_makes_a_list_of_gpus_of_the_vendors_one(self) -> None:
        chips = [{"devid": "0x1EB5", "name": "a", "features": ["kernelopen"]},
                 {"devid": "0x1EB5", "name": "b", "subdevid": "0x1", "subvendorid": "0x2", "features": []},
                 {"devid": "0x1B38", "name": "c", "features": []},
                 {"devid": "0x1180", "name": "d", "legacybranch": "470.xx", "features": []}]
        (self.work / "supported-gpus.json").write_text(json.dumps({"chips": chips}))
        made = subprocess.run([ROOT / "builder-images/supported-gpus", self.work / "supported-gpus.json"], check=True, stdout=subprocess.PIPE, text=True)
        self.assertEqual(made.stdout, "0x1180 legacy:470.xx\n0x1b38 proprietary\n0x1eb5 open proprietary\n")

    def test_debian_key_holds_the_kernel_release(self) -> None:
        kernel = self.series_6_1[-1]
        self.assertEqual(self.pack(kernel)["--tag"], f"12-{kernel}-900.1.0")

    def test_tag_spells_out_what_tags_cannot_hold(self) -> None:
        if self.with_plus is None:
            self.skipTest("the archive lists no kernel release with a plus")
        self.assertEqual(self.pack(self.with_plus)["--tag"], f"12-{self.with_plus.replace('+', '_plus_')}-900.1.0")

    def test_two_kernels_share_the_user_space(self) -> None:
        first = self.pack(self.series_6_1[-1], drivers="one")
        second = self.pack(self.series_6_1[-2], drivers="two")  # another cache: really made again
        self.assertNotEqual(first["--user-space"], second["--user-space"])
        self.assertEqual(tree_digest(Path(first["--user-space"])), tree_digest(Path(second["--user-space"])))

    def test_the_same_build_gives_the_same_modules(self) -> None:
        first = self.pack(self.series_6_1[-1], drivers="one")
        second = self.pack(self.series_6_1[-1], drivers="two")
        self.assertEqual(tree_digest(Path(first["--modules"])), tree_digest(Path(second["--modules"])))

    def test_a_second_run_builds_nothing(self) -> None:
        kernel = self.series_6_1[-1]
        arguments = ("--os", "debian", "--kernel", kernel, "--driver", "stand-in", "--trees-only")
        self.assertEqual(self.build(*arguments).returncode, 0)
        again = self.build(*arguments)
        self.assertEqual(again.returncode, 0)
        self.assertEqual(again.stderr.count("built before"), 2)

    def test_notes_every_package_that_went_into_it(self) -> None:
        kernel = self.series_6_1[-1]
        record = self.work / "record"
        arguments = ("--os", "debian", "--kernel", kernel, "--driver", "stand-in", "--record", str(record), "--trees-only")
        self.assertEqual(self.build(*arguments).returncode, 0)
        ledger = self.work / f"drivers/900.1.0/{kernel}.inputs"
        packages = {line.split("\t")[0]: line.split("\t")[1:] for line in (record / "ledger").read_text().splitlines()}
        self.assertEqual(json.loads((record / "kernel-facts.json").read_text())["release"], kernel)
        self.assertTrue((record / "Module.symvers").is_file())
        self.assertIn(f"linux-headers-{kernel}", packages)
        self.assertTrue(any(name.startswith("linux-kbuild-") for name in packages), packages)
        for version, architecture, sha256, location, licences in packages.values():
            self.assertTrue(version and licences)
            self.assertIn(architecture, ("amd64", "arm64", "all"))
            self.assertRegex(sha256, "^[0-9a-f]{64}$")
            self.assertRegex(location, "^pool/.*[.]deb$")
        ledger.unlink()  # as in a cache from before there was one
        self.assertNotIn(f"{kernel}: built before", self.build(*arguments).stderr)
        self.assertTrue(ledger.is_file())

    def test_names_the_kernels_that_there_are(self) -> None:
        done = self.build("--os", "debian", "--kernel", "1.2.3-4-cloud-amd64", "--driver", "stand-in")
        self.assertEqual(done.returncode, 3)
        self.assertIn("no headers of kernel 1.2.3-4-cloud-amd64", done.stderr)
        self.assertIn(self.series_6_1[-1], done.stderr)

    def test_names_the_drivers_that_there_are(self) -> None:
        done = self.build("--os", "debian", "--kernel", self.series_6_1[-1], "--driver", "1.2.3")
        self.assertEqual(done.returncode, 3)
        self.assertRegex(done.stderr, r"no nvidia-open-kernel-dkms of driver 1\.2\.3; it has: .*[0-9]+\.[0-9]+")

    def test_wrong_use_is_told_apart(self) -> None:
        for arguments, words in ((("--os", "plan9"), "--os must be one of debian"), (("--frobnicate", "1"), "unknown option"),
                                 (("--kernel",), "--kernel needs a value"),
                                 (("--os", "debian", "--kernel", "6.1", "--driver", "x"), "--driver must be")):
            done = self.build(*arguments)
            self.assertEqual(done.returncode, 2)
            self.assertIn(words, done.stderr)
            self.assertIn("--help", done.stderr)

    def test_a_driver_that_does_not_compile_is_told_apart_and_never_packed(self) -> None:
        """As a patch that does not fit does to NVIDIA's source; in a copy of the commands, since theirs is part of the checkout."""
        copy = self.work / "checkout"
        for part in ("builder-images", "ci/lib"):
            shutil.copytree(ROOT / part, copy / part, symlinks=True)
        with (copy / "builder-images/stand-in/modules/nvidia-uvm.c").open("a") as source:
            source.write("#error this patch was wrong\n")
        environment = {**os.environ, "OVERDRIVE_ARTIFACT": str(self.artifact), "OVERDRIVE_DRIVERS": str(self.work / "drivers"),
                       "OVERDRIVE_ARCHIVE": os.environ.get("OVERDRIVE_ARCHIVE", str(ROOT / "build/archive"))}
        done = subprocess.run([copy / "builder-images/build", "--os", "debian", "--kernel", self.series_6_1[-1], "--driver", "stand-in", "--program",
                               self.work / "bundle", "--output", f"oci:{self.work}/layout"], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.assertEqual(done.returncode, 4, done.stderr)
        self.assertRegex(done.stderr.splitlines()[-1], "error: compile: driver 900.1.0 does not compile for kernel")
        self.assertIn("this patch was wrong", done.stderr)
        self.assertFalse((self.work / "arguments").exists())

    def test_bad_modules_are_never_packed(self) -> None:
        kernel = self.series_6_1[-1]
        self.pack(kernel)
        (self.work / "arguments").unlink()
        (self.work / f"drivers/900.1.0/{kernel}/modules/lib/modules/{kernel}/nvidia-uvm.ko").unlink()
        done = self.build("--os", "debian", "--kernel", kernel, "--driver", "stand-in", "--output", f"oci:{self.work}/layout")
        self.assertEqual(done.returncode, 5)
        self.assertIn("missing-module: nvidia-uvm.ko", done.stderr)
        self.assertFalse((self.work / "arguments").exists())


if __name__ == "__main__":
    sys.dont_write_bytecode = True
    unittest.main()
