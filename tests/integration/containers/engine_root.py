"""Container engines that this machine does not have: Debian's packages of another release, unpacked and run from there.

Their directory is the root of a mount namespace of its own, not of a chroot: in a chroot nobody makes a user namespace. In it are
this machine's /proc, /sys, /dev, /opt and /run/cdi, and the directory of the test.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent))

from podman_machine import CONTAINERS_CONF, STORAGE_CONF, TOP, UID, USER, Said, said_by  # noqa: E402

ENGINES = Path(os.environ.get("OVERDRIVE_ENGINES", TOP / "build/engines"))
FILES = {"etc/passwd": f"root:x:0:0::/root:/bin/sh\n{USER}:x:{UID}:{UID}::/home:/bin/sh\n", "etc/group": f"root:x:0:\n{USER}:x:{UID}:\n",
         "etc/subuid": f"{USER}:700000:65536\n", "etc/subgid": f"{USER}:700000:65536\n", "etc/hosts": "127.0.0.1 localhost\n", "etc/resolv.conf": "",
         "etc/containers/policy.json": '{"default": [{"type": "insecureAcceptAnything"}]}\n', "etc/containers/containers.conf": CONTAINERS_CONF,
         "etc/containers/storage.conf": STORAGE_CONF}
# $1: the directory, $2: the test's
ENTER = """
mount --bind "$1" "$1"
for tree in proc sys dev opt; do mkdir -p "$1/$tree" && mount --rbind "/$tree" "$1/$tree"; done
mount -t tmpfs -o mode=755 tmpfs "$1/run"
mount -t tmpfs -o mode=1777 tmpfs "$1/tmp"
mkdir -p "$1/run/cdi" "$1$2" "$1/tmp/before"
mount --bind /run/cdi "$1/run/cdi"
mount --bind "$2" "$1$2"
# A slirp4netns of an ordinary user opens it, as on every host of theirs.
mkdir -p "$1/dev/net" && mknod -m 666 "$1/tmp/tun" c 10 200 && mount --bind "$1/tmp/tun" "$1/dev/net/tun"
cd "$1"
pivot_root . tmp/before
cd /
umount -l /tmp/before
echo ready
exec sleep infinity
"""


def prepare(root: Path) -> None:
    """What maintainer scripts would have made; harmless when it is there."""
    for name, text in FILES.items():
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    run = root / "var/run"
    if not run.is_symlink():
        shutil.rmtree(run, ignore_errors=True)
        run.symlink_to("/run")


class EngineRoot:
    """One test's: to be closed, after its daemons."""

    def __init__(self, work: Path) -> None:
        prepare(ENGINES)
        self.work = work
        self.home, self.runtime = work / "home-in-engines", work / "xdg-in-engines"
        for folder in (self.home, self.runtime):
            folder.mkdir(mode=0o700, exist_ok=True)
            os.chown(folder, UID, UID)
        self._holder = subprocess.Popen(["unshare", "--mount", "--propagation", "private", "sh", "-euc", ENTER, "enter", ENGINES, work],
                                        stdout=subprocess.PIPE, text=True)
        assert self._holder.stdout
        if self._holder.stdout.readline() != "ready\n":
            raise AssertionError(f"the engines in {ENGINES} cannot be entered: exit code {self._holder.wait()}")

    def words(self, *words: object, user: bool = False) -> list[str]:
        """A command in there, of root or of an ordinary user without any right."""
        as_user = ["setpriv", f"--reuid={UID}", f"--regid={UID}", "--clear-groups", "--inh-caps=-all"] if user else []
        home, runtime = (self.home, self.runtime) if user else ("/root", "/run")
        return ["nsenter", f"--target={self._holder.pid}", "--mount", *as_user, "env", "-i", f"HOME={home}", f"XDG_RUNTIME_DIR={runtime}",
                "LC_ALL=C", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", *map(str, words)]

    def said_by(self, *words: object, user: bool = False) -> Said:
        return said_by(*self.words(*words, user=user))

    def start(self, *words: object, ready: Callable[[], bool], log: Path, user: bool = False) -> "EngineDaemon":
        return EngineDaemon(self.words(*words, user=user), ready, log)

    def close(self) -> None:
        self._holder.kill()
        self._holder.communicate()


class EngineDaemon:
    """An engine that runs until it is closed."""

    def __init__(self, words: list[str], ready: Callable[[], bool], log: Path) -> None:
        self._log = log
        with log.open("w") as out:
            self._process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT)
        deadline = time.monotonic() + 60
        while not ready():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.close()
                raise AssertionError(f"{words[-1]}: it does not start: {log.read_text(errors='replace')[-1500:]}")
            time.sleep(0.2)

    def close(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
