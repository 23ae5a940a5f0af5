#!/usr/bin/env python3
"""Transfers that break off and registries that are gone: what is taken up again, and how long a dead one is waited for. Tests are
named after the rows of the fault table in tests/README.md. Run as root: python3 tests/integration/registry/outage_test.py
"""

from __future__ import annotations

import contextlib
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent))

from registry_case import DRIVER, QUICK, REPOSITORY, RegistryCase, layer, main, name_hosts  # noqa: E402 - first: it says where the others are
from cli_case import remove_shared  # noqa: E402
from registry_faults import ANY, answered, both, content_range, cut, etag, flip, place, replaced, reset, slow, stall, stopped, without_ranges  # noqa: E402
from registry_faults import TAG as BY_TAG  # noqa: E402
from standin_registry import RegistryApi  # noqa: E402

MODULES, USER_SPACE = "modules", "user-space"
MOST_TRIES = 5


class CutTest(RegistryCase):
    settings = QUICK

    def test_c1_a_layer_that_breaks_off_goes_on_where_it_was(self) -> None:
        for how in ("close", "reset"):
            for at in (0, 1, 0.5, -1):
                with self.subTest(f"{how} {at}"):
                    self.new_host()
                    self.registry.reset()
                    self.registry.on(layer(USER_SPACE), cut(at, how), times=1)  # type: ignore[arg-type]
                    self.installed(self.timed(15))
                    first, second = self.registry.asked(layer(USER_SPACE))
                    size = self.store.size(layer(USER_SPACE))
                    if place(at, size) > 0 and how == "close":
                        self.assertEqual(second.headers.get("range"), f"bytes={place(at, size)}-")
                        self.assertEqual(first.sent + second.sent, size)

    def test_c1_a_layer_that_always_breaks_off_is_given_up(self) -> None:
        for at in (0, 1):
            with self.subTest(at):
                self.registry.reset()
                self.registry.on(layer(MODULES), cut(at))
                self.refused(self.timed(20), "unreachable", 6, "modules layer", "broke off")
                self.assert_few_requests()

    def test_c1_a_wrong_bit_behind_the_break_is_found(self) -> None:
        self.registry.on(layer(USER_SPACE), flip(-1))
        self.registry.on(layer(USER_SPACE), cut(0.5), times=1)
        self.refused(self.timed(15), "digest-mismatch", 1, layer(USER_SPACE))

    def test_c1_a_wrong_bit_before_the_break_is_found(self) -> None:
        self.registry.on(layer(USER_SPACE), both(flip(0.25), cut(0.5)), times=1)
        self.refused(self.timed(15), "digest-mismatch", 1, layer(USER_SPACE))

    def test_c1_a_manifest_that_breaks_off_is_asked_for_again(self) -> None:
        self.registry.on(BY_TAG, cut(0.5), times=1)
        self.installed(self.timed(15))


class RangesTest(RegistryCase):
    settings = QUICK

    def broken_off(self) -> None:
        """The first request for the user space ends in the middle; rules that were given before are for the second."""
        self.registry.on(layer(USER_SPACE), cut(0.5), times=1)

    def test_c4_a_registry_without_ranges_sends_the_layer_again(self) -> None:
        self.registry = self.serve(without_ranges(RegistryApi(self.store)))
        self.source = self.at(self.registry)
        self.broken_off()
        self.installed(self.timed(15))
        self.assertEqual(len(self.registry.asked(layer(USER_SPACE))), 2)

    def test_c4_a_range_that_was_not_asked_for_is_never_taken_for_the_right_one(self) -> None:
        for name, fault in (("earlier", content_range("bytes 0-10/6291844")), ("no range", content_range("bytes */6291844")), ("none", content_range("")),
                            ("huge", content_range("bytes 99999999999999999999-1/1")), ("416", answered(416, ("Content-Range", "bytes */1"))),
                            ("another ETag", etag('"other"')), ("other bytes", replaced(b"x" * 100))):
            with self.subTest(name):
                self.new_host()
                self.registry.reset()
                self.registry.on(layer(USER_SPACE), fault, times=1)
                self.broken_off()
                run = self.timed(15)
                self.assert_few_requests()
                if run.rc == 4:
                    self.installed(run)
                else:
                    self.refused(run, str(run.error.get("reason")), run.rc, "user-space")
                    self.assertIn(run.error.get("reason"), ("truncated", "unreachable", "digest-mismatch"), run)


class StallTest(RegistryCase):
    settings = QUICK

    def test_c5_a_registry_that_stalls_is_left(self) -> None:
        for what in (BY_TAG, layer(MODULES)):
            for phase in ("request", "head", "body"):
                with self.subTest(f"{what[:12]} {phase}"):
                    self.registry.reset()
                    self.registry.on(what, cut(1, "stall") if phase == "body" else stall(phase))  # type: ignore[arg-type]
                    run = self.timed(15)
                    self.refused(run, "unreachable", 6, self.registry.host)
                    self.assertLessEqual(len(self.registry.asked(what)), MOST_TRIES)
                    self.assert_few_requests()

    def test_c5_a_layer_at_a_byte_a_second_is_left(self) -> None:
        self.registry.on(layer(MODULES), slow(1))
        self.refused(self.timed(15), "unreachable", 6, "stalled")

    def test_c5_a_layer_that_stalls_once_goes_on(self) -> None:
        self.registry.on(layer(USER_SPACE), cut(0.5, "stall"), times=1)
        self.installed(self.timed(15))


@contextlib.contextmanager
def black_hole(family: socket.AddressFamily, address: str, port: int = 0) -> Iterator[int]:
    """A port whose connections are never made: nobody accepts, and there is no room for more."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.socket(family))
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((address, port))
        listener.listen(0)
        for _ in range(4):
            waiting = stack.enter_context(socket.socket(family))
            waiting.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                waiting.connect(listener.getsockname())
        yield int(listener.getsockname()[1])


class DeadTest(RegistryCase):
    settings = QUICK

    def dead(self, source: str, *words: str) -> None:
        """A version and a branch: in neither case does it look as if there were no such driver."""
        for driver in (DRIVER, "900"):
            with self.subTest(driver):
                run = self.install(source, driver)
                self.refused(run, "unreachable", 6, *words)

    def test_c10_a_registry_that_is_not_there(self) -> None:
        self.registry.close()
        self.dead(self.source, self.registry.host)

    def test_c10_a_name_that_is_not_known(self) -> None:
        self.dead(f"docker://registry.invalid/{REPOSITORY}", "registry.invalid")

    def test_c10_connections_that_are_never_made(self) -> None:
        with black_hole(socket.AF_INET, "127.0.0.1") as port:
            self.dead(f"docker://127.0.0.1:{port}/{REPOSITORY}", f"127.0.0.1:{port}")

    def test_c10_a_black_hole_at_the_first_of_two_addresses(self) -> None:
        """As a host with half an IPv6."""
        with black_hole(socket.AF_INET6, "::1", self.registry.port):
            self.configure(f'insecure = ["dual.test:{self.registry.port}"]\n')
            self.installed(self.timed(5, self.at(self.registry, "dual.test")))

    def test_c10_connections_that_are_reset(self) -> None:
        for phase in ("request", "head", "body"):
            with self.subTest(phase):
                self.registry.reset()
                self.registry.on(ANY, reset(phase))  # type: ignore[arg-type]
                self.dead(self.source, self.registry.host)

    def test_c10_connections_that_are_reset_once(self) -> None:
        for phase in ("request", "head", "body"):
            with self.subTest(phase):
                self.new_host()
                self.registry.reset()
                self.registry.on(BY_TAG, stopped(phase, "reset"), times=1)  # type: ignore[arg-type]
                self.registry.on(layer(USER_SPACE), stopped(phase, "reset"), times=1)  # type: ignore[arg-type]
                self.installed(self.timed(15))

    def test_c10_every_source_is_named_that_did_not_answer(self) -> None:
        self.registry.on(ANY, reset())
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            gone = f"docker://127.0.0.1:{probe.getsockname()[1]}/{REPOSITORY}"
            self.refused(self.timed(20, gone, "--source", self.source, "--source", "oci:/nowhere"), "unreachable", 6, gone, self.source, "/nowhere")

    def test_c10_a_dead_registry_beside_one_without_the_driver_is_no_answer(self) -> None:
        other = self.serve(RegistryApi(self.store))
        self.registry.on(ANY, reset())
        run = self.install(self.source, "900.7.7", "--source", self.at(other))
        self.refused(run, "unreachable", 6, self.registry.host)


def setUpModule() -> None:
    name_hosts()


tearDownModule = remove_shared

if __name__ == "__main__":
    main()
