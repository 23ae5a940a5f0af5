"""Where a run changes something: its state-changing system calls, counted as strace counts them, and injections there."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import proof_host as host

# Opening counts when it can create or write; ioctl only for the clone of a file.
OPENING = {"open", "openat", "openat2", "creat"}
CHANGING = (
    "write pwrite64 writev pwritev pwritev2 copy_file_range sendfile splice fallocate truncate ftruncate "
    "rename renameat renameat2 link linkat unlink unlinkat symlink symlinkat mkdir mkdirat rmdir mknod mknodat "
    "chmod fchmod fchmodat chown lchown fchown fchownat utimensat setxattr lsetxattr fsetxattr removexattr lremovexattr "
    "fremovexattr fsync fdatasync syncfs sync sync_file_range mount umount2 move_mount open_tree fsopen fsconfig fsmount "
    "fspick mount_setattr unshare setns pivot_root ioctl init_module finit_module delete_module sendmsg"
).split()
CUT = "CUT"  # SIGKILL, and the machine boots before the next run
SIGNALS = ("KILL", "TERM", "INT", CUT)
ERRORS = ("ENOSPC", "EIO", "EROFS", "EDQUOT", "EMFILE", "ENOMEM", "EINTR", "EAGAIN")
FAULTS = (*SIGNALS, *ERRORS)
TRACED = ",".join(["execve", "close", *sorted(OPENING), *CHANGING])

_CALL = re.compile(r"^(\d+) +(\w+)\((.*)$")
_WRITES = re.compile(r"O_WRONLY|O_RDWR|O_CREAT|O_TRUNC|O_TMPFILE")


@dataclass(frozen=True)
class Site:
    """The count-th call of a name that one thread makes."""

    call: str
    count: int
    thread: bool  # not the main thread
    what: str  # the call as strace shows it

    @property
    def key(self) -> str:
        return f"{self.call}:{self.count}{':thread' if self.thread else ''}"

    def takes(self, fault: str) -> bool:
        """Closing changes nothing; it can tell of a write that failed."""
        return self.call != "close" or fault == "EIO"

    def break_run(self, node: Path, command: tuple[str, ...], fault: str, trace: Path) -> tuple[host.Ended, int]:
        ended = host.run(node, *command, prefix=injecting(self, fault, trace))
        return ended, fired(fault, trace)


@dataclass
class Sites:
    sites: list[Site]
    masked: list[str]  # of other threads, where another thread reaches the same count of the same call before


def _changes(call: str, arguments: str) -> bool:
    if call == "close":
        return False  # but of a file that was written: see read_trace
    if call in OPENING:
        return bool(_WRITES.search(arguments)) or call == "creat"
    if call == "ioctl":
        return "FICLONE" in arguments
    if call in ("write", "writev", "sendmsg"):
        return not re.match(r"[012]<", arguments)
    return True


def read_trace(path: Path) -> Sites:
    """The sites in a trace of `strace -f -y -e trace=TRACED`. Children that run another program are not ours to break;
    what the simulated kernel and systemd do in threads of their own is the machine's work."""
    counts: dict[tuple[str, str], int] = {}
    children: set[str] = set()
    seen: list[tuple[str, str, int, str]] = []
    order: list[tuple[str, str, int]] = []
    main = ""
    written: set[str] = set()  # descriptors
    for line in path.read_text(errors="replace").splitlines():
        match = _CALL.match(line)
        if not match:
            continue
        tid, call, arguments = match.groups()
        if call == "execve":
            if main:
                children.add(tid)
            else:
                main = tid
            continue
        count = counts[tid, call] = counts.get((tid, call), 0) + 1
        order.append((tid, call, count))
        if call in OPENING and _changes(call, arguments):
            if opened := re.search(r"= (\d+)<", arguments):
                written.add(opened[1])
        closes_written = call == "close" and arguments.split("<")[0] in written
        if closes_written:
            written.remove(arguments.split("<")[0])
        if (closes_written or _changes(call, arguments)) and not (tid != main and "/simulated" in arguments):
            seen.append((tid, call, count, arguments[:160]))
    first: dict[tuple[str, int], str] = {}
    for tid, call, count in order:
        first.setdefault((call, count), tid)
    found = Sites([], [])
    for tid, call, count, arguments in seen:
        if tid in children:
            continue
        if tid == main or first[call, count] == tid:
            found.sites.append(Site(call, count, tid != main, f"{call}({arguments}"))
        else:
            found.masked.append(f"{call}({arguments}")
    return found


def _signal(fault: str) -> str:
    return "KILL" if fault == CUT else fault


def tracing(output: Path) -> list[str]:
    """The command in front of a run whose sites are counted."""
    return ["strace", "-f", "-y", "-qq", "-o", str(output), "-e", f"trace={TRACED}", "--"]


def injecting(site: Site, fault: str, output: Path) -> list[str]:
    """The command in front of a run in which the fault happens at the site. Only the main thread is followed unless the
    site is another's: strace counts for each thread on its own."""
    how = f"signal={_signal(fault)}" if fault in SIGNALS else f"error={fault}"
    return ["strace", *(["-f"] if site.thread else []), "-qq", "-o", str(output), "-e", f"trace={site.call}", "-e",
            f"inject={site.call}:{how}:when={site.count}", "--"]


def fired(fault: str, output: Path) -> int:
    """How often strace says that it injected: in more than one thread an error can happen more than once."""
    text = output.read_text(errors="replace") if output.exists() else ""
    if fault in SIGNALS:
        return int(f"SIG{_signal(fault)}" in text)
    return text.count("(INJECTED)")
