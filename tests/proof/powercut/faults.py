"""Faults planted into the program in the node, to see that the proof finds them: a library that swallows syncs."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

# name -> what goes wrong
FAULTS = {
    "no-sync": "nothing is synced",
    "no-directory-sync": "files are synced, directories are not",
    "record-only": "only the record is synced, not what it speaks of",
}
LIBRARY = r"""
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
static int wanted(int fd) {
    const char *fault = getenv("POWERCUT_FAULT");
    char link[64], path[4096] = "";
    struct stat status;
    if (!fault) return 1;
    if (!strcmp(fault, "no-directory-sync")) return fstat(fd, &status) != 0 || !S_ISDIR(status.st_mode);
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    if (readlink(link, path, sizeof path - 1) < 0) return 1;
    return !strcmp(fault, "record-only") && strstr(path, "record.json");
}
int fsync(int fd) { return wanted(fd) ? (int)syscall(SYS_fsync, fd) : 0; }
int fdatasync(int fd) { return wanted(fd) ? (int)syscall(SYS_fdatasync, fd) : 0; }
int syncfs(int fd) { return wanted(fd) ? (int)syscall(SYS_syncfs, fd) : 0; }
"""


# Nothing can be loaded before a static program. The development build stands in: from the same objects, with its own loader
# and libraries, in a copy of the bundle.
BUNDLE = "/root/faulty"
PROGRAM = (f"{BUNDLE}/bin/ld-linux-x86-64.so.2 --preload /root/fault.so --inhibit-cache --library-path {BUNDLE}/lib "
           f"--argv0 overdrive {BUNDLE}/bin/overdrive")


def make_program(to: Path, bundle: Path, program: Path) -> None:
    """The directory for BUNDLE in the node. @param program  of the development build"""
    shutil.copytree(bundle, to)
    (to / "lib").mkdir()
    shutil.copy(program, to / "bin/overdrive")
    for words in (line.split() for line in subprocess.run(["ldd", program], check=True, capture_output=True, text=True).stdout.splitlines()):
        if words[0].startswith("/"):
            shutil.copy(words[0], to / "bin")
        elif len(words) > 2 and words[1] == "=>":
            shutil.copy(words[2], to / "lib")


def build_library(to: Path) -> None:
    """The library for /root/fault.so in the node, faulty by the variable POWERCUT_FAULT."""
    subprocess.run(["gcc", "-shared", "-fPIC", "-o", to, "-x", "c", "-"], input=LIBRARY, text=True, check=True)
