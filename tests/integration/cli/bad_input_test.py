#!/usr/bin/env python3
"""Bad input: each a clear message, its reason and exit code, and the host as before. Run as root:
python3 tests/integration/cli/bad_input_test.py
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import socket
import struct
import subprocess
import sys
import unittest
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent))

import damage  # noqa: E402
from cli_case import KERNEL, OS_VERSION, CliTestCase, Host, Run, add_index, finished, indexed, keys, layout, make_key, pack, programs, remove_shared, say, shared  # noqa: E402
from vm_registry import Registry  # noqa: E402

TAG = f"{OS_VERSION}-900.1.0"
REPOSITORY = "overdrive/nvidia-coreos"


class RefusedTest(CliTestCase):
    """Every test ends with a host whose tree is as before."""

    def setUp(self) -> None:
        super().setUp()
        self.trust()
        self.remember()

    def trust(self, host: Host | None = None) -> None:
        shutil.copy(keys()[1], (host or self.host).root / "etc/first.pub")
        (host or self.host).configure('[trust]\nkeys = ["/etc/first.pub"]\n')

    def remember(self) -> None:
        self.before = self.host.snapshot()

    def refused(self, run: Run, reason: str, rc: int, *words: str) -> None:
        self.assert_refused(run, reason, rc, *words)
        self.assertEqual(self.host.snapshot(), self.before)
        self.assertIn("the system is as before", run.stderr)

    def with_os_release(self, text: str) -> None:
        (self.host.root / "etc/os-release").write_text(text)
        self.remember()


class HostTest(RefusedTest):
    def test_no_os_release(self) -> None:
        (self.host.root / "etc/os-release").unlink()
        self.remember()
        self.refused(self.install(f"oci:{layout()}"), "bad-os-release", 1, "/etc/os-release", "/usr/lib/os-release", "--root")

    def test_os_release_without_id(self) -> None:
        self.with_os_release("NAME=Nameless\nVERSION_ID=1\n")
        self.refused(self.install(f"oci:{layout()}"), "bad-os-release", 1, "no ID", "os-release(5)")

    def test_os_release_without_what_the_key_is_made_of(self) -> None:
        self.with_os_release("ID=coreos\n")
        self.refused(self.install(f"oci:{layout()}"), "bad-os-release", 1, "'coreos' has no VERSION_ID", "os-release(5)")

    def test_os_release_that_would_lead_out_of_the_tree(self) -> None:
        self.with_os_release("ID=coreos\nVERSION_ID=../../etc\n")
        self.refused(self.install(f"oci:{layout()}"), "bad-os-release", 1, "../../etc")

    def test_status_without_os_release(self) -> None:
        (self.host.root / "etc/os-release").unlink()
        self.remember()
        self.refused(self.host.overdrive("status"), "bad-os-release", 1, "/etc/os-release")

    def test_root_that_is_none(self) -> None:
        run = Host.overdrive(self.host, "status", prefix=[])
        self.assertEqual(run.rc, 0, run)  # the host itself is one
        elsewhere = Host(self.work / "other")
        elsewhere.root = self.work / "nowhere"
        self.assert_refused(elsewhere.overdrive("status"), "bad-root", 2, str(elsewhere.root))

    def test_host_without_sysfs(self) -> None:
        shutil.rmtree(self.host.root / "sys")
        self.remember()
        self.refused(self.install(f"oci:{layout()}"), "unsupported", 1, "/sys/kernel", "-v /:/rootfs")

    def test_not_root(self) -> None:
        for verb in ("install", "update", "activate", "deactivate"):
            with self.subTest(verb):
                prefix: list[object] = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
                self.refused(self.host.overdrive(verb, prefix=prefix), "not-root", 2, f"'{verb}'", "sudo")

    def test_read_only_root(self) -> None:
        self.mount("--bind", self.host.root, self.host.root)
        say(["mount", "-o", "remount,bind,ro", self.host.root])
        self.refused(self.install(f"oci:{layout()}"), "read-only", 1, "/opt/nvidia")

    def test_read_only_generations(self) -> None:
        (self.host.root / "opt/nvidia").mkdir()
        self.mount("-t", "tmpfs", "-o", "ro,mode=755", "tmpfs", self.host.root / "opt/nvidia")
        self.refused(self.install(f"oci:{layout()}"), "read-only", 1, "/opt/nvidia")

    def small_disk(self, options: str) -> None:
        (self.host.root / "opt/nvidia").mkdir()
        self.mount("-t", "tmpfs", "-o", f"mode=755,{options}", "tmpfs", self.host.root / "opt/nvidia")
        self.remember()

    def test_disk_too_small_for_the_user_space(self) -> None:
        self.small_disk("size=4m")
        self.refused(self.install(f"oci:{layout()}"), "no-space", 1, "'/opt/nvidia': the driver needs", "(6.1 MiB) and 19 inodes; ",
                     "(4.0 MiB) and ", " inodes are free", "'overdrive prune' would free nothing")

    def test_disk_too_small_for_what_the_layers_announce(self) -> None:
        self.small_disk("size=1m")
        made = self.work / "large"
        pack(made, "900.1.0", modules_bytes=3 << 20)
        damage.blob(made, damage.layer_digest(made, TAG, "modules")).unlink()  # it is not even asked for
        self.refused(self.install(f"oci:{made}"), "no-space", 1, "the driver needs", "inodes are free")

    def test_disk_full_while_modules_are_written(self) -> None:
        self.small_disk("size=1m")
        made = self.work / "large"
        pack(made, "900.1.0", modules_bytes=3 << 20)
        damage.announce_no_sizes(made, TAG)
        self.refused(self.install(f"oci:{made}"), "no-space", 1, "modules", "nvidia.ko", "No space left on device; ",
                     " inodes are free")

    def test_disk_without_inodes(self) -> None:
        self.small_disk("size=64m,nr_inodes=14")
        self.refused(self.install(f"oci:{layout()}"), "no-space", 1, "the driver needs", "19 inodes; ", "inodes are free")


class SourceTest(RefusedTest):
    def test_bad_references(self) -> None:
        for source, word in (("docker://", "no repository"), ("docker://host/", "repository"), ("foo:bar", "of no known kind"),
                             ("oci:", "no path"), ("docker://host/repo:tag", "the tag is computed"),
                             ("docker://user:secret@host/repo", "auth.json"), ("docker://host/Repo", "lower case")):
            with self.subTest(source):
                run = self.install(source)
                self.refused(run, "bad-reference", 2, word, "docker://HOST[:PORT]/REPOSITORY")
                self.assertNotIn("secret", str(run))

    def test_nothing_listens(self) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.refused(self.install(f"docker://127.0.0.1:{port}/{REPOSITORY}"), "unreachable", 6, f"127.0.0.1:{port}", "check the network")

    def test_name_that_does_not_resolve(self) -> None:
        self.refused(self.install("docker://registry.invalid/overdrive/x"), "unreachable", 6, "registry.invalid")

    def test_layout_that_is_not_there(self) -> None:
        for source in ("oci:/nowhere", "oci-archive:/nowhere.tar"):
            with self.subTest(source):
                self.refused(self.install(source), "unreachable", 6, "/nowhere", "'sources'")

    def test_archive_that_is_no_tar(self) -> None:
        (self.work / "not.tar").write_bytes(os.urandom(20_000))
        self.refused(self.install(f"oci-archive:{self.work}/not.tar"), "bad-archive", 1, "not.tar", "not an uncompressed tar")

    def test_missing_tag_names_the_nearest(self) -> None:
        run = self.install(f"oci:{indexed()}", "900.7.7")
        self.refused(run, "no-artifact", 3, "900.7.7", OS_VERSION, KERNEL, f"900.2.0/{OS_VERSION}", "builder-images/build")

    def test_another_os_release_has_it(self) -> None:
        self.refused(self.install(f"oci:{indexed()}", "900.9.0"), "no-artifact", 3, "900.9.0/1500.1.0")

    def test_branch_without_a_driver(self) -> None:
        self.refused(self.install(f"oci:{indexed()}", "535-open"), "no-artifact", 3, "535-open", f"900.2.0/{OS_VERSION}")

    def test_branch_where_there_is_no_index(self) -> None:
        self.refused(self.install(f"oci:{layout()}", "900"), "no-artifact", 3, "no pair index", str(layout()), "overdrive-artifact index add", "full version")

    def test_channel_that_is_not_there(self) -> None:
        self.refused(self.install(f"oci:{indexed()}", "stable"), "no-artifact", 3, "no channel 'stable'", "newest")

    def test_one_source_down_and_the_other_without(self) -> None:
        """Not an answer: the one that is down may have it."""
        run = self.install("oci:/nowhere", "900.7.7", "--source", f"oci:{layout()}")
        self.refused(run, "unreachable", 6, "/nowhere", str(layout()))


class DamagedTest(RefusedTest):
    def setUp(self) -> None:
        super().setUp()
        self.layout = self.copy_of_layout()

    def layer(self, role: str) -> Path:
        return damage.blob(self.layout, damage.layer_digest(self.layout, TAG, role))

    def both_ways(self, reason: str, *words: str) -> None:
        """The layout as a directory and as an archive."""
        archive = self.work / "layout.tar"
        say(["tar", "-cf", archive, "-C", self.layout, "."])
        for source in (f"oci:{self.layout}", f"oci-archive:{archive}"):
            with self.subTest(source):
                self.refused(self.install(source), reason, 1, source, *words)

    def test_flipped_bit_in_a_layer(self) -> None:
        for role in ("modules", "user-space"):
            with self.subTest(role):
                damage.flip_byte(self.layer(role))
                self.both_ways("digest-mismatch", role, self.layer(role).name)
                damage.flip_byte(self.layer(role))

    def test_layer_that_ends_early(self) -> None:
        for role in ("user-space", "modules"):
            with self.subTest(role):
                damage.truncate(self.layer(role))
                self.both_ways("truncated", role)

    def test_layer_that_is_missing(self) -> None:
        self.layer("user-space").unlink()
        self.both_ways("incomplete-artifact", "user-space", "missing")

    def test_flipped_bit_in_the_manifest(self) -> None:
        top = json.loads((self.layout / "index.json").read_text())
        entry = next(one for one in top["manifests"] if one["annotations"]["org.opencontainers.image.ref.name"] == TAG)
        damage.flip_byte(damage.blob(self.layout, entry["digest"]))
        self.both_ways("digest-mismatch", entry["digest"])

    def test_index_that_is_no_json(self) -> None:
        (self.layout / "index.json").write_text("{")
        self.both_ways("bad-manifest", "index.json")

    def test_tampered_driver_json(self) -> None:
        """Every digest is right; only the signature can tell."""
        damage.rewrite_modules_layer(self.layout, TAG, lambda name, content: content.replace(b" SMP ", b" SMQ ") if name.endswith("driver.json") else content)
        self.refused(self.install(f"oci:{self.layout}"), "untrusted", 2, "no configured key", "/etc/first.pub")

    def test_tampered_module(self) -> None:
        damage.rewrite_modules_layer(self.layout, TAG, lambda name, content: content[::-1] if name.endswith(".ko") else content)
        self.both_ways("digest-mismatch", "nvidia.ko", "driver.json")

    def test_module_that_driver_json_lists_is_gone(self) -> None:
        damage.rewrite_modules_layer(self.layout, TAG, lambda name, content: None if name.endswith(".ko") else content)
        self.both_ways("incomplete-artifact", "nvidia.ko")

    def test_modules_layer_without_driver_json(self) -> None:
        damage.rewrite_modules_layer(self.layout, TAG, lambda name, content: None if name.endswith("driver.json") else content)
        self.both_ways("incomplete-artifact", "driver.json")

    def e11_refused(self, modinfo: dict[str, str], *words: str) -> None:
        """The module does not say of itself what the signed driver.json says of it."""
        made = self.work / "e11"
        pack(made, "900.1.0", modinfo=modinfo)
        self.refused(self.install(f"oci:{made}"), "incomplete-artifact", 1, "nvidia.ko", *words)

    def test_e11_module_built_for_another_kernel(self) -> None:
        self.e11_refused({"vermagic": "6.0.0-other SMP "}, "vermagic mismatch", "6.0.0-other")

    def test_e11_module_built_with_other_options(self) -> None:
        self.e11_refused({"vermagic": f"{KERNEL} SMP preempt_rt "}, "vermagic mismatch", "preempt_rt")

    def test_e11_module_of_another_driver_version(self) -> None:
        self.e11_refused({"version": "900.9.9"}, "900.9.9", "900.1.0")

    def test_e11_firmware_that_the_module_names_is_missing(self) -> None:
        made = self.work / "e11"
        pack(made, "900.1.0", modinfo={"firmware": "nvidia/900.1.0/gsp_tu10x.bin"})
        self.refused(self.install(f"oci:{made}"), "incomplete-artifact", 1, "lib/firmware/nvidia/900.1.0/gsp_tu10x.bin", "module 'nvidia'")

    def test_e11_module_that_is_none(self) -> None:
        self.e11_refused({"vermagic": ""}, "no kernel module")

    def test_signature_taken_away(self) -> None:
        damage.rewrite_modules_layer(self.layout, TAG, lambda name, content: None if name.endswith(".sig") else content)
        self.refused(self.install(f"oci:{self.layout}"), "untrusted", 2, "no signature", "allow-unsigned = true")

    def test_driver_json_of_another_driver(self) -> None:
        """Somebody tagged an older driver as the newer one."""
        damage.put_manifest(self.layout, TAG, damage.manifest_of(self.layout, f"{OS_VERSION}-900.2.0"))
        self.refused(self.install(f"oci:{self.layout}"), "bad-manifest", 1, "900.2.0", "900.1.0")


class TrustTest(RefusedTest):
    def test_unsigned_without_a_policy(self) -> None:
        made = self.work / "unsigned"
        pack(made, "900.1.0", signed=False)
        self.host.configure("")
        self.remember()
        run = self.install(f"oci:{made}")
        self.refused(run, "untrusted", 2, "no signature", "[trust]", "allow-unsigned = true", "/etc/overdrive/config.toml")

    def test_signed_but_no_key_is_configured(self) -> None:
        self.host.configure("")
        self.remember()
        self.refused(self.install(f"oci:{layout()}"), "untrusted", 2, "no usable key", "keys = [")

    def test_another_key(self) -> None:
        shutil.copy(make_key("second")[1], self.host.root / "etc/first.pub")
        self.remember()
        self.refused(self.install(f"oci:{layout()}"), "untrusted", 2, "no configured key", "/etc/first.pub")

    def test_key_that_is_missing_or_none(self) -> None:
        (self.host.root / "etc/first.pub").unlink()
        self.remember()
        self.refused(self.install(f"oci:{layout()}"), "untrusted", 2, "'/etc/first.pub' does not exist")
        (self.host.root / "etc/first.pub").write_text("no key\n")
        self.remember()
        self.refused(self.install(f"oci:{layout()}"), "untrusted", 2, "/etc/first.pub")


class ConfigTest(RefusedTest):
    def configured(self, text: str, *words: str) -> None:
        self.host.configure(text)
        self.remember()
        self.refused(self.host.overdrive("install"), "config", 2, *words)

    def test_typo_names_the_nearest_key(self) -> None:
        self.configured('drivr = "535"\n', "/etc/overdrive/config.toml:1", "'drivr'", "'driver'")
        self.configured('[trust]\nallow-unsinged = true\n', "config.toml:2", "'trust.allow-unsigned'")

    def test_values_that_cannot_be(self) -> None:
        self.configured("driver = 535\n", "'driver' must be a non-empty string")
        self.configured('driver = "Newest"\n', "Newest", "channel")
        self.configured("kubelet-wait = -1\n", "kubelet-wait", "0 to 3600")

    def test_not_toml(self) -> None:
        self.configured("driver = \n", "config.toml:1", "not TOML")

    def test_drop_in_is_named(self) -> None:
        self.host.configure("pinn = 1\n", "config.toml.d/50-site.toml")
        self.remember()
        self.refused(self.host.overdrive("install"), "config", 2, "config.toml.d/50-site.toml:1", "'pin'")

    def test_nothing_is_wished_for(self) -> None:
        self.configured('sources = ["oci:/x"]\n', "nothing says which driver is wanted", "driver = ")

    def test_no_source(self) -> None:
        self.configured('driver = "900"\n', "no source", "--source")


class UsageTest(RefusedTest):
    def usage(self, *arguments: object, word: str) -> None:
        run = self.host.overdrive(*arguments)
        self.assertEqual((run.rc, run.error.get("reason")), (2, "usage"), run)
        self.assertIn(word, run.stderr)
        self.assertIn("--help", run.stderr)
        self.assertEqual(self.host.snapshot(), self.before)

    def test_wrong_words(self) -> None:
        self.usage("instal", word="instal")
        self.usage("install", "--sorce", "oci:x", word="--sorce")
        self.usage("install", "900", "901", word="901")
        self.usage("wait", "--timeout", "-1", word="--timeout")
        self.usage("install", "--exposure", "magic", word="magic")


class AnotherKernelTest(RefusedTest):
    def tagged(self, **facts: str) -> str:
        """An artifact under the tag of this host that is for another one, allowed by every digest and signature."""
        made = self.work / "wrong"
        pack(made, "900.1.0", tag=TAG, **facts)
        return f"oci:{made}"

    def test_another_kernel(self) -> None:
        self.refused(self.install(self.tagged(kernel="6.0.0-other")), "incomplete-artifact", 1, "6.0.0-other", KERNEL)

    def test_another_os_key(self) -> None:
        self.refused(self.install(self.tagged(os_key="1500.1.0")), "incomplete-artifact", 1, "OS key 1500.1.0", OS_VERSION)


class RegistryTest(RefusedTest):
    registry: Registry

    @classmethod
    def setUpClass(cls) -> None:
        cls.registry = Registry()
        cls.addClassCleanup(cls.registry.close)
        cls.registry.start()
        say(["skopeo", "copy", "-q", "--preserve-digests", "--dest-tls-verify=false", f"oci:{layout()}:{TAG}",
             f"docker://{cls.registry.on_host}/{REPOSITORY}:{TAG}"])
        add_index(f"docker://{cls.registry.on_host}/{REPOSITORY}", TAG)

    def setUp(self) -> None:
        super().setUp()
        self.source = f"docker://{self.registry.on_host}/overdrive/nvidia-{{os_id}}"

    def stored(self, digest: str) -> Path:
        kept = self.registry.directory / "storage/docker/registry/v2/blobs/sha256"
        return kept / digest[7:9] / digest[7:] / "data"

    def test_missing_tag_names_the_nearest(self) -> None:
        self.refused(self.install(self.source, "900.1.9"), "no-artifact", 3, "900.1.9", f"900.1.0/{OS_VERSION}")

    def test_missing_repository(self) -> None:
        self.refused(self.install(f"docker://{self.registry.on_host}/overdrive/nothing"), "no-artifact", 3, "overdrive/nothing")

    def test_damaged_blob(self) -> None:
        for role in ("modules", "user-space"):
            digest = damage.layer_digest(layout(), TAG, role)
            with self.subTest(role):
                damage.flip_byte(self.stored(digest))
                self.refused(self.install(self.source), "digest-mismatch", 1, digest, self.registry.on_host)
                damage.flip_byte(self.stored(digest))

    def test_blob_that_ends_early(self) -> None:
        path = self.stored(damage.layer_digest(layout(), TAG, "user-space"))
        whole = path.read_bytes()
        damage.truncate(path)
        self.addCleanup(path.write_bytes, whole)
        self.refused(self.install(self.source), "truncated", 1, "user-space")

    def test_plain_http_to_a_host_that_is_not_this_machine(self) -> None:
        """Only loopback addresses and [registry] insecure may be spoken to without TLS."""
        run = self.install(f"docker://{socket.gethostname()}:{self.registry.port}/{REPOSITORY}")
        self.refused(run, "tls-refused", 6, socket.gethostname(), "does not speak TLS", "[registry] insecure")

    def test_registry_that_stopped(self) -> None:
        self.registry.stop()
        self.addCleanup(self.registry.start)
        self.refused(self.install(self.source), "unreachable", 6, self.registry.on_host, "check the network")


class WhileLockedTest(CliTestCase):
    """A second run waits a minute, so it is begun before all other tests and looked at after them."""

    def test_second_run_says_who_holds_the_lock(self) -> None:
        assert waiting is not None
        out, err = waiting.process.communicate(timeout=120)
        self.assert_refused(finished("install", waiting.process.returncode, out, err), "busy", 7,
                            "/opt/nvidia/.overdrive/lock", "pid 4242, somebody else", "try again")
        self.assertEqual(waiting.host.snapshot(), waiting.before)


class Waiting:
    """A run that meets a held lock. The lock is an open file description lock: two opens of one process exclude each other."""

    def __init__(self) -> None:
        self.host = Host(shared() / "locked")
        state = self.host.root / "opt/nvidia/.overdrive"
        state.mkdir(parents=True)
        self.lock = (state / "lock").open("w")
        set_lock, write_all = 37, struct.pack("hhqqi4x", fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)  # F_OFD_SETLK, struct flock
        fcntl.fcntl(self.lock, set_lock, write_all)
        self.lock.write("pid 4242, somebody else, since 1\n")
        self.lock.flush()
        self.before = self.host.snapshot()
        words = [programs() / "overdrive", "--root", self.host.root, "--json", "install", "900.1.0", "--source", f"oci:{layout()}"]
        self.process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


waiting: Waiting | None = None


def setUpModule() -> None:
    global waiting
    waiting = Waiting()


def tearDownModule() -> None:
    if waiting is not None:
        waiting.process.kill()
        waiting.process.communicate()
        waiting.lock.close()
    remove_shared()


if __name__ == "__main__":
    if os.geteuid() != 0:
        print("SKIPPED: needs root: files of root are written and file systems mounted")
        sys.exit(77)
    unittest.main()
