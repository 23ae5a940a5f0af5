#!/usr/bin/env python3
"""Real podman runs the hooks that a CDI spec names, and a program in the container finds the driver's library."""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path

from hook_case import DRIVER_FOLDER, HOOK, PIECES, SKIPPED, HookCase, Said, make_debian_root, run_tests, said_by

SPECS = Path("/var/run/cdi")


class PodmanTest(HookCase):
    def setUp(self) -> None:
        super().setUp()
        make_debian_root(self.rootfs)
        self.kind = f"overdrive.test/hook{os.getpid()}"
        made_here = not SPECS.exists()
        SPECS.mkdir(parents=True, exist_ok=True)
        self.spec = SPECS / f"overdrive-test-{os.getpid()}.json"
        self.addCleanup(lambda: SPECS.rmdir() if made_here and not any(SPECS.iterdir()) else None)
        self.addCleanup(self.spec.unlink)

    def define(self, *hooks: list[str], env: list[str] | None = None) -> None:
        """A device whose library is mounted as the driver's are, and whose hooks are these argument lists."""
        library = "libcuda.so.900.1.0"
        mount = {"hostPath": str(PIECES / library), "containerPath": f"{DRIVER_FOLDER}/{library}", "options": ["ro", "rbind"]}
        entries = [{"hookName": "createContainer", "path": str(HOOK), "args": words, "env": env or ["NVIDIA_CTK_DEBUG=false"]}
                   for words in hooks]
        spec = {"cdiVersion": "0.3.0", "kind": self.kind,
                "devices": [{"name": "all", "containerEdits": {"mounts": [mount], "hooks": entries}}]}
        self.spec.write_text(json.dumps(spec))

    def run_in_container(self, *command: str, options: tuple[str, ...] = ()) -> Said:
        # The ulimits: raising them is not allowed everywhere that tests run.
        return said_by("podman", "run", "--rm", "--runtime", "runc", "--network", "none", "--ulimit", "nofile=1024:1024", "--ulimit",
                       "nproc=1000:1000", "--device", f"{self.kind}=all", *options, "--rootfs", self.rootfs, *command, env=dict(os.environ))

    def test_the_linker_of_a_container_finds_the_library(self) -> None:
        self.define(["nvidia-cdi-hook", "create-symlinks", "--link", f"libcuda.so.1::{DRIVER_FOLDER}/libcuda.so"],
                    ["nvidia-ctk", "hook", "update-ldcache", "--folder", DRIVER_FOLDER, "--ldconfig-path", "/sbin/ldconfig"],
                    ["nvidia-cdi-hook", "disable-device-node-modification"],
                    ["nvidia-cdi-hook", "update-application-profile"])
        for name in ("libcuda.so.1", "libcuda.so"):
            said = self.run_in_container("/probe", name)
            self.assertEqual((said.rc, said.stdout), (0, f"{DRIVER_FOLDER}/{name}\n"), said)
        said = self.run_in_container("/probe", "libcuda.so.1", options=("--read-only",))
        self.assertEqual((said.rc, said.stdout), (0, f"{DRIVER_FOLDER}/libcuda.so.1\n"), said)

    def test_without_the_hook_it_does_not(self) -> None:
        self.define(["nvidia-cdi-hook", "disable-device-node-modification"])
        self.assertIn("not found: libcuda.so.1", self.run_in_container("/probe", "libcuda.so.1").stderr)

    def test_a_hook_that_fails_keeps_the_container_from_starting_and_its_words_are_shown(self) -> None:
        self.define(["nvidia-cdi-hook", "create-symlinks", "--link", "x::/usr/../../etc/x"])
        said = self.run_in_container("/probe", "libcuda.so.1")
        self.assertNotEqual(said.rc, 0)
        self.assertIn("has a '..'", said.stderr)


if __name__ == "__main__":
    for program in ("podman", "runc"):
        if shutil.which(program) is None:
            print(f"SKIPPED: the program {program} is not installed (ci/setup)")
            sys.exit(SKIPPED)
    run_tests()
