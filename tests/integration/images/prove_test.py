#!/usr/bin/env python3
"""builder-images/prove: a good artifact passes every check, and each way to break one is caught by the check of its name."""

from __future__ import annotations

import json
import os
import re
import shutil
import stat
import struct
import subprocess
import sys
import tarfile
import tempfile
import unittest
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.dont_write_bytecode = True
ROOT = Path(__file__).resolve().parents[3]
sys.path[:0] = [str(ROOT / "tests/support"), str(ROOT / "builder-images/lib")]
from altered_image import DIGEST_LABEL, AlteredImage  # noqa: E402
from kernel_module import KernelModule  # noqa: E402

VERSION = "900.1.0"
ARCHIVE = f"set -euo pipefail; . {ROOT}/ci/lib/debian-archive.sh; "
DRIVER_JSON = "driver/driver.json"


def command(*words: object, **more: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(word) for word in words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **more)


def build(kernel: str, work: Path, *more: object) -> str:
    """Builds an artifact of the stand-in driver into work/layout. @return its tag"""
    environment = {**os.environ, "OVERDRIVE_DRIVERS": str(work / "drivers")}
    done = command(ROOT / "builder-images/build", "--os", "debian", "--kernel", kernel, "--driver", "stand-in", "--program", work / "bundle",
                   "--output", f"oci:{work}/layout", *more, env=environment)
    if done.returncode:
        raise AssertionError(done.stderr)
    return done.stdout.strip().rpartition(":")[2]


class ProveTest(unittest.TestCase):
    """The artifact is built once; each test changes a copy."""

    @classmethod
    def setUpClass(cls) -> None:
        cls.shared = Path(tempfile.mkdtemp(prefix="prove-test-"))
        cls.addClassCleanup(shutil.rmtree, cls.shared)
        older, cls.release = command("bash", "-c", ARCHIVE + "archive_kernels cloud-amd64 6.1 | tail -n 2").stdout.split()
        (cls.shared / "bundle/bin").mkdir(parents=True)
        shutil.copy("/bin/true", cls.shared / "bundle/bin/overdrive")
        (cls.shared / "bundle/VERSION").write_text("0.0.1\n")
        for name in ("key", "other"):
            command("openssl", "genpkey", "-algorithm", "ed25519", "-out", cls.shared / f"{name}.pem", check=True)
            command("openssl", "pkey", "-in", cls.shared / f"{name}.pem", "-pubout", "-out", cls.shared / f"{name}.pub", check=True)
        cls.tag = build(cls.release, cls.shared, "--sign-key", cls.shared / "key.pem")
        build(older, cls.shared, "--trees-only")
        cls.other_modules = cls.shared / f"drivers/{VERSION}/{older}/modules/lib/modules/{older}"
        # As the pipeline has them at hand; one test takes them from the archive.
        cls.facts = cls.shared / "kernel-facts.json"
        cls.facts.write_text(command(ROOT / "builder-images/debian/kernel-facts", "--kernel", cls.release, "--architecture", os.uname().machine, check=True).stdout)
        cls.kernel = ("--kernel-facts", cls.facts, "--symvers", cls.shared / f"drivers/{VERSION}/{cls.release}/Module.symvers")
        cls.in_tree = f"driver/lib/modules/{cls.release}"

    def setUp(self) -> None:
        self.work = Path(tempfile.mkdtemp(prefix="prove-test-"))
        self.addCleanup(shutil.rmtree, self.work)
        self.image = AlteredImage(self.shared / "layout", self.tag, self.work / "layout")

    def prove(self, reference: str, *more: object) -> tuple[int, list[str], dict[str, Any]]:
        """Exit status, the lines on stdout, and the checks of the report by name."""
        report = self.work / "report.json"
        done = command(ROOT / "builder-images/prove", reference, *self.kernel, "--report", report, *more)
        self.assertIn(done.returncode, (0, 1), done.stderr)
        checks = json.loads(report.read_text())["checks"]
        return done.returncode, done.stdout.splitlines(), {check["name"]: check for check in checks}

    def assert_caught(self, check: str, sentences: str | list[str], *more: object, also: tuple[str, ...] = ()) -> dict[str, Any]:
        """The changed image fails, by this check and no other but those of `also`, with lines that say what is wrong."""
        code, lines, checks = self.prove(self.image.save(), *more)
        self.assertEqual(code, 1, lines)
        self.assertEqual({line.split(":")[0] for line in lines}, {check, *also}, lines)
        for sentence in [sentences] if isinstance(sentences, str) else sentences:
            self.assertTrue(any(line.startswith(f"{check}: ") and re.search(sentence, line) for line in lines), (sentence, lines))
        self.assertIs(checks[check]["ok"], False)
        return checks

    def edit_module(self, name: str, change: Callable[[bytes], bytes]) -> None:
        self.image.edit(f"{self.in_tree}/{name}.ko", change)
        self.image.listed()

    def swap(self, old: bytes, new: bytes) -> Callable[[bytes], bytes]:
        """Changes bytes of a file without moving any."""
        self.assertEqual(len(old), len(new))

        def change(content: bytes) -> bytes:
            self.assertTrue(old in content, old)
            return content.replace(old, new)

        return change

    # -- what is good

    def test_a_good_artifact_passes_every_check(self) -> None:
        self.kernel = ("--kernel-from", "debian")
        code, lines, checks = self.prove(f"oci:{self.shared}/layout:{self.tag}", "--key", self.shared / "key.pub")
        self.assertEqual((code, lines), (0, []))
        judged = {name: check["ok"] for name, check in checks.items() if not name.startswith("vm-")}
        self.assertEqual(set(judged.values()), {True}, checks)
        self.assertGreater(len(judged), 20)
        self.assertEqual({checks[name]["detail"] for name in checks.keys() - judged.keys()}, {"not run: --vm was not given"})

    def test_a_changed_image_that_is_whole_again_still_passes(self) -> None:
        """The means of these tests changes nothing by itself."""
        self.image.listed()
        self.assertEqual(self.prove(self.image.save())[:2], (0, []))

    def test_what_is_not_run_is_never_ok(self) -> None:
        report = self.work / "report.json"
        done = command(ROOT / "builder-images/prove", f"oci:{self.shared}/layout:{self.tag}", "--report", report)
        self.assertEqual(done.returncode, 0)
        checks = {check["name"]: check for check in json.loads(report.read_text())["checks"]}
        for name in ("undefined-symbol", "symbol-version", "kernel", "signature"):
            self.assertIsNone(checks[name]["ok"])
            self.assertRegex(checks[name]["detail"], "^not run: .*--")
            self.assertIn(f"{name}: not run", done.stderr)

    def test_an_artifact_file_is_judged_like_a_layout(self) -> None:
        archive = self.work / "artifact.tar"
        program = os.environ.get("OVERDRIVE_ARTIFACT", ROOT / "build/dev/bin/overdrive-artifact")
        command(program, "copy", f"oci:{self.shared}/layout:{self.tag}", f"oci-archive:{archive}", check=True)
        self.assertEqual(self.prove(f"oci-archive:{archive}")[:2], (0, []))

    def test_wrong_use_is_told_apart_from_a_bad_artifact(self) -> None:
        for words, said in (((), "a reference is needed"), ((f"oci:{self.work}/nowhere:x",), "there is no layout"),
                            (("docker://127.0.0.1:1/overdrive/nvidia-debian:x",), "cannot be fetched"),
                            (("oci:x:y", "--key", "/nowhere.pub"), "cannot read /nowhere.pub")):
            done = command(ROOT / "builder-images/prove", *words)
            self.assertEqual(done.returncode, 2, words)
            self.assertIn(said, done.stderr)

    # -- the image and what lies where

    def test_a_damaged_layer(self) -> None:
        self.image.save()
        layer = self.image.manifest["layers"][1]
        path = self.work / "layout/blobs" / layer["digest"].replace(":", "/")
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 1
        path.write_bytes(content)
        code, lines, checks = self.prove(f"oci:{self.work}/layout:{self.tag}")
        self.assertEqual(code, 1)
        self.assertRegex("".join(lines), f"^image: blob {layer['digest']} is damaged")
        self.assertEqual({check["ok"] for name, check in checks.items() if name != "image"}, {None}, "the rest is about another image")

    def test_a_layer_that_is_missing(self) -> None:
        self.image.manifest["layers"].pop()
        self.image.config["rootfs"]["diff_ids"].pop()
        self.assert_caught("image", "the layers are program, user-space; they should be")

    def test_a_layer_that_is_not_the_configured_one(self) -> None:
        self.image.config["rootfs"]["diff_ids"][0] = f"sha256:{'0' * 64}"
        self.assert_caught("image", "layer program unpacks to sha256:")

    def test_a_damaged_driver_json(self) -> None:
        self.image.edit(DRIVER_JSON, lambda content: content[:len(content) // 2])
        checks = self.assert_caught("driver-json", "driver.json")
        self.assertIsNone(checks["file-table"]["ok"])

    def test_a_driver_json_that_says_too_little(self) -> None:
        self.image.describe(lambda document: document.pop("kernel"))
        self.assert_caught("driver-json", "kernel")

    def test_a_driver_json_that_the_labels_do_not_name(self) -> None:
        self.image.config["config"]["Labels"][DIGEST_LABEL] = f"sha256:{'0' * 64}"
        self.assert_caught("driver-json", "the image's label says sha256:0000")
        self.image.edit(DRIVER_JSON, lambda content: content + b"\n")
        self.assert_caught("driver-json", "annotation names another driver.json than the layer holds")

    def test_a_driver_json_that_was_changed_after_it_was_signed(self) -> None:
        self.image.describe(lambda document: document["os"].update(version_id="13"))
        self.assert_caught("signature", "driver.json.sig", "--key", self.shared / "key.pub")

    def test_somebody_elses_signature(self) -> None:
        self.assert_caught("signature", "driver.json.sig", "--key", self.shared / "other.pub")

    def test_no_signature_where_one_is_asked_for(self) -> None:
        self.image.remove(f"{DRIVER_JSON}.sig")
        self.assert_caught("signature", "driver.json is not signed", "--key", self.shared / "key.pub")

    def test_another_pairs_tag(self) -> None:
        self.image.tag = f"12-6.1.0-1-cloud-amd64-{VERSION}"
        self.assert_caught("tag", f"nodes look for '12-{self.release}-{VERSION}'")

    def test_files_outside_the_driver(self) -> None:
        names = (("modules", "etc/shadow"), ("user-space", "overdrive/bin/overdrive"), ("program", "driver/bin/nvidia-smi"),
                 ("modules", "driver/lib/firmware/x"), ("user-space", "driver/lib/modules/x"), ("modules", "driver/../etc/x"), ("modules", "/etc/x"))
        for role, name in names:
            self.image.add(role, name)
        self.image.unpinned()
        self.assert_caught("outside-driver", [f"layer {role}: '{re.escape(name)}'" for role, name in names], also=("file-table",))

    def test_members_that_no_layer_may_hold(self) -> None:
        faults: tuple[tuple[dict[str, Any], str], ...] = (
            ({"type": tarfile.CHRTYPE, "devmajor": 1, "devminor": 3}, "is a character device"), ({"type": tarfile.FIFOTYPE}, "is a pipe"),
            ({"mode": 0o4755}, "mode 4755: setuid"), ({"mode": 0o666}, "mode 0666: others than root"), ({"uid": 1000}, "belongs to 1000:0"),
            ({"pax_headers": {"SCHILY.xattr.security.capability": "x"}}, "attributes: SCHILY.xattr.security.capability"))
        for number, (attributes, _) in enumerate(faults):
            self.image.add("program", f"overdrive/x{number}", **attributes)
        self.image.add("program", "overdrive/.wh.VERSION")
        self.image.unpinned()
        self.assert_caught("file-kind", [f"'overdrive/x{number}' .*{said}" for number, (_, said) in enumerate(faults)] + ["'overdrive/.wh.VERSION' is a whiteout"])

    def test_links_that_lead_out_or_nowhere(self) -> None:
        targets = (("/etc/passwd", "which is absolute"), ("../../etc/passwd", "which leads out of /overdrive"), ("nothing", "which is not there"))
        for number, (target, _) in enumerate(targets):
            self.image.add("program", f"overdrive/x{number}", type=tarfile.SYMTYPE, linkname=target)
        self.image.unpinned()
        self.assert_caught("link", [f"'overdrive/x{number}' is a link to '{target}', {said}" for number, (target, said) in enumerate(targets)])

    def test_a_link_in_the_driver_that_others_are_written_through(self) -> None:
        """Nothing is unpacked through it."""
        outside = self.work / "outside"
        outside.mkdir()
        self.image.add("user-space", "driver/usr/escape", type=tarfile.SYMTYPE, linkname=str(outside))
        self.image.add("user-space", "driver/usr/escape/file", b"x")
        self.image.unpinned()
        self.assert_caught("link", "which is absolute", also=("file-table",))
        self.assertEqual(list(outside.iterdir()), [])

    def test_a_file_that_the_table_does_not_have(self) -> None:
        self.image.add("user-space", "driver/etc/extra")
        self.image.unpinned()
        self.assert_caught("file-table", "'etc/extra' is in layer user-space, but not in driver.json's table")

    def test_a_user_space_that_driver_json_does_not_vouch_for(self) -> None:
        self.image.add("user-space", "driver/usr/share/empty", type=tarfile.DIRTYPE, mode=0o755)
        self.assert_caught("layer-digest", "layer user-space is sha256:.*, driver.json says sha256:")

    def test_a_file_with_another_content_or_mode(self) -> None:
        self.image.edit("driver/etc/OpenCL/vendors/nvidia.icd", lambda content: content[::-1])
        self.image.change("driver/bin/nvidia-smi", mode=0o644)
        self.image.unpinned()
        self.assert_caught("file-table", ["nvidia.icd' has the sha256 ", "nvidia-smi' has the mode 0644, driver.json says 0755"])

    def test_a_file_that_only_the_table_has(self) -> None:
        self.image.remove("driver/etc/OpenCL/vendors/nvidia.icd")
        self.image.unpinned()
        self.assert_caught("file-table", "driver.json names 'etc/OpenCL/vendors/nvidia.icd', which is not in layer user-space")

    # -- modules and kernel

    def test_a_module_that_is_missing(self) -> None:
        self.image.remove(f"{self.in_tree}/nvidia-drm.ko")
        self.image.listed()
        self.assert_caught("missing-module", "nvidia-drm.ko is not in")

    def test_a_module_that_is_cut_off(self) -> None:
        self.edit_module("nvidia-drm", lambda content: content[:len(content) // 2])
        self.assert_caught("missing-module", "nvidia-drm.ko is no kernel module")

    def test_a_module_that_is_not_as_described(self) -> None:
        self.image.describe(lambda document: document["modules"][1].update(depends=["nvidia", "drm"], parameters={"fial": "1"}))
        self.assert_caught("modinfo", [r"nvidia-uvm.ko has the depends \['nvidia'\], driver.json says \['nvidia', 'drm'\]", "nvidia-uvm.ko has no parameter fial"])

    def test_modules_in_an_order_that_cannot_load(self) -> None:
        self.image.describe(lambda document: document["modules"].reverse())
        self.assert_caught("modinfo", "nvidia-drm.ko depends on nvidia-modeset, which driver.json loads later")

    def test_a_module_that_nobody_described(self) -> None:
        self.image.add("modules", f"{self.in_tree}/nvidia-extra.ko", (self.other_modules / "nvidia-drm.ko").read_bytes())
        self.image.listed()
        self.assert_caught("modinfo", "nvidia-extra.ko is in the artifact, but driver.json does not name it", also=("vermagic",))

    def test_another_build_of_the_same_kernel_release(self) -> None:
        self.image.describe(lambda document: document["kernel"].update(build_id="0" * 40))
        self.assert_caught("kernel", "driver.json says build_id 0000")

    def test_an_in_tree_module_that_this_kernel_lacks(self) -> None:
        self.image.describe(lambda document: document.update(prerequisites=["drm_no_such"]))
        self.assert_caught("kernel", "the in-tree module drm_no_such is needed")

    def test_a_module_for_another_kernel(self) -> None:
        self.edit_module("nvidia", lambda _: (self.other_modules / "nvidia.ko").read_bytes())
        self.assert_caught("vermagic", f"nvidia.ko was built for '.*', not for kernel {self.release}", also=("modinfo",))

    def test_a_module_with_other_flags_than_the_kernels_own(self) -> None:
        for name in ("nvidia", "nvidia-uvm", "nvidia-modeset", "nvidia-drm"):
            self.image.edit(f"{self.in_tree}/{name}.ko", self.swap(b"SMP preempt", b"SMP PREEMPT"))
        self.image.describe(lambda document: document["kernel"].update(vermagic=document["kernel"]["vermagic"].replace("SMP preempt", "SMP PREEMPT")))
        self.image.listed()
        self.assert_caught("vermagic", "the modules of the kernel itself for '.* SMP preempt")

    def test_a_module_of_another_version(self) -> None:
        self.edit_module("nvidia-modeset", self.swap(b"\0version=900.1.0", b"\0version=900.1.9"))
        self.assert_caught("version", "nvidia-modeset.ko says 900.1.9, the user space is 900.1.0", also=("modinfo",))

    def test_a_library_of_another_version(self) -> None:
        self.image.add("user-space", "driver/lib64/libnvidia-ptxjitcompiler.so.535.261.03", b"x")
        self.image.listed()
        self.assert_caught("version", "libnvidia-ptxjitcompiler.so.535.261.03, which is of driver 535.261.03, not 900.1.0")

    def test_a_symbol_that_this_kernel_does_not_export(self) -> None:
        self.edit_module("nvidia-uvm", self.swap(b"__register_chrdev\0", b"__register_chrdeX\0"))
        self.assert_caught("undefined-symbol", "nvidia-uvm.ko needs __register_chrdeX, which neither the kernel nor a sibling exports")

    def test_a_symbol_that_the_license_forbids(self) -> None:
        self.edit_module("nvidia", self.swap(b"license=Dual MIT/GPL\0", b"license=Nobody knows\0"))
        symvers = self.work / "Module.symvers"
        symvers.write_text(re.sub(r"(\tpci_get_device\tvmlinux\tEXPORT_SYMBOL)\t", r"\1_GPL\t", Path(self.kernel[-1]).read_text()))
        self.assert_caught("gpl-symbol", r"nvidia.ko \(license 'Nobody knows'\) needs pci_get_device, which the kernel exports to GPL modules only",
                           "--symvers", symvers)

    def test_a_symbol_with_another_checksum(self) -> None:
        crc = KernelModule(self.shared / f"drivers/{VERSION}/{self.release}/modules/lib/modules/{self.release}/nvidia.ko").asked_versions["module_layout"]
        self.edit_module("nvidia", self.swap(struct.pack("<Q", crc) + b"module_layout\0", struct.pack("<Q", crc ^ 1) + b"module_layout\0"))
        self.assert_caught("symbol-version", f"nvidia.ko wants module_layout {crc ^ 1:#010x}, the kernel has {crc:#010x}")

    def test_firmware_that_is_missing(self) -> None:
        self.image.remove(f"driver/lib/firmware/nvidia/{VERSION}/gsp_tu10x.bin")
        self.image.listed()
        self.assert_caught("firmware", f"nvidia.ko names nvidia/{VERSION}/gsp_tu10x.bin, which is not in lib/firmware")

    # -- user space

    def compile(self, name: str, *words: object) -> bytes:
        source = self.work / "source.c"
        source.write_text("#include <unistd.h>\nextern int missing(void) __attribute__((weak));\nint main(void) { return missing ? missing() : (int)getpid(); }\n")
        command("gcc", "-o", self.work / name, source, *words, check=True)
        return (self.work / name).read_bytes()

    def put_program(self, name: str, content: bytes) -> None:
        self.image.add("user-space", f"driver/{name}", content, mode=stat.S_IMODE(0o755))
        self.image.listed()

    def test_a_program_with_the_hosts_c_library_only_passes(self) -> None:
        self.put_program("bin/nvidia-extra", self.compile("program"))
        self.assertEqual(self.prove(self.image.save())[:2], (0, []))

    def test_a_library_with_a_dependency_that_nobody_has(self) -> None:
        command("gcc", "-shared", "-fPIC", "-o", self.work / "libnvidia-absent.so", "-Wl,-soname,libnvidia-absent.so.1", "-x", "c", "/dev/null", check=True)
        self.put_program("lib64/libnvidia-new.so.1", self.compile("library", "-shared", "-fPIC", "-Wl,--no-as-needed", self.work / "libnvidia-absent.so"))
        self.assert_caught("library", "'lib64/libnvidia-new.so.1' needs libnvidia-absent.so.1, which is neither in the artifact nor")

    def test_a_library_that_looks_elsewhere(self) -> None:
        self.put_program("bin/nvidia-extra", self.compile("program", "-Wl,-rpath,/home/me/lib"))
        self.assert_caught("library", "looks for libraries in '/home/me/lib'")

    def test_a_program_for_another_dynamic_linker(self) -> None:
        self.put_program("bin/nvidia-extra", self.compile("program", "-Wl,--dynamic-linker=/lib/ld-musl.so.1"))
        self.assert_caught("interpreter", "'bin/nvidia-extra' asks for /lib/ld-musl.so.1, hosts have /lib")

    def test_a_program_that_is_cut_off(self) -> None:
        self.put_program("bin/nvidia-extra", self.compile("program")[:400])
        self.assert_caught("interpreter", "'bin/nvidia-extra': .* is a damaged ELF file")

    def test_a_program_for_a_newer_c_library(self) -> None:
        self.put_program("bin/nvidia-extra", self.compile("program").replace(b"GLIBC_2.34\0", b"GLIBC_2.99\0"))
        self.assert_caught("c-library", "'bin/nvidia-extra' needs GLIBC_2.99 of libc.so.6; the oldest node has GLIBC_2.36")

    def test_a_program_for_another_machine(self) -> None:
        aarch64 = bytearray(self.compile("program", "-static"))
        struct.pack_into("<H", aarch64, 18, 183)
        self.put_program("bin/nvidia-extra", bytes(aarch64))
        self.assert_caught("architecture", "'driver/bin/nvidia-extra' is for machine 183, x86_64 is 62")

    def test_firmware_is_for_another_processor(self) -> None:
        riscv = bytearray(self.compile("program", "-static"))
        struct.pack_into("<H", riscv, 18, 243)
        self.image.edit(f"driver/lib/firmware/nvidia/{VERSION}/gsp_tu10x.bin", lambda _: bytes(riscv))
        self.image.listed()
        self.assertEqual(self.prove(self.image.save())[:2], (0, []))

    def test_an_image_that_says_another_architecture(self) -> None:
        self.image.config["architecture"] = "arm64"
        self.assert_caught("architecture", "the image is for arm64, driver.json for x86_64, which is amd64")


if __name__ == "__main__":
    unittest.main()
