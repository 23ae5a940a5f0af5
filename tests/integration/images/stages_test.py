#!/usr/bin/env python3
"""The stages that every OS shares, built by podman without network on a tiny base; the names of each architecture; describe."""

from __future__ import annotations

import json
import os
import shutil
import struct
import subprocess
import sys
import tempfile
import unittest
import zlib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
IMAGES = ROOT / "builder-images"
sys.dont_write_bytecode = True
sys.path.insert(0, str(IMAGES / "lib"))
from kernel_image import BUILD_ID_NOTE, kernel_build_id  # noqa: E402

KERNEL = "1.2.3-made-up"
# Stands in for an OS folder: busybox has most of what the shared stages call.
CONTAINERFILE = """ARG BASE
FROM ${BASE} AS developer
ARG KERNEL
RUN mkdir -p "/usr/src/headers-$KERNEL" "/lib/modules/$KERNEL" && \\
    ln -s "/usr/src/headers-$KERNEL" "/lib/modules/$KERNEL/build" && echo exported >"/usr/src/headers-$KERNEL/Module.symvers"
"""
MAKE = """#!/bin/sh
echo "make $*"
. ./recipe
"""


def shell(script: str, *arguments: str | Path, environment: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["bash", "-euo", "pipefail", "-c", script, "bash", *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          check=False, env={**os.environ, **(environment or {})})


class SharedStagesTest(unittest.TestCase):
    """compile-modules on a made-up OS folder, in a copy of builder-images whose commands are the real ones."""

    @classmethod
    def setUpClass(cls) -> None:
        cls.top = Path(tempfile.mkdtemp(prefix="stages-"))
        cls.addClassCleanup(shutil.rmtree, cls.top)
        # podman keeps its storage mounted on itself.
        cls.addClassCleanup(subprocess.run, ["umount", cls.top / "containers/storage/overlay"], stderr=subprocess.DEVNULL, check=False)
        shutil.copytree(IMAGES, cls.top / "builder-images", symlinks=True)
        shutil.copytree(ROOT / "ci/lib", cls.top / "ci/lib")
        cls.environment = {"OVERDRIVE_CONTAINERS": str(cls.top / "containers")}
        folder = cls.top / "builder-images/made-up"
        folder.mkdir()
        (folder / "Containerfile").write_text(CONTAINERFILE)
        done = shell('. "$1/ci/lib/debian-archive.sh"; archive_unpack "$2" busybox-static; cd "$2"; mkdir -p usr/bin tmp usr/src out; '
                     'for name in $(bin/busybox --list); do ln -sf /bin/busybox usr/bin/$name; done; ln -sf /bin/busybox bin/sh; '
                     'rm usr/bin/make usr/bin/strip 2>/dev/null || true; printf "%s" "$3" >usr/bin/make; printf "#!/bin/sh\n" >usr/bin/strip; printf "#!/bin/sh\ncp \\$3 \\$4\n" >usr/bin/install; chmod 0755 usr/bin/{make,strip,install}', ROOT, cls.top / "root", MAKE)
        assert done.returncode == 0, done.stderr
        done = shell('. "$1/builder-images/lib/report.sh"; . "$1/builder-images/lib/containers.sh"; mkdir -p "$containers_dir"; '
                     'tar -C "$2" -c . | container_import localhost/made-up-base', cls.top, cls.top / "root", environment=cls.environment)
        assert done.returncode == 0, done.stderr
        for name, script in (("base", "echo localhost/made-up-base"), ("kernel-inputs", 'mkdir -p "${@: -1}"')):
            (folder / name).write_text(f"#!/usr/bin/env bash\n{script}\n")
            (folder / name).chmod(0o755)

    def setUp(self) -> None:
        self.out = self.top / self.id().rsplit(".", 1)[-1]

    def compile(self, recipe: str) -> subprocess.CompletedProcess[str]:
        source = self.top / "builder-images/driver-sources/made-up"
        source.mkdir(exist_ok=True)
        (source / "modules-source").write_text(f"#!/usr/bin/env bash\nmkdir -p \"${{@: -1}}\"\ncat >\"${{@: -1}}/recipe\" <<'END'\n{recipe}\nEND\n")
        (source / "modules-source").chmod(0o755)
        return shell('"$1/builder-images/compile-modules" --os made-up --kernel "$2" --driver 1.2 --module-type open --driver-source made-up '
                     '--architecture "$(uname -m)" --out "$3"', self.top, KERNEL, self.out, environment=self.environment)

    def test_modules_come_out_of_the_shared_stages(self) -> None:
        done = self.compile('echo "$KBUILD_BUILD_HOST $KBUILD_BUILD_TIMESTAMP" >nvidia.ko; test ! -e /sys/class/net/eth0')
        self.assertEqual(done.returncode, 0, done.stderr + (self.out / "build.log").read_text())
        module = self.out / f"modules/lib/modules/{KERNEL}/nvidia.ko"
        self.assertRegex(module.read_text(), r"^overdrive @[0-9]+\n$")
        self.assertEqual((self.out / "Module.symvers").read_text(), "exported\n")
        self.assertIn(f"SYSSRC=/usr/src/headers-{KERNEL}", (self.out / "build.log").read_text())

    def test_what_does_not_compile_is_one_line_that_names_the_log(self) -> None:
        done = self.compile('echo "nv.c:1: error: too few arguments"; exit 2')
        self.assertEqual(done.returncode, 4, done.stderr)
        last = done.stderr.splitlines()[-1]
        self.assertIn("error: compile: driver 1.2 does not compile for kernel 1.2.3-made-up", last)
        self.assertIn("nv.c:1: error: too few arguments", last)
        self.assertIn(str(self.out / "build.log"), last)
        self.assertIn("too few arguments", (self.out / "build.log").read_text())
        self.assertFalse((self.out / "modules").exists())

    def test_a_patch_is_given_to_the_releases_that_lack_it(self) -> None:
        chosen = ('here=$1; context=$2; driver=$3; mkdir -p "$context/patches"; eval "$(sed -n \'/^choose_patches()/,/^}/p\' "$here/compile-modules")"; '
                  'choose_patches; ls "$context/patches"')
        for version, patches in (("535.261.03", "pci-resize-resource.patch\n"), ("535.309.01", ""), ("535.400.1", ""), ("999.1", "")):
            self.assertEqual(shell(chosen, IMAGES, self.out / version, version).stdout, patches)


class ArchitecturesTest(unittest.TestCase):
    def test_each_architecture_has_its_own_names(self) -> None:
        fields = '. "$1/lib/report.sh"; . "$1/lib/architectures.sh"; for c in oci debian multiarch loader flatcar nvidia_redist; do architecture_field "$2" "$c"; done'
        names = {machine: shell(fields, IMAGES, machine).stdout.split() for machine in ("x86_64", "aarch64")}
        self.assertEqual(names["aarch64"], ["arm64", "arm64", "aarch64-linux-gnu", "ld-linux-aarch64.so.1", "arm64-usr", "linux-sbsa"])
        self.assertEqual(names["x86_64"], ["amd64", "amd64", "x86_64-linux-gnu", "ld-linux-x86-64.so.2", "amd64-usr", "linux-x86_64"])
        unknown = shell(fields, IMAGES, "riscv64")
        self.assertIn("x86_64 aarch64", unknown.stderr)

    def test_inputs_of_aarch64_are_asked_for_by_their_names(self) -> None:
        asked = {"flatcar": (["--kernel", "6.6.95-flatcar", "--os-version", "4230.2.1"], "arm64-usr/4230.2.1"),
                 "fedora-coreos": (["--kernel", "6.12.9-200.fc41.aarch64", "--os-version", "41.1.3.0"], "fc41.aarch64"),
                 "microos": (["--kernel", "6.12.8-1-default", "--os-version", "20260115"], "ports/aarch64/tumbleweed")}
        for folder, (arguments, words) in asked.items():
            done = subprocess.run([IMAGES / folder / "inputs-id", "--architecture", "aarch64", *arguments], stdout=subprocess.PIPE, text=True, check=True)
            self.assertIn(words, done.stdout)

    def test_modules_of_another_architecture_are_not_built_here(self) -> None:
        other = "aarch64" if os.uname().machine == "x86_64" else "x86_64"
        done = shell('"$1/compile-modules" --os debian --kernel 1 --driver 1.2 --module-type open --driver-source debian --architecture "$2" --out /nonexistent',
                     IMAGES, other)
        self.assertEqual(done.returncode, 2)
        self.assertIn(f"built on an {other} machine", done.stderr)

    def test_the_build_id_of_an_arm64_kernel_is_not_that_of_its_vdso(self) -> None:
        note = BUILD_ID_NOTE + bytes(range(20))
        vdso = bytearray(256)
        vdso[:7] = b"\x7fELF\x02\x01\x01"
        struct.pack_into("<Q", vdso, 0x28, 256)
        vdso[64:64 + len(note)] = BUILD_ID_NOTE + b"\xff" * 20
        constant = b"\x7fELF" + b"\0" * 12 + b"\xff" * 48  # the kernel's code holds the magic number too
        image = bytearray(0x40) + vdso + constant + note
        image[0x38:0x3C] = b"ARM\x64"
        packed = zlib.compressobj(wbits=31)
        compressed = packed.compress(bytes(image)) + packed.flush()
        zboot = b"MZ\0\0zimg" + struct.pack("<II", 32, len(compressed)) + b"\0" * 16 + compressed
        with tempfile.TemporaryDirectory() as work:
            for content in (bytes(image), compressed, zboot):
                (Path(work) / "vmlinuz").write_bytes(content)
                self.assertEqual(kernel_build_id(Path(work) / "vmlinuz", "lz4"), bytes(range(20)).hex())


class DescribeDaemonsTest(unittest.TestCase):
    def describe(self, tree: Path, versions: str) -> subprocess.CompletedProcess[str]:
        (tree.parent / "daemons").write_text(versions)
        script = ("import importlib.machinery, importlib.util, json, sys; from pathlib import Path; sys.dont_write_bytecode = True\n"
                  "loader = importlib.machinery.SourceFileLoader('describe', sys.argv[1]); spec = importlib.util.spec_from_loader('describe', loader)\n"
                  "module = importlib.util.module_from_spec(spec); loader.exec_module(module)\n"
                  "print(json.dumps(module.describe_daemons(Path(sys.argv[2]), Path(sys.argv[3]))))")
        return subprocess.run([sys.executable, "-c", script, IMAGES / "describe", tree, tree.parent / "daemons"], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              text=True, check=False)

    def test_every_daemon_that_the_user_space_carries_is_described_in_the_order_of_starting(self) -> None:
        with tempfile.TemporaryDirectory() as work:
            tree = Path(work) / "tree"
            for place in ("bin/nvidia-persistenced", "bin/nv-fabricmanager", "bin/nvidia-imex", "sbin/nvlsm"):
                (tree / place).parent.mkdir(parents=True, exist_ok=True)
                (tree / place).touch()
            (tree / "lib/nvlsm").mkdir(parents=True)
            versions = "nvidia-imex 580.1.2\nnvlsm 2025.10.11\nnvidia-fabricmanager 580.1.2\nnvidia-persistenced 580.1.2\n"
            self.assertEqual(json.loads(self.describe(tree, versions).stdout), [
                {"name": "nvidia-persistenced", "program": "bin/nvidia-persistenced", "version": "580.1.2"},
                {"name": "nvlsm", "program": "sbin/nvlsm", "version": "2025.10.11", "library_path": "lib/nvlsm"},
                {"name": "nvidia-fabricmanager", "program": "bin/nv-fabricmanager", "version": "580.1.2"},
                {"name": "nvidia-imex", "program": "bin/nvidia-imex", "version": "580.1.2"}])
            (tree / "bin/nv-fabricmanager").unlink()
            self.assertNotIn("fabricmanager", self.describe(tree, versions).stdout)
            refused = self.describe(tree, "nvidia-persistenced 580.1.2\n")
            self.assertNotEqual(refused.returncode, 0)
            self.assertIn("which version of nvlsm", refused.stderr)

    def test_the_names_are_those_that_the_node_knows(self) -> None:
        """installer/model/daemon_plan.hpp has the same table."""
        table = (ROOT / "installer/model/daemon_plan.hpp").read_text()
        for line in ('{"nvidia-persistenced", "nvidia-persistenced.service", "bin/nvidia-persistenced"', '{"nvlsm", "nvidia-nvlsm.service", "sbin/nvlsm"',
                     '{"nvidia-fabricmanager", "nvidia-fabricmanager.service", "bin/nv-fabricmanager"', '{"nvidia-imex", "nvidia-imex.service", "bin/nvidia-imex"'):
            self.assertIn(line, table)


if __name__ == "__main__":
    unittest.main()
