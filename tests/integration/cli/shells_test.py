#!/usr/bin/env python3
"""Completion in real shells, and what ships beside the program: manual pages, hooks, the journal's catalog."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent))

from cli_case import TOP, programs, say  # noqa: E402

PAGES = ("docs/man/overdrive.8", "docs/man/overdrive.toml.5")
HOOKS = TOP / "docs/hooks"


class ShellTest(unittest.TestCase):
    def setUp(self) -> None:
        work = tempfile.TemporaryDirectory()
        self.addCleanup(work.cleanup)
        self.work = Path(work.name)
        self.environment = {"PATH": f"{programs()}:/usr/bin:/bin", "HOME": work.name, "TERM": "dumb"}

    def need(self, shell: str) -> str:
        found = shutil.which(shell)
        if not found:
            self.skipTest(f"{shell} is not on this machine; Debian packages it")
        return found

    def script(self, shell: str, name: str) -> Path:
        path = self.work / name
        path.write_text(say([programs() / "overdrive", "completion", shell]))
        return path

    def run_in(self, command: list[object]) -> list[str]:
        done = subprocess.run([str(word) for word in command], env=self.environment, capture_output=True, text=True, timeout=60)
        self.assertEqual((done.returncode, done.stderr), (0, ""), done.stdout)
        return done.stdout.split()

    def in_bash(self, *typed: str) -> list[str]:
        """What bash would offer for the last of the words."""
        words = " ".join(f"'{word}'" for word in ("overdrive", *typed))
        return self.run_in(["bash", "--norc", "-c", f". {self.script('bash', 'overdrive')}\nCOMP_WORDS=({words})\n"
                            f"COMP_CWORD={len(typed)}\n_overdrive 2>/dev/null\nprintf '%s\\n' \"${{COMPREPLY[@]}}\""])

    def test_bash_completes(self) -> None:
        self.assertEqual(self.in_bash("inst"), ["install"])
        self.assertEqual(self.in_bash("wait", "--for", ""), ["driver", "ready"])
        self.assertEqual(self.in_bash("wait", "--for", "=", "rea"), ["ready"])
        self.assertEqual(self.in_bash("install", "--dry"), ["--dry-run"])
        self.assertEqual(self.in_bash("nonsense", "--x"), [])

    def test_bash_knows_what_is_installed(self) -> None:
        self.assertEqual(self.run_in([programs() / "overdrive", "--root", self.work, "completion", "answer", "--", "rollback", "--to", ""]), [])

    def test_zsh_completes(self) -> None:
        zsh = self.need("zsh")
        directory = self.work / "functions"
        directory.mkdir()
        shutil.move(self.script("zsh", "_overdrive"), directory)
        # zsh completes for a terminal only: its own test module gives it one.
        asked = f"""zmodload zsh/zpty
            zpty shell {zsh} -f -i
            zpty -w shell 'PS1=; fpath=({directory} $fpath); autoload -U compinit; compinit -u -d {self.work}/dump; echo rea''dy'
            zpty -m -r shell heard '*ready*'
            zpty -n -w shell $'overdrive wait --for rea\\t'
            for ((i = 0; i < 100; ++i)); do
                zpty -r -t shell more && heard+=$more
                [[ $heard = *'--for ready'* ]] && break
                sleep 0.05
            done
            zpty -d shell
            [[ $heard = *'--for ready'* ]] && echo completed"""
        self.assertIn("completed", self.run_in([zsh, "-f", "-c", asked]))

    def test_fish_completes(self) -> None:
        fish = self.need("fish")
        script = self.script("fish", "overdrive.fish")
        self.assertEqual(self.run_in([fish, "--no-config", "-c", f"source {script}; complete -C 'overdrive wait --for '"]), ["driver", "ready"])
        self.assertIn("install", self.run_in([fish, "--no-config", "-c", f"source {script}; complete -C 'overdrive inst'"]))

    def test_the_scripts_are_written_without_a_fault(self) -> None:
        self.assertEqual(self.run_in(["bash", "-n", self.script("bash", "overdrive")]), [])


class PagesTest(unittest.TestCase):
    def test_manual_pages_are_formatted_without_a_warning(self) -> None:
        for page in PAGES:
            with self.subTest(page):
                command = ["groff", "-man", "-Tutf8", "-ww", "-Wbreak", "-z", TOP / page]
                done = subprocess.run(command, capture_output=True, text=True)
                self.assertEqual((done.returncode, done.stderr), (0, ""))

    def test_mandoc_finds_no_error(self) -> None:
        if not shutil.which("mandoc"):
            self.skipTest("mandoc is not on this machine; Debian packages it")
        for page in PAGES:
            done = subprocess.run(["mandoc", "-Tlint", "-Werror", TOP / page], capture_output=True, text=True)
            self.assertEqual((done.returncode, done.stdout), (0, ""))

    def test_the_page_of_keys_has_every_key_and_no_other(self) -> None:
        source = (TOP / "installer/model/config_keys.cpp").read_text()
        keys = {key.removesuffix(".*") for key in re.findall(r'^    \{"([a-z.*-]+)",', source, re.MULTILINE)}
        page = (TOP / "docs/man/overdrive.toml.5").read_text().replace("\\-", "-")
        named = {key for key in re.findall(r"\\fB([a-z.-]+?)\.?\\f[RI]", page) if key not in ("update", "overdrive")}
        self.assertEqual(named, keys)

    def test_the_catalog_explains_every_message_id(self) -> None:
        catalog = (TOP / "systemd/overdrive.catalog").read_text()
        source = (TOP / "installer/verbs/tell_journal.hpp").read_text()
        self.assertEqual(sorted(re.findall(r"^-- ([0-9a-f]{32})$", catalog, re.MULTILINE)), sorted(re.findall(r'"([0-9a-f]{32})"', source)))
        journalctl = shutil.which("journalctl")
        if not journalctl:
            self.skipTest("no journalctl")
        with tempfile.TemporaryDirectory() as root:
            for folder in ("usr/lib/systemd/catalog", "var/lib/systemd/catalog"):
                (Path(root) / folder).mkdir(parents=True)
            shutil.copy(TOP / "systemd/overdrive.catalog", Path(root) / "usr/lib/systemd/catalog")
            self.assertNotIn("overdrive", say([journalctl, f"--root={root}", "--update-catalog"]))
            listed = say([journalctl, f"--root={root}", "--list-catalog"]).splitlines()
            self.assertEqual(len([line for line in listed if line.split()[1] == "overdrive:"]), 4)


class HooksTest(unittest.TestCase):
    """The examples with stand-ins for the programs that they call: what is called, with which words."""

    def setUp(self) -> None:
        work = tempfile.TemporaryDirectory()
        self.addCleanup(work.cleanup)
        self.work = Path(work.name)

    def stand_in(self, name: str, body: str = "") -> Path:
        path = self.work / "bin" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(f'#!/bin/bash\necho "{name} $*" >>{self.work}/calls\n{body}\n')
        path.chmod(0o755)
        return path

    def calls(self, hook: str, **variables: str) -> list[str]:
        (self.work / "calls").unlink(missing_ok=True)
        environment = {"PATH": f"{self.work}/bin:/usr/bin:/bin", "NODE_NAME": "node-1", "OVERDRIVE_STATE": "ready", "OVERDRIVE_USABLE": "yes",
                       "OVERDRIVE_DRIVER": "550.1.1", "OVERDRIVE_KERNEL": "6.1.0+deb", "OVERDRIVE_REASON": "", **variables}
        done = subprocess.run([HOOKS / hook], env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return (self.work / "calls").read_text().splitlines() if (self.work / "calls").exists() else []

    def test_a_node_is_labelled_and_the_taint_goes_when_a_driver_works(self) -> None:
        self.stand_in("kubectl")
        called = self.calls("10-kubernetes-node", HANDED_OVER="yes")
        self.assertEqual(called, ["kubectl label --overwrite node node-1 overdrive/state=ready overdrive/driver=550.1.1 overdrive/kernel=6.1.0_deb",
                                  "kubectl taint node node-1 overdrive/driver-not-usable-"])

    def test_a_node_without_a_driver_is_tainted_with_the_reason(self) -> None:
        self.stand_in("kubectl")
        called = self.calls("10-kubernetes-node", HANDED_OVER="yes", OVERDRIVE_STATE="degraded", OVERDRIVE_USABLE="no", OVERDRIVE_REASON="modules")
        self.assertEqual(called[1], "kubectl taint --overwrite node node-1 overdrive/driver-not-usable=modules:NoSchedule")

    def test_the_work_is_handed_to_a_unit_that_knows_the_state(self) -> None:
        self.stand_in("kubectl", "exit 1")
        self.stand_in("systemctl")
        self.stand_in("systemd-run")
        called = self.calls("10-kubernetes-node")
        self.assertEqual([line.split()[0] for line in called], ["systemctl", "systemd-run"])
        self.assertIn("--setenv=OVERDRIVE_STATE=ready", called[1])
        self.assertTrue(called[1].endswith(str(HOOKS / "10-kubernetes-node")), called[1])

    def test_gpus_are_divided_as_the_file_says_and_the_plugin_is_restarted(self) -> None:
        smi = self.stand_in("nvidia-smi", "case $* in *mig.mode.current*) echo Disabled ;; esac")
        self.stand_in("crictl", "case $1 in pods) echo 0123abcd ;; esac")
        (self.work / "mig").write_text("# index profiles\n0 1g.10gb,3g.40gb\n")
        called = self.calls("20-gpu-consumers", NVIDIA_SMI=str(smi), MIG_PLAN=str(self.work / "mig"))
        self.assertIn("nvidia-smi -i 0 -mig 1", called)
        self.assertIn("nvidia-smi mig -i 0 -cgi 1g.10gb,3g.40gb -C", called)
        self.assertEqual(called[-1], "crictl stopp 0123abcd")

    def test_gpus_that_are_divided_already_stay(self) -> None:
        smi = self.stand_in("nvidia-smi", "case $* in *mig.mode.current*) echo Enabled ;; *-lgi*) echo '| 0 MIG 1g.10gb |' ;; esac")
        (self.work / "mig").write_text("0 1g.10gb\n")
        called = self.calls("20-gpu-consumers", NVIDIA_SMI=str(smi), MIG_PLAN=str(self.work / "mig"))
        self.assertFalse([line for line in called if "-cgi" in line or "-mig 1" in line], called)

    def test_without_a_driver_nothing_is_touched(self) -> None:
        self.stand_in("crictl")
        self.assertEqual(self.calls("20-gpu-consumers", OVERDRIVE_STATE="degraded"), [])

    def test_their_names_are_names_of_hooks_and_they_are_executable(self) -> None:
        for hook in HOOKS.iterdir():
            self.assertRegex(hook.name, r"^[A-Za-z0-9_-]+$")
            self.assertTrue(os.access(hook, os.X_OK), hook)


if __name__ == "__main__":
    unittest.main()
