#!/usr/bin/env python3
"""What monitoring calls every minute and every boot runs looks at little: the program as it ships, with a driver in force, in a
root of its own. What it opens is counted; how long it takes is compared with the program's own start.
Run as root: python3 tests/integration/static/quick_test.py
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
import unittest
from collections import Counter
from collections.abc import Callable
from pathlib import Path

sys.dont_write_bytecode = True
TOP = Path(__file__).resolve().parents[3]
sys.path[:0] = [str(TOP / "tests/support"), str(TOP / "tests/proof")]

import proof_host as proof  # noqa: E402
from cli_case import say  # noqa: E402
from host_case import HostCase  # noqa: E402

PROGRAM = Path(os.environ.get("OVERDRIVE_BUNDLE", TOP / "build/bundle")) / "bin/overdrive"
DRIVER = proof.DRIVERS[0]
# The host's loader, asked once where it looks; nothing in the root could run a script.
LOADER = '#include <stdio.h>\nint main(void) { puts("path.system_dirs[0x0]=\\"/usr/lib64/\\""); }\n'
SPEC, SEAL = "run/cdi/overdrive-nvidia.yaml", "run/overdrive/cdi.json"


class QuickTest(HostCase):
    drivers = (DRIVER,)

    def setUp(self) -> None:
        super().setUp()
        self.run_well("install", DRIVER)
        proof.detach_overlays(self.node)
        # From here on the host's tree is the root of the program: a mount, with the /proc of this machine where the
        # simulated one has nothing.
        say(["mount", "--bind", self.node, self.node])
        (self.node / "realproc").mkdir()
        say(["mount", "--bind", "/proc", self.node / "realproc"])
        self.addCleanup(lambda: say(["umount", "--recursive", "--lazy", self.node]))
        for name in ("self", "thread-self"):
            (self.node / "proc" / name).symlink_to(f"/realproc/{name}")
        say(["mknod", "-m", "666", self.node / "dev/null", "c", "1", "3"])
        subprocess.run(["cc", "-static", "-x", "c", "-", "-o", self.node / "lib64/ld-linux-x86-64.so.2"], input=LOADER, text=True, check=True)
        shutil.copy(PROGRAM, self.node / "overdrive")
        self.assertEqual(self.answer("activate")["result"], "changed")
        self.assertEqual(self.answer("activate")["result"], "nothing-to-do")

    def overdrive(self, *words: str, prefix: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
        command = [*prefix, "chroot", str(self.node), "/overdrive", *words]
        return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)

    def answer(self, *words: str) -> dict[str, object]:
        done = self.overdrive("--json", *words)
        self.assertEqual(done.returncode, 0, done)
        return dict(json.loads(done.stdout))

    def opened(self, *words: str) -> Counter[str]:
        """How often each path is looked up through the host's root."""
        trace = self.work / "trace"
        done = self.overdrive(*words, prefix=("strace", "-f", "-qq", "-e", "trace=openat2,execve", "-o", str(trace)))
        self.assertEqual(done.returncode, 0, done)
        text = trace.read_text()
        self.assertEqual(len(re.findall(r"execve\(", text)), 2, "chroot and the program; nothing else is started")
        return Counter(re.findall(r'openat2\(\d+, "([^"]*)"', text))

    def seconds(self, *words: str) -> float:
        """The best of some runs: what others on the machine take away is not of interest."""
        best = 60.0
        for _ in range(9):
            begun = time.monotonic()
            self.overdrive(*words)
            best = min(best, time.monotonic() - begun)
        return best

    def test_everything_is_looked_at_once(self) -> None:
        for words, record in ((("activate",), 3), (("activate", "--repair"), 3), (("status",), 1)):
            opened = self.opened(*words)
            # Whoever may change something compares the file before and after, to tell what was added.
            self.assertLessEqual(opened["opt/nvidia/.overdrive/record.json"], record, words)
            self.assertLessEqual(opened["proc/modules"], 1, words)
            self.assertLessEqual(opened["usr/lib64/libcuda.so.1"], 1, words)
            in_tree = [path for path in opened if path.startswith("lib64/lib")]
            self.assertEqual(in_tree, [], f"{words}: what the driver's tree holds is known")

    def test_it_takes_little_longer_than_the_program_needs_to_start(self) -> None:
        start = self.seconds("--version")
        for words in (("status",), ("activate",), ("activate", "--boot"), ("activate", "--repair")):
            took = self.seconds(*words)
            print(f"quick: {' '.join(words)}: {took * 1e3:.1f} ms, the program's start {start * 1e3:.1f} ms", file=sys.stderr)
            self.assertLess(took, 8 * start)

    def looked_into_the_tree(self) -> bool:
        return any(path.startswith("lib64/lib") for path in self.opened("activate"))

    def test_a_specification_is_made_anew_when_it_or_what_it_is_made_of_is_not_as_it_was(self) -> None:
        spec, seal = self.node / SPEC, self.node / SEAL
        right = spec.read_text()
        added = self.node / "opt/nvidia" / proof.pair(DRIVER) / "lib64/added.so"
        node = self.node / "dev/nvidia-uvm-tools"
        config = self.node / "etc/overdrive/config.toml.d/containers.toml"
        config.parent.mkdir()
        changes: dict[str, Callable[[], object]] = {
            "edited": lambda: spec.write_text(right.replace("nvidia0", "nvidia1")), "gone": spec.unlink, "no seal": seal.unlink,
            "another seal": lambda: seal.write_text(seal.read_text().replace('"sha256": "', '"sha256": "0')),
            "a node more": lambda: say(["mknod", node, "c", "511", "1"]), "a node less": node.unlink, "a file more": added.touch,
            "a file less": added.unlink, "configured": lambda: config.write_text('[containers]\ncdi-version = "0.6.0"\n'),
            "as before": config.unlink}
        for what, change in changes.items():
            change()
            self.assertTrue(self.looked_into_the_tree(), what)
            self.assertEqual([path for path in self.opened("activate") if path.startswith("lib64/lib")], [], what)
            self.assertEqual("nvidia-uvm-tools" in spec.read_text(), node.exists(), what)
        self.assertEqual(spec.read_text(), right)


if __name__ == "__main__":
    if os.geteuid() != 0 or not PROGRAM.exists() or not shutil.which("strace"):
        print(f"SKIPPED: needs root, strace and {PROGRAM} (ci/bundle)")
        sys.exit(77)
    unittest.main(verbosity=2)
