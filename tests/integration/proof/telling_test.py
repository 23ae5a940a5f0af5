#!/usr/bin/env python3
"""What a run tells others: hooks that are real programs, the metrics file, the operator's files, entries for a journal, status
that is watched. Over a host's tree with a simulated kernel. Run as root: python3 tests/integration/proof/telling_test.py
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import unittest
from pathlib import Path

sys.dont_write_bytecode = True
TOP = Path(__file__).resolve().parents[3]
sys.path[:0] = [str(TOP / "tests/support"), str(TOP / "tests/proof")]

import proof_host as proof  # noqa: E402
from host_case import HostCase  # noqa: E402

DRIVER, OTHER = proof.DRIVERS[:2]
NAME = "[a-zA-Z_:][a-zA-Z0-9_:]*"
LABELS = r'[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\[\\"n])*"'
SAMPLE = re.compile(rf"({NAME})(?:\{{({LABELS}(?:,{LABELS})*)\}})? (-?[0-9.e+]+|NaN|[+-]Inf)")


def metrics(text: str) -> dict[str, float]:
    """Reads Prometheus' text format strictly: HELP and TYPE once and first, a metric's samples together, none twice."""
    samples: dict[str, float] = {}
    typed: dict[str, str] = {}
    done: set[str] = set()
    now = ""
    assert text.endswith("\n")
    for line in text.splitlines():
        if line.startswith("# HELP "):
            name = line.split()[2]
            assert name not in done and name != now, f"{name} is begun twice"
            done.add(now)
            now = name
        elif line.startswith("# TYPE "):
            _, _, name, kind = line.split()
            assert name == now and kind in ("gauge", "counter") and kind == ("counter" if name.endswith("_total") else "gauge"), line
            typed[name] = kind
        else:
            match = SAMPLE.fullmatch(line)
            assert match, f"'{line}' is no sample"
            assert match[1] == now and now in typed, f"'{line}' stands under {now}"
            key = f"{match[1]}{{{match[2]}}}" if match[2] else match[1]
            assert key not in samples, f"{key} twice"
            samples[key] = float(match[3])
    return samples


class TellingTest(HostCase):
    drivers = (DRIVER, OTHER)

    def setUp(self) -> None:
        super().setUp()
        self.hooks = self.node / "etc/overdrive/hooks.d"

    def hook(self, name: str, body: str) -> None:
        self.hooks.mkdir(exist_ok=True)
        path = self.hooks / name
        path.write_text(f"#!/bin/bash\n{body}\n")
        path.chmod(0o755)

    def test_a_hook_reads_the_status_and_knows_the_state(self) -> None:
        told = self.work / "told"
        self.hook("10-look", f'cat >{told}.json; env | grep ^OVERDRIVE_ | sort >{told}.env; echo seen')
        self.run_well("install", DRIVER)
        self.assertEqual(json.loads(Path(f"{told}.json").read_text()), json.loads((self.node / "run/overdrive/status.json").read_text()))
        variables = dict(line.split("=", 1) for line in Path(f"{told}.env").read_text().splitlines())
        self.assertEqual((variables["OVERDRIVE_STATE"], variables["OVERDRIVE_DRIVER"], variables["OVERDRIVE_PREVIOUS_STATE"]), ("ready", DRIVER, ""))
        self.run_well("deactivate")
        variables = dict(line.split("=", 1) for line in Path(f"{told}.env").read_text().splitlines())
        self.assertEqual((variables["OVERDRIVE_STATE"], variables["OVERDRIVE_REASON"], variables["OVERDRIVE_PREVIOUS_STATE"]),
                         ("degraded", "not-active", "ready"))

    def test_a_hook_that_hangs_is_killed_with_all_that_it_started(self) -> None:
        with (self.node / "etc/overdrive/config.toml").open("a") as config:
            config.write("[hooks]\ntimeout = 1\n")
        pids = self.work / "pids"
        self.hook("10-hangs", f"sleep 900 & echo $! $$ >{pids}; echo waiting; wait")
        self.hook("20-next", f"touch {self.work}/next")
        ended = self.run_well("install", DRIVER)
        self.assertIn("hooks.d/10-hangs' took longer than 1000 ms and was killed: waiting", ended.stderr)
        self.assertTrue((self.work / "next").exists())
        for pid in pids.read_text().split():
            state = Path(f"/proc/{pid}/stat")
            self.assertTrue(not state.exists() or state.read_text().split()[2] == "Z", f"{pid} lives")

    def test_a_hook_may_run_this_program(self) -> None:
        self.hook("10-again", f"{proof.simulated()} --root {self.node} activate && {proof.simulated()} --root {self.node} status | head -1")
        self.assertNotIn("hook", self.run_well("install", DRIVER).stderr)

    def test_metrics_follow_the_grammar_and_the_node(self) -> None:
        directory = self.node / "var/lib/node_exporter"
        directory.mkdir()
        with (self.node / "etc/overdrive/config.toml").open("a") as config:
            config.write('[metrics]\ndirectory = "/var/lib/node_exporter"\n')
        begun = int(time.time())
        self.run_well("install", DRIVER)
        seen = metrics((directory / "overdrive.prom").read_text())
        self.assertEqual((seen['overdrive_state{state="ready"}'], seen['overdrive_state{state="degraded"}'], seen["overdrive_usable"]), (1, 0, 1))
        self.assertGreaterEqual(seen['overdrive_last_success_timestamp_seconds{verb="install"}'], begun)
        self.assertGreater(seen['overdrive_last_run_duration_seconds{verb="install"}'], 0)
        for _ in range(2):
            self.assertNotEqual(proof.run(self.node, "install", "905.1.0").rc, 0)
        seen = metrics((directory / "overdrive.prom").read_text())
        self.assertEqual({name: value for name, value in seen.items() if "failures" in name},
                         {'overdrive_failures_total{verb="install",reason="no-artifact"}': 2})
        self.assertEqual([path.name for path in directory.iterdir()], ["overdrive.prom"])
        promtool = shutil.which("promtool")
        if promtool:
            checked = subprocess.run([promtool, "check", "metrics"], input=(directory / "overdrive.prom").read_text(), capture_output=True, text=True)
            self.assertEqual((checked.returncode, checked.stderr), (0, ""))
        self.run_well("uninstall")
        self.assertEqual(list(directory.iterdir()), [])

    def test_a_metrics_file_of_somebody_else_does_no_harm(self) -> None:
        directory = self.node / "var/lib/node_exporter"
        directory.mkdir()
        with (self.node / "etc/overdrive/config.toml").open("a") as config:
            config.write('[metrics]\ndirectory = "/var/lib/node_exporter"\n')
        (directory / "overdrive.prom").write_bytes(b'overdrive_failures_total{verb="x"y} 1\noverdrive_failures_total{verb="a",reason="b"} 5\n\xff\0\n')
        self.run_well("install", DRIVER)
        self.assertEqual(metrics((directory / "overdrive.prom").read_text())['overdrive_failures_total{verb="a",reason="b"}'], 5)

    def test_entries_reach_the_journal_of_this_root(self) -> None:
        place = self.node / "run/systemd/journal"
        place.mkdir(parents=True)
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as journald:
            journald.bind(str(place / "socket"))
            journald.settimeout(5)
            self.run_well("install", DRIVER)
            entries = []
            while not entries or "OVERDRIVE_STATE" not in entries[-1]:
                entries.append(dict(line.split("=", 1) for line in journald.recv(65536).decode().splitlines()))
        self.assertEqual([entry.get("OVERDRIVE_OUTCOME") for entry in entries], ["installed", "activated", None])
        self.assertEqual({entry["OVERDRIVE_DRIVER"] for entry in entries}, {DRIVER})
        self.assertEqual((entries[-1]["OVERDRIVE_STATE"], entries[-1]["PRIORITY"], entries[-1]["SYSLOG_IDENTIFIER"]), ("ready", "5", "overdrive"))

    def test_a_watched_status_tells_each_change_in_one_line_and_ends_on_a_signal(self) -> None:
        command = [proof.simulated(), "--root", self.node, "--json", "status", "--watch", "--interval", "60"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as watching:
            assert watching.stdout
            self.assertEqual(json.loads(watching.stdout.readline())["because"], "nothing-installed")
            begun = time.monotonic()
            self.run_well("install", DRIVER)
            states = []
            while not states or states[-1] != "ready":
                states.append(json.loads(watching.stdout.readline())["state"])
            self.assertLess(time.monotonic() - begun, 30, "it was not woken but looked by itself")
            watching.send_signal(signal.SIGTERM)
            self.assertEqual(watching.wait(10), 0)

    def test_waiting_is_woken_by_the_activation_and_stopped_by_a_signal(self) -> None:
        self.run_well("install", DRIVER)
        self.run_well("deactivate")
        command = [proof.simulated(), "--root", self.node, "wait", "--for", "ready", "--timeout", "120"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as waiting:
            time.sleep(0.3)
            self.assertIsNone(waiting.poll())
            self.run_well("activate")
            self.assertEqual(waiting.wait(10), 0)
        self.run_well("deactivate")
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as waiting:
            time.sleep(0.3)
            waiting.send_signal(signal.SIGTERM)
            self.assertEqual(waiting.wait(10), 1)


if __name__ == "__main__":
    if os.geteuid() != 0:
        print("skipped: mounts need root")
        sys.exit(77)
    unittest.main()
