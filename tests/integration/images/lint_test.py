#!/usr/bin/env python3
"""ci/lint-images: every rule has a Containerfile that breaks it, and the repository's own break none."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
LINT = ROOT / "ci/lint-images"
DIGEST = "sha256:" + "0" * 64
GOOD = f"""ARG BASE
FROM ${{BASE}} AS developer
ARG KERNEL
RUN --mount=type=bind,source=kernel,target=/mnt \\
    # a comment between
    set -o pipefail && ls | sort && test -f "/lib/modules/$KERNEL/build"
FROM registry.example/image@{DIGEST} AS other
COPY --from=developer / /
FROM scratch
COPY --from=other /out/ /
"""


class LintImagesTest(unittest.TestCase):
    def lint(self, text: str, name: str = "Containerfile") -> list[str]:
        with tempfile.TemporaryDirectory() as work:
            path = Path(work) / name
            path.write_text(text)
            done = subprocess.run([LINT, path], stdout=subprocess.PIPE, text=True, check=False)
            findings = [line.removeprefix(f"{path}:") for line in done.stdout.splitlines()]
            self.assertEqual(done.returncode, 1 if findings else 0)
            return findings

    def assert_found(self, rule: str, line: int, text: str, name: str = "Containerfile") -> None:
        findings = self.lint(text, name)
        self.assertEqual([finding.split(": ")[:2] for finding in findings], [[str(line), rule]], findings)

    def test_a_good_file_has_no_finding(self) -> None:
        self.assertEqual(self.lint(GOOD), [])

    def test_the_repository_has_no_finding(self) -> None:
        done = subprocess.run([LINT], stdout=subprocess.PIPE, text=True, check=False)
        self.assertEqual((done.returncode, done.stdout), (0, ""))

    def test_an_image_must_be_pinned_by_digest(self) -> None:
        for image in ("debian", "debian:latest", "debian:12", "debian@sha256:abc", f"Debian@{DIGEST}x"):
            with self.subTest(image=image):
                self.assert_found("from-pinned", 1, f"FROM {image}\n")

    def test_add_is_refused(self) -> None:
        self.assert_found("add", 2, "FROM scratch\nADD https://example/file /\n")

    def test_a_download_may_not_go_into_a_shell(self) -> None:
        for pipe in ("curl https://example | sh", "wget -qO- https://example | bash -s x"):
            self.assert_found("pipe-to-shell", 2, f"FROM scratch\nRUN set -o pipefail && {pipe}\n", "base.Containerfile")

    def test_only_the_base_may_reach_the_network(self) -> None:
        for command in ("curl -o f https://example", "git clone https://example", "true && apt-get update"):
            self.assert_found("network", 2, f"FROM scratch\nRUN {command}\n")
        self.assertEqual(self.lint("FROM scratch\nRUN curl -o f https://example\n", "base.Containerfile"), [])

    def test_a_pipe_needs_pipefail(self) -> None:
        self.assert_found("pipefail", 2, "FROM scratch\nRUN ls | sort\n")
        self.assertEqual(self.lint("FROM scratch\nRUN ls || echo 'a | b'\n"), [])

    def test_an_argument_must_be_used_in_its_stage(self) -> None:
        self.assert_found("arg-unused", 2, "FROM scratch AS a\nARG KERNEL\nFROM scratch\nRUN echo $KERNEL\n")
        self.assert_found("arg-unused", 1, "ARG BASE\nFROM scratch\n")

    def test_an_install_step_leaves_nothing_behind(self) -> None:
        self.assert_found("install", 2, "FROM scratch\nRUN apt-get install -y --no-install-recommends gcc\n", "base.Containerfile")
        self.assert_found("install", 2, "FROM scratch\nRUN dnf --assumeyes install gcc && dnf clean all\n", "base.Containerfile")
        self.assert_found("install", 2, "FROM scratch\nRUN zypper --non-interactive install --no-recommends gcc\n", "base.Containerfile")

    def test_a_secret_may_not_be_in_the_history(self) -> None:
        self.assert_found("secret", 2, "FROM scratch\nENV REGISTRY_TOKEN=x\n")

    def test_what_starts_may_not_start_as_root(self) -> None:
        self.assert_found("user", 2, "FROM scratch\nENTRYPOINT [\"/x\"]\n")
        self.assertEqual(self.lint("FROM scratch\nUSER 1000\nENTRYPOINT [\"/x\"]\n"), [])

    def test_other_slips(self) -> None:
        self.assert_found("workdir", 2, "FROM scratch\nWORKDIR build\n")
        self.assert_found("sudo", 2, "FROM scratch\nRUN true && sudo make\n")
        self.assert_found("instruction", 2, "FROM scratch\nMAINTAINER x\n")


if __name__ == "__main__":
    sys.dont_write_bytecode = True
    unittest.main()
