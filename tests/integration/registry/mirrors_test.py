#!/usr/bin/env python3
"""Mirrors and other rules of registries.conf, as the container tools have them.
Run as root: python3 tests/integration/registry/mirrors_test.py
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent))

from registry_case import DRIVER, QUICK, REPOSITORY, RegistryCase, layer, main  # noqa: E402 - first: it says where the others are
from cli_case import OS_VERSION, layout, remove_shared  # noqa: E402
from registry_faults import ANY, BLOB, TAG, FaultyRegistry, cut, flip, reset, too_many  # noqa: E402
from registry_store import RegistryStore  # noqa: E402
from standin_registry import RegistryApi  # noqa: E402

NAME = "registry.test"
TAG_NAME = f"{OS_VERSION}-{DRIVER}"
AT_MIRROR = f"cache/{REPOSITORY}"


class MirrorsTest(RegistryCase):
    settings = QUICK

    def setUp(self) -> None:
        super().setUp()
        store = RegistryStore(self.work / "mirror")
        store.load_layout(AT_MIRROR, layout())
        self.mirror = self.serve(RegistryApi(store))
        self.source = f"docker://{NAME}/{REPOSITORY}"
        self.rule()

    def rule(self, registry: str = "", mirror: str = "") -> None:
        """The registry's name leads to `self.registry`, before it `self.mirror` is asked."""
        path = self.host.root / "etc/containers/registries.conf"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f'[[registry]]\nprefix = "{NAME}"\nlocation = "{self.registry.host}"\ninsecure = true\n{registry}\n'
                        f'[[registry.mirror]]\nlocation = "{self.mirror.host}/cache"\ninsecure = true\n{mirror}\n')
        self.remember()

    def installs(self) -> None:
        self.assert_installed(self.timed(15), DRIVER)
        self.assert_few_requests(self.registry, self.mirror)

    def asked(self, registry: FaultyRegistry) -> set[str]:
        return {one.target.split("/")[-2] for one in registry.asked()}

    def test_the_mirror_is_asked_first_and_alone(self) -> None:
        self.installs()
        self.assertEqual(self.registry.asked(BLOB) + self.registry.asked(f"/manifests/{TAG_NAME}$"), [], "but for signatures that the mirror has not")

    def test_c10_a_mirror_that_is_gone_is_passed_over(self) -> None:
        self.mirror.close()
        self.installs()

    def test_c10_a_mirror_that_resets_or_is_busy_is_passed_over(self) -> None:
        for name, fault in (("reset", reset()), ("busy", too_many("1000000000")), ("503", too_many(status=503))):
            with self.subTest(name):
                self.new_host()
                self.rule()
                self.mirror.reset()
                self.mirror.on(ANY, fault)
                self.installs()

    def test_c8_a_mirror_without_the_artifact_is_passed_over(self) -> None:
        self.mirror.server.respond = RegistryApi(RegistryStore(self.work / "empty"))
        self.installs()

    def test_c1_a_layer_that_breaks_off_at_the_mirror_goes_on_at_the_registry(self) -> None:
        self.mirror.on(layer("user-space"), cut(0))
        self.mirror.on(layer("user-space"), cut(0.5), times=1)
        self.installs()
        self.assertRegex(self.registry.asked(layer("user-space"))[-1].headers.get("range", ""), r"bytes=\d+-")

    def test_c3_a_mirror_that_lies_is_never_believed(self) -> None:
        self.mirror.on(layer("modules"), flip(0.5))
        run = self.timed(15)
        if run.rc != 4:
            self.refused(run, "digest-mismatch", 1, layer("modules"))

    def test_a_mirror_for_digests_only_is_not_asked_for_tags(self) -> None:
        self.rule(mirror='pull-from-mirror = "digest-only"')
        self.installs()
        self.assertEqual(self.mirror.asked(TAG), [])
        self.assertTrue(self.mirror.asked(BLOB))
        self.assertEqual(self.registry.asked(BLOB), [])

    def test_a_registry_that_is_blocked_is_not_asked(self) -> None:
        self.rule("blocked = true")
        run = self.timed(15)
        self.refused(run, str(run.error.get("reason")), run.rc, "registries.conf")
        self.assertEqual(self.registry.asked() + self.mirror.asked(), [])

    def test_registries_conf_that_is_none_is_named(self) -> None:
        (self.host.root / "etc/containers/registries.conf").write_text("[[registry\n")
        self.remember()
        self.refused(self.timed(15), "config", 2, "registries.conf")


tearDownModule = remove_shared

if __name__ == "__main__":
    main()
