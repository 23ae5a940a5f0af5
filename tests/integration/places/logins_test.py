#!/usr/bin/env python3
"""Logins as the container tools write them, at a real docker-registry that wants one.
Run as root: python3 tests/integration/places/logins_test.py
"""

from __future__ import annotations

import crypt
import json
import shutil
import sys
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "registry"))

from registry_case import QUICK, REPOSITORY, TAG, RegistryCase  # noqa: E402 - first: it says where the others are
from registry_case import main as run_tests  # noqa: E402
from cli_case import layout, remove_shared, say  # noqa: E402
from vm_registry import Registry  # noqa: E402

USER, PASSWORD = "node", "pass:word of the node"
AUTH_FILE = "etc/containers/auth.json"


class LoginsTest(RegistryCase):
    settings = QUICK

    def setUp(self) -> None:
        super().setUp()
        (self.work / "htpasswd").write_text(f"{USER}:{crypt.crypt(PASSWORD, crypt.mksalt(crypt.METHOD_BLOWFISH, rounds=16))}\n")
        self.real = Registry(self.work / "real", sections=f"auth: {{htpasswd: {{realm: basic, path: {self.work}/htpasswd}}}}\n")
        self.real.start()
        self.addCleanup(self.real.close)
        say(["skopeo", "copy", "-q", "--all", "--preserve-digests", "--dest-tls-verify=false", "--dest-creds", f"{USER}:{PASSWORD}",
             f"oci:{layout()}:{TAG}", f"docker://{self.real.on_host}/{REPOSITORY}:{TAG}"])
        self.source = f"docker://{self.real.on_host}/{REPOSITORY}"
        self.written = self.work / "auth.json"

    def log_in(self, tool: str, where: str) -> None:
        say([tool, "login", "--tls-verify=false", "--authfile", self.written, "-u", USER, "-p", PASSWORD, where])

    def keep(self, path: str = AUTH_FILE) -> None:
        """What the tool wrote becomes the host's."""
        there = self.host.root / path
        there.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(self.written, there)
        self.remember()

    def test_without_a_login_it_is_refused(self) -> None:
        self.refused(self.timed(15), "login-refused", 6, self.real.on_host)

    def test_skopeo_login_is_read(self) -> None:
        self.log_in("skopeo", self.real.on_host)
        for place in (AUTH_FILE, "run/containers/0/auth.json", "root/.config/containers/auth.json", "root/.docker/config.json"):
            with self.subTest(place):
                self.new_host()
                self.keep(place)
                self.installed(self.timed(15))

    def test_podman_login_to_a_namespace_counts_there_alone(self) -> None:
        self.log_in("podman", f"{self.real.on_host}/{REPOSITORY.split('/')[0]}")
        self.keep()
        self.installed(self.timed(15))
        self.new_host()
        self.log_in("podman", f"{self.real.on_host}/elsewhere")
        kept = json.loads(self.written.read_text())
        kept["auths"].pop(f"{self.real.on_host}/{REPOSITORY.split('/')[0]}")
        self.written.write_text(json.dumps(kept))
        self.keep()
        self.refused(self.timed(15), "login-refused", 6, self.real.on_host)

    def test_a_login_that_is_wrong_is_named_by_its_file_and_never_shown(self) -> None:
        self.log_in("skopeo", self.real.on_host)
        self.keep()
        (self.work / "htpasswd").write_text(f"{USER}:{crypt.crypt('another', crypt.mksalt(crypt.METHOD_BLOWFISH, rounds=16))}\n")
        run = self.timed(15)
        self.refused(run, "login-refused", 6, AUTH_FILE)
        self.assertNotIn("of the node", str(run))

    def test_a_file_that_cannot_be_understood_is_named(self) -> None:
        self.written.write_text('{"auths": {"' + self.real.on_host + '": {"auth": "hunter2"}}}')
        self.keep()
        run = self.timed(15)
        self.refused(run, "config", 2, AUTH_FILE)
        self.assertNotIn("hunter2", str(run))

    def test_a_helper_of_the_host_cannot_run_in_a_container_and_that_is_said(self) -> None:
        self.written.write_text(json.dumps({"credHelpers": {self.real.on_host: "stand-in"}}))
        self.keep()
        self.refused(self.timed(15), "login-refused", 6, "docker-credential-stand-in", "cannot run in a container")


tearDownModule = remove_shared

if __name__ == "__main__":
    for program in ("docker-registry", "skopeo", "podman"):
        if not shutil.which(program):
            print(f"SKIPPED: {program} is missing; run: ci/setup images")
            sys.exit(77)
    run_tests()
