#!/usr/bin/env python3
"""A site without a network: the artifact comes as a file, and the same key vouches for it.
Run as root: python3 tests/integration/registry/airgap_test.py
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent))

from registry_case import DRIVER, REPOSITORY, TAG, RegistryCase, main  # noqa: E402 - first: it says where the others are
from cli_case import Run, make_key, remove_shared, say  # noqa: E402
NO_NETWORK = ["unshare", "--net"]


class AirGapTest(RegistryCase):
    def carried(self) -> Path:
        """From the registry into an archive, as CI does it."""
        archive = self.work / "driver.tar"
        say(["skopeo", "copy", "-q", "--all", "--preserve-digests", "--src-tls-verify=false", f"docker://{self.registry.host}/{REPOSITORY}:{TAG}",
             f"oci-archive:{archive}:{TAG}"])
        self.registry.close()
        return archive

    def install_without_network(self, archive: Path) -> Run:
        return self.host.overdrive("install", DRIVER, "--source", f"oci-archive:{archive}", "--no-activate", "--no-units", prefix=NO_NETWORK)

    def test_an_archive_is_installed_and_verified_with_the_same_key(self) -> None:
        archive = self.carried()
        run = self.install_without_network(archive)
        self.assert_installed(run, DRIVER)
        self.assertEqual(self.host.overdrive("verify").rc, 0)

    def test_an_archive_that_another_key_signed_is_refused(self) -> None:
        archive = self.carried()
        shutil.copy(make_key("second")[1], self.host.root / "etc/first.pub")
        self.remember()
        self.refused(self.install_without_network(archive), "untrusted", 2, "/etc/first.pub")


tearDownModule = remove_shared

if __name__ == "__main__":
    main()
