#!/usr/bin/env python3
"""What each sub-command of the hook program leaves in a container."""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess

from hook_case import DRIVER_FOLDER, HOOK, PIECES, TOP, HookCase, Said, add_driver, in_own_mounts, make_debian_root, run_tests, said_by


class ProgramTest(HookCase):
    def test_it_is_static_and_hardened(self) -> None:
        segments = subprocess.run(["readelf", "-lW", HOOK], check=True, capture_output=True, text=True).stdout
        self.assertNotIn("INTERP", segments)
        self.assertIn("GNU_RELRO", segments)
        self.assertRegex(segments, r"GNU_STACK .* RW ")
        self.assertIn("DYN (Position-Independent", segments)
        dynamic = subprocess.run(["readelf", "-dW", HOOK], check=True, capture_output=True, text=True).stdout
        self.assertNotIn("NEEDED", dynamic)

    def test_it_runs_where_there_is_nothing_else(self) -> None:
        shutil.copy2(HOOK, self.rootfs / "hook")
        said = said_by("/usr/sbin/chroot", self.rootfs, "/hook", "--version", env={})
        self.assertEqual(said.rc, 0, said)

    def test_an_unknown_sub_command_is_a_warning_in_either_form(self) -> None:
        for words in (["apply-something-new"], ["hook", "apply-something-new", "--x"], []):
            said = self.hook(*words)
            self.assertEqual(said.rc, 0, said)
            self.assertIn("warning: ", said.stderr)
        self.assertEqual(self.hook("--quiet", "apply-something-new").stderr, "")

    def test_a_state_that_names_no_container_is_refused_and_nothing_happens(self) -> None:
        for state in ("", "{}", "[1", json.dumps({"bundle": "/nowhere"}), json.dumps({"bundle": "/", "root": "/"}), "x" * (2 << 20)):
            said = said_by(HOOK, "create-symlinks", "--link", "a::/overdrive-hook-test", stdin=state)
            self.assertEqual(said.rc, 1, said)
            self.assertIn("overdrive-cdi-hook: create-symlinks: ", said.stderr)
        self.assertFalse(os.path.lexists("/overdrive-hook-test"))

    def test_a_wrong_argument_is_named(self) -> None:
        for words, wanted in (
            (["create-symlinks", "--link", "a::/usr/../../x"], "has a '..'"),
            (["create-symlinks", "--link", "a"], "TARGET::LINK"),
            (["update-ldcache", "--folder", "/a\n/b"], "control character"),
            (["update-ldcache", "--folders", "/a"], "no argument '--folders'"),
            (["chmod", "--path", "/x"], "--mode ''"),
        ):
            said = self.hook(*words)
            self.assertEqual(said.rc, 1, said)
            self.assertIn(wanted, said.stderr)
        self.assertEqual(list(self.rootfs.iterdir()), [])


class LinksTest(HookCase):
    def test_links_are_made_with_their_folders_and_replaced(self) -> None:
        old = self.link("usr/lib/libcuda.so", "old")
        self.must("hook", "create-symlinks", "--link", "libcuda.so.1::/usr/lib/libcuda.so", "--link", "../x::/dev/dri/by-path/y")
        self.must("create-symlinks", "--link", "libcuda.so.1::/usr/lib/libcuda.so")
        self.assertEqual(os.readlink(old), "libcuda.so.1")
        self.assertEqual(os.readlink(self.rootfs / "dev/dri/by-path/y"), "../x")

    def test_modes_are_set_where_the_path_exists(self) -> None:
        (self.rootfs / "dev/dri").mkdir(parents=True, mode=0o700)
        self.must("chmod", "--mode", "755", "--path", "/dev/dri", "--path", "/not/there")
        self.assertEqual(stat.S_IMODE((self.rootfs / "dev/dri").stat().st_mode), 0o755)


class LinkerTest(HookCase):
    def test_the_linker_of_a_debian_root_finds_the_driver(self) -> None:
        make_debian_root(self.rootfs)
        add_driver(self.rootfs)
        self.assertEqual(self.found_by_linker("libcuda.so.1").rc, 1)
        self.must("update-ldcache", "--folder", DRIVER_FOLDER)
        self.assertEqual(self.found_by_linker("libcuda.so.1").stdout, f"{DRIVER_FOLDER}/libcuda.so.1\n")
        self.assertEqual(self.drop_ins("00-nvcr"), [f"{DRIVER_FOLDER}\n"])
        self.assertEqual(stat.S_IMODE((self.rootfs / "etc/ld.so.cache").stat().st_mode), 0o644)

    def test_a_container_that_starts_again_is_left_with_one_configuration(self) -> None:
        make_debian_root(self.rootfs)
        add_driver(self.rootfs)
        for _ in range(2):
            self.must("update-ldcache", "--folder", DRIVER_FOLDER)
        self.assertEqual(len(self.drop_ins("00-nvcr")) + len(self.drop_ins("zz-nvcr")), 2)

    def test_a_folder_is_found_where_ld_so_conf_includes_nothing(self) -> None:
        make_debian_root(self.rootfs)
        add_driver(self.rootfs)
        (self.rootfs / "etc/ld.so.conf").write_text("/usr/local/lib\n")
        self.must("update-ldcache", "--folder", DRIVER_FOLDER)
        self.assertEqual(self.found_by_linker("libcuda.so.1").stdout, f"{DRIVER_FOLDER}/libcuda.so.1\n")
        self.assertEqual((self.rootfs / "etc/ld.so.conf").read_text(), "/usr/local/lib\n")

    def test_libraries_of_a_root_of_another_family_are_found_with_debians_ldconfig(self) -> None:
        make_debian_root(self.rootfs)
        (self.rootfs / "etc/debian_version").unlink()
        add_driver(self.rootfs, "/usr/lib64")
        self.must("update-ldcache", "--folder", "/usr/lib64")
        self.assertEqual(self.found_by_linker("libcuda.so.1").stdout, "/usr/lib64/libcuda.so.1\n")

    def test_compatibility_libraries_come_before_the_driver(self) -> None:
        make_debian_root(self.rootfs)
        add_driver(self.rootfs)
        compat = self.rootfs / "usr/local/cuda-12/compat"
        compat.mkdir(parents=True)
        shutil.copy2(PIECES / "libcuda.so.900.1.0", compat / "libcuda.so.950.1.0")
        self.link("usr/local/cuda", "/usr/local/cuda-12")
        self.must("enable-cuda-compat", "--host-driver-version=900.1.0")
        self.must("update-ldcache", "--folder", DRIVER_FOLDER)
        self.assertEqual(self.found_by_linker("libcuda.so.1").stdout, "/usr/local/cuda-12/compat/libcuda.so.1\n")

    def test_an_empty_root_is_no_failure(self) -> None:
        self.must("update-ldcache")
        self.assertTrue((self.rootfs / "etc/ld.so.cache").is_file())

    def test_an_ldconfig_that_would_load_the_images_code_is_refused(self) -> None:
        script = self.work / "ldconfig"
        script.write_text("#!/bin/sh\nexit 0\n")
        script.chmod(0o755)
        for program in (script, PIECES / "hook_linker_probe"):
            said = self.hook("update-ldcache", "--ldconfig-path", str(program))
            self.assertEqual(said.rc, 1, said)
            self.assertIn("is no static program", said.stderr)
        said = self.hook("update-ldcache", "--ldconfig-path", "/nowhere/ldconfig")
        self.assertIn("'/nowhere/ldconfig'", said.stderr)

    def test_the_script_of_debians_derivatives_is_passed_over_for_the_real_one(self) -> None:
        script = self.work / "ldconfig"
        script.write_text("#!/bin/sh\nexit 1\n")
        shutil.copy2("/sbin/ldconfig", self.work / "ldconfig.real")
        self.must("update-ldcache", "--ldconfig-path", str(script))

    def test_it_serves_an_ordinary_users_container_in_a_user_namespace(self) -> None:
        make_debian_root(self.rootfs)
        add_driver(self.rootfs)
        self.work.chmod(0o755)
        shutil.copy2(HOOK, self.work / "hook")
        for path in (self.work, *self.work.rglob("*")):
            os.lchown(path, 12345, 12345)
        user = ["setpriv", "--reuid", "12345", "--regid", "12345", "--clear-groups"]
        hook = [self.work / "hook", "update-ldcache", "--folder", DRIVER_FOLDER]
        said = said_by(*user, "unshare", "--user", "--map-root-user", "--mount", *hook, stdin=self.state, env=dict(os.environ))
        self.assertEqual((said.rc, said.stderr), (0, ""), said)
        self.assertEqual(self.found_by_linker("libcuda.so.1").stdout, f"{DRIVER_FOLDER}/libcuda.so.1\n")
        said = said_by(*user, *hook, stdin=self.state, env=dict(os.environ))
        self.assertIn("open_tree(2): Operation not permitted; a container runtime starts this program", said.stderr)

    def test_no_mount_is_left(self) -> None:
        script = 'before=$(</proc/self/mountinfo); "$@"; diff <(echo "$before") /proc/self/mountinfo'
        said = in_own_mounts(script, HOOK, "update-ldcache", "--folder", DRIVER_FOLDER, stdin=self.state)
        self.assertEqual((said.rc, said.stdout), (0, ""), said)


class MuslTest(HookCase):
    def setUp(self) -> None:
        super().setUp()
        fetched = said_by("bash", "-c", f". {TOP}/ci/lib/debian-archive.sh; archive_unpack '{self.rootfs}' musl", env=dict(os.environ))
        if fetched.rc != 0:
            self.fail(f"Debian's musl package cannot be had: {fetched}")
        self.machine = os.uname().machine

    def listed(self) -> Said:
        """What musl's loader finds for a program that needs libcuda.so.1."""
        program = self.rootfs / "needs-cuda"
        source = self.work / "needs.c"
        source.write_text("int driver_version(void);\nint needs(void);\nint needs(void) { return driver_version(); }\n")
        subprocess.run(["cc", "-shared", "-fPIC", "-nostdlib", "-o", program, source, PIECES / "libcuda.so.900.1.0"], check=True)
        return said_by("/usr/sbin/chroot", self.rootfs, f"/lib/ld-musl-{self.machine}.so.1", "--list", "/needs-cuda", env={})

    def test_musls_loader_finds_the_driver_and_keeps_its_own_folders(self) -> None:
        path_file = self.rootfs / f"etc/ld-musl-{self.machine}.path"
        before = path_file.read_text().replace(":", "\n").split() if path_file.exists() else ["/lib", "/usr/local/lib", "/usr/lib"]
        add_driver(self.rootfs)
        self.assertNotIn(DRIVER_FOLDER, self.listed().stdout)
        self.must("update-ldcache", "--folder", DRIVER_FOLDER)
        self.must("update-ldcache", "--folder", DRIVER_FOLDER)
        self.assertEqual(path_file.read_text().split("\n"), [DRIVER_FOLDER, *before, ""])
        self.assertIn(f"libcuda.so.1 => {DRIVER_FOLDER}/libcuda.so.1", self.listed().stdout)


class DriverFilesTest(HookCase):
    # The driver's folder in /proc is there with a driver alone: a tmpfs stands for it, in a mount namespace of the test's own.
    SCRIPT = """
        hook=$1 rootfs=$2 params=$3 state=$4
        mount -t tmpfs tmpfs /proc/driver
        mkdir /proc/driver/nvidia
        printf "$params" >/proc/driver/nvidia/params
        if [ -d "$rootfs/proc" ]; then mount --rbind /proc "$rootfs/proc"; fi
        "$hook" disable-device-node-modification <<<"$state"
        cat "$rootfs/proc/driver/nvidia/params" >&2 || true
        if echo x 2>/dev/null >"$rootfs/proc/driver/nvidia/params"; then echo "it can be written"; fi
        ls "$rootfs/proc/driver/nvidia"
        cmp -s /proc/driver/nvidia/params <(printf "$params") || echo "the host's file has changed"
    """

    def test_the_container_sees_parameters_that_forbid_device_files(self) -> None:
        (self.rootfs / "proc").mkdir()
        said = in_own_mounts(self.SCRIPT, HOOK, self.rootfs, "A: 1\\nModifyDeviceFiles: 1\\n", self.state)
        self.assertEqual((said.rc, said.stdout, said.stderr), (0, "params\n", "A: 1\nModifyDeviceFiles: 0\n"), said)

    def test_parameters_that_forbid_them_already_are_left(self) -> None:
        (self.rootfs / "proc").mkdir()
        said = in_own_mounts(self.SCRIPT, HOOK, self.rootfs, "ModifyDeviceFiles: 0\\n", self.state)
        self.assertIn("it can be written", said.stdout)  # nothing is mounted over it

    def test_without_a_driver_nothing_is_done(self) -> None:
        if os.path.exists("/proc/driver/nvidia/params"):
            self.skipTest("this machine has a driver")
        self.must("disable-device-node-modification")

    def test_the_application_profile_shows_the_gpus_of_the_container(self) -> None:
        (self.rootfs / "dev").mkdir()
        for name, number in (("nvidia0", 0), ("nvidia5", 5), ("nvidiactl", 255)):
            os.mknod(self.rootfs / "dev" / name, 0o666 | stat.S_IFCHR, os.makedev(195, number))
        self.must("update-application-profile")
        profile = self.rootfs / "etc/nvidia/nvidia-application-profiles-rc.d/10-container.conf"
        self.assertIn('["EGLVisibleDGPUDevices",0x21]', profile.read_text())
        self.assertEqual(stat.S_IMODE(profile.stat().st_mode), 0o444)


if __name__ == "__main__":
    run_tests()
