#!/usr/bin/env python3
"""The verbs of `overdrive cdi` as a user calls them. Root is needed for device nodes; exit 77 without."""

from __future__ import annotations

import json
import os
import sys
import tempfile
import unittest
from pathlib import Path
from subprocess import CompletedProcess, run

sys.dont_write_bytecode = True
BIN = Path(os.environ["OVERDRIVE_BIN"]) / "overdrive"
SPEC = """cdiVersion: 0.3.0
kind: example.com/card
containerEdits: {env: [ALL=1]}
devices:
- {name: first, containerEdits: {env: [FIRST=1], deviceNodes: [{path: /dev/null}]}}
"""


def cdi(*words: str, text: str = "") -> CompletedProcess[str]:
    return run([BIN, *words], input=text, capture_output=True, text=True)


class CdiTest(unittest.TestCase):
    def setUp(self) -> None:
        self.place = Path(self.enterContext(tempfile.TemporaryDirectory()))

    def folder(self, **files: str) -> list[str]:
        for name, text in files.items():
            (self.place / f"{name}.yaml").write_text(text)
        return ["--spec-dir", str(self.place)]

    def test_validate_answers_with_its_exit_code(self) -> None:
        good = cdi("cdi", "validate", "-", text=SPEC)
        self.assertEqual((good.returncode, good.stderr), (0, ""))
        self.assertIn("valid: example.com/card with 1 devices, CDI 0.3.0", good.stdout)
        bad = cdi("cdi", "validate", "-", text=SPEC + "xyz: 1\n")
        self.assertEqual(bad.returncode, 8)
        self.assertIn("'xyz' is no member of a CDI specification", bad.stdout)
        file = self.place / "spec.json"
        file.write_text("{}")
        self.assertEqual(json.loads(cdi("--json", "cdi", "validate", str(file)).stdout)["valid"], False)

    def test_a_hook_without_environment_is_a_warning(self) -> None:
        spec = SPEC.replace("env: [ALL=1]", "hooks: [{hookName: createContainer, path: /h}]")
        answer = cdi("cdi", "validate", "-", text=spec)
        self.assertEqual(answer.returncode, 0)
        self.assertIn("CVE-2025-23266", answer.stderr)

    def test_min_version_is_one_line(self) -> None:
        self.assertEqual(cdi("cdi", "min-version", "-", text="devices: [{name: '0'}]").stdout, "0.5.0\n")
        self.assertEqual(cdi("cdi", "min-version", "-", text="x: [").returncode, 1)
        self.assertEqual(cdi("cdi", "min-version", "/nowhere").returncode, 1)

    def test_list_survives_broken_files(self) -> None:
        answer = cdi("cdi", "list", *self.folder(good=SPEC, broken="\x00"))
        self.assertEqual((answer.returncode, answer.stdout), (0, "example.com/card=first\n"))
        self.assertIn("broken.yaml' is not usable", answer.stderr)

    def test_apply_edits_standard_input(self) -> None:
        folder = self.folder(good=SPEC)
        answer = cdi("cdi", "apply", *folder, "example.com/card=first", text='{"ociVersion": "1.0.2"}')
        config = json.loads(answer.stdout)
        self.assertEqual(config["process"]["env"], ["ALL=1", "FIRST=1"])
        self.assertEqual(config["linux"]["devices"][0]["minor"], 3)
        unknown = cdi("cdi", "apply", *folder, "example.com/card=none", text="{}")
        self.assertEqual((unknown.returncode, unknown.stdout), (1, ""))
        self.assertIn("unresolvable CDI devices example.com/card=none", unknown.stderr)
        self.assertEqual(cdi("cdi", "apply", "card", text="{}").returncode, 2)
        self.assertEqual(cdi("cdi", "apply", *folder, "example.com/card=first", text="[]").returncode, 1)

    def test_apply_takes_names_from_annotations(self) -> None:
        config = {"annotations": {"cdi.k8s.io/plugin_id": "example.com/card=first"}}
        answer = cdi("cdi", "apply", *self.folder(good=SPEC), "--from-annotations", text=json.dumps(config))
        self.assertIn("FIRST=1", json.loads(answer.stdout)["process"]["env"])

    def test_doctor_says_what_is_in_the_way(self) -> None:
        twice = self.folder(one=SPEC, two=SPEC)
        answer = cdi("--json", "cdi", "doctor", *twice)
        self.assertEqual(answer.returncode, 8)
        self.assertIn("no engine resolves it", json.loads(answer.stdout)["findings"][0])
        (self.place / "two.yaml").write_text(SPEC.replace("/card", "/other").replace("/dev/null", "/dev/gone"))
        report = cdi("cdi", "doctor", *twice).stdout
        self.assertIn("! it gives '/dev/gone', which is not there", report)

    def test_doctor_tells_what_an_engine_refuses(self) -> None:
        root = self.place / "root"
        (root / "usr/bin").mkdir(parents=True)
        (root / "etc/cdi").mkdir(parents=True)
        (root / "etc/cdi/new.yaml").write_text(SPEC.replace("0.3.0", "1.1.0").replace("/dev/null", "/etc"))
        # The program is run as the host would: it must exist in both places.
        engine = Path("/usr/bin/podman")
        if not engine.exists():
            self.skipTest("no podman here")
        (root / "usr/bin/podman").write_text("")
        answer = json.loads(cdi("--json", "--root", str(root), "cdi", "doctor").stdout)
        self.assertEqual([found["name"] for found in answer["engines"]], ["podman"])
        if answer["engines"][0]["newest_cdi_version"] != "1.1.0":
            self.assertEqual(answer["files"][0]["refused_by"][0]["engine"], "podman")

    def test_transform_moves_paths_of_the_host(self) -> None:
        spec = SPEC.replace("env: [ALL=1]", "mounts: [{hostPath: /r/a, containerPath: /r/a}]")
        moved = cdi("cdi", "transform", "-", "--from", "/r", "--to", "/t", "--format", "json", text=spec).stdout
        self.assertEqual(json.loads(moved)["containerEdits"]["mounts"][0], {"hostPath": "/t/a", "containerPath": "/r/a"})

    def generate(self, *words: str, **variables: str) -> CompletedProcess[str]:
        driver = self.place / "driver"
        if not driver.exists():
            for name in ("libcuda", "libnvidia-ml"):
                (driver / "lib64").mkdir(parents=True, exist_ok=True)
                (driver / f"lib64/{name}.so.999.1.1").write_text("")
            gpu = self.place / "proc/driver/nvidia/gpus/0000:07:00.0"
            gpu.mkdir(parents=True)
            gpu.joinpath("information").write_text("GPU UUID: \t GPU-1\nDevice Minor: \t 0\n")
            (self.place / "dev/dev").mkdir(parents=True)
            (self.place / "sys").mkdir()
            os.mknod(self.place / "dev/dev/nvidia0", 0o020666, os.makedev(195, 0))
        roots = ["--driver-root", "driver", "--dev-root", "dev", "--proc-root", "proc", "--sys-root", "sys"]
        return run([BIN, "cdi", "generate", *roots, *words], capture_output=True, text=True, cwd=self.place, env={**os.environ, **variables})

    def test_generate_writes_a_file_at_once(self) -> None:
        printed = self.generate("--nvidia-cdi-hook-path", "/h")
        self.assertEqual((printed.returncode, printed.stderr), (0, ""))
        written = self.generate("--nvidia-cdi-hook-path", "/h", "--output", "out/nvidia.yaml")
        self.assertEqual(written.returncode, 0)
        self.assertEqual((self.place / "out/nvidia.yaml").read_text(), printed.stdout)
        self.assertEqual(oct((self.place / "out/nvidia.yaml").stat().st_mode), "0o100644")
        self.assertEqual(sorted(path.name for path in (self.place / "out").iterdir()), ["nvidia.yaml"])
        dry = self.generate("--nvidia-cdi-hook-path", "/h", "--output", "out/other.json", "--dry-run")
        self.assertEqual(json.loads(dry.stdout)["kind"], "nvidia.com/gpu")
        self.assertFalse((self.place / "out/other.json").exists())
        self.assertEqual(cdi("cdi", "validate", str(self.place / "out/nvidia.yaml")).returncode, 0)

    def test_generate_takes_the_words_and_variables_of_nvidia_ctk(self) -> None:
        plain = self.generate("--nvidia-cdi-hook-path", "/h", "--vendor", "example.com", "--disable-hook", "chmod,update-ldcache", "--device-id", "0")
        self.assertEqual(plain.returncode, 0, plain)
        other = self.generate("--nvidia-ctk-path", "/h", "--cdi-vendor", "example.com", "--disable-hooks", "chmod", "--disable-hooks", "update-ldcache", "--device", "0")
        self.assertEqual((other.returncode, other.stdout), (0, plain.stdout), other)
        variables = {"NVIDIA_CTK_CDI_HOOK_PATH": "/h", "NVIDIA_CTK_CDI_GENERATE_VENDOR": "example.com", "NVIDIA_CTK_CDI_OUTPUT_FILE_PATH": "by-variable.yaml",
                     "NVIDIA_CTK_CDI_GENERATE_DISABLED_HOOKS": "chmod,update-ldcache", "NVIDIA_CTK_CDI_GENERATE_DEVICE_IDS": "0",
                     "NVIDIA_CTK_CDI_GENERATE_NO_ALL_DEVICE": "false"}
        self.assertEqual(self.generate(**variables).returncode, 0)
        self.assertEqual((self.place / "by-variable.yaml").read_text(), plain.stdout)

    def test_generate_fits_an_engine_or_refuses(self) -> None:
        fitted = self.generate("--for", "podman=4.3", "--for", "docker=29")
        self.assertIn("cdiVersion: 0.5.0", fitted.stdout)
        old = self.generate("--for", "podman=4.2")
        self.assertEqual(old.returncode, 1)
        self.assertIn("another path on the host needs CDI 0.5.0", old.stderr)
        self.assertIn("generate with --dev-root /", old.stderr)
        self.assertIn("loads no CDI", self.generate("--for", "docker=24").stderr)
        for words in (["--for", "lxc=1"], ["--max-cdi-version", "9.9.9"], ["--device-name-strategy", "name"]):
            self.assertEqual(self.generate(*words).returncode, 2, words)


if __name__ == "__main__":
    if os.geteuid() != 0:
        print("making device nodes needs root")
        sys.exit(77)
    unittest.main()
