"""What happens in the node while its disk is logged: /opt is mounted, a driver installed, another one, and so on.

Every step begins and ends with a mark in the log. The mark at the end says what the node saw when success was
reported; a power cut from then on must leave just that.
"""

from __future__ import annotations

import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path

TOP = Path(__file__).resolve().parents[3]
sys.path[:0] = [str(TOP / "tests/support"), str(TOP / "tests/vm")]

import disks  # noqa: E402
import faults  # noqa: E402
from stand_in_artifacts import StandInArtifacts, require_bundle  # noqa: E402
from vm_node import Node, NodeError, OsRelease  # noqa: E402
from write_log import Mark  # noqa: E402

NONE = "none"
DRIVERS = ("900.1.0", "900.1.2", "900.1.4", "900.1.6")
FIRST, SECOND, THIRD = DRIVERS[:3]
PROGRAM = "/root/bundle/bin/overdrive"
DEVELOPMENT = Path(os.environ.get("OVERDRIVE_BIN", TOP / "build/dev/bin")) / "overdrive"


@dataclass(frozen=True)
class Step:
    """A run of the program that changes what is installed."""

    name: str
    command: str
    before: str  # the recorded driver, or NONE
    after: str


STEPS = (
    Step("first", f"install {FIRST}", NONE, FIRST),
    Step("update", f"install {SECOND}", FIRST, SECOND),
    Step("rollback", "rollback", SECOND, FIRST),
    Step("third", f"install {THIRD}", FIRST, THIRD),
    Step("prune", "prune --keep 1", THIRD, THIRD),
)
SUCCESS = (0, 4)  # 4: takes effect at reboot


@dataclass(frozen=True)
class Seen:
    """What the node saw when a step reported success."""

    step: Step
    exit_code: int
    record: str  # sha256 of the record, or NONE
    current: str
    program: str


def parse_done(mark: Mark) -> Seen | None:
    """What the mark at the end of a step says; None for another mark."""
    word, name, *rest = mark.text.split()
    if word != "done":
        return None
    step = next(one for one in STEPS if one.name == name)
    return Seen(step, int(rest[0]), rest[1], rest[2], rest[3])


# The marks lie one behind the other after the file system. A mark is no flush: what is volatile stays so.
GUEST = f"""
mark() {{
    local place
    place=$(cat /run/marks 2>/dev/null || echo {disks.FILE_SYSTEM_BYTES // 512})
    printf '%s' "$*" | dd of=/dev/vdc bs=512 count=1 seek="$place" conv=notrunc,sync oflag=direct iflag=fullblock status=none
    echo $((place + 1)) >/run/marks
}}
link() {{ readlink "$1" || echo {NONE}; }}
step() {{
    local name=$1 rc=0 record=/opt/nvidia/.overdrive/record.json
    shift
    mark begin "$name"
    $program --json "$@" >/tmp/said 2>&1 || rc=$?
    mark done "$name" "$rc" "$( [ -e $record ] && sha256sum $record | cut -c1-64 || echo {NONE})" \\
        "$(link /opt/nvidia/current)" "$(link /opt/overdrive/current)"
    cat /tmp/said
    return "$rc"
}}
"""
# Nothing becomes durable because time passes: only what the program itself syncs. Otherwise the kernel's own
# writing of old data hides a sync that is missing.
QUIET = """
echo 0 >/proc/sys/vm/dirty_writeback_centisecs
[ ! -d /proc/sys/fs/xfs ] || echo 720000 >/proc/sys/fs/xfs/xfssyncd_centisecs
"""
MOUNT_OPTIONS = {"ext4": "commit=300", "xfs": "defaults"}


def prepare(node: Node, artifacts: StandInArtifacts) -> None:
    """Puts the program, the key and the configuration into a node that has just booted."""
    node.put(require_bundle(), "/root/bundle")
    node.put(artifacts.public, "/etc/overdrive/keys/test.pub")
    node.check(
        "cat >/etc/overdrive/config.toml <<'END'\n"
        f'sources = ["docker://{artifacts.registry.in_node}/overdrive/nvidia-{{os_id}}"]\n'
        '[trust]\nkeys = ["/etc/overdrive/keys/test.pub"]\n'
        f'[registry]\ninsecure = ["{artifacts.registry.in_node}"]\nEND'
    )


def record(kind: str, release: OsRelease, artifacts: StandInArtifacts, base: Path, log: Path, *, quiet: bool = True, fault: str = "") -> tuple[float, ...]:
    """Runs every step on a disk of which all writes are logged; `base` is how the disk was before.

    quiet    nothing is written back but what the program syncs
    fault    one of faults.FAULTS, planted into the program
    Returns the seconds of each step. Raises NodeError when a step fails.
    """
    disks.make_disk(kind, base)
    image = base.with_suffix(".now")
    disks.copy_of(base, image)
    took = []
    program = f"env POWERCUT_FAULT={fault} {faults.PROGRAM}" if fault else PROGRAM
    with Node(release, qemu_arguments=disks.blklogwrites(image, log)) as node:
        prepare(node, artifacts)
        if fault:
            faults.build_library(base.with_suffix(".so"))
            node.put(base.with_suffix(".so"), "/root/fault.so")
            faults.make_program(base.with_suffix(".program"), require_bundle(), DEVELOPMENT)
            node.put(base.with_suffix(".program"), faults.BUNDLE)
        node.check(f"{QUIET if quiet else ''}mount -t {kind} -o {MOUNT_OPTIONS[kind] if quiet else 'defaults'} /dev/vdc /opt")
        for step in STEPS:
            begun = time.monotonic()
            rc, output = node.run(f"program='{program}'\n{GUEST}\nstep {step.name} {step.command}", timeout=600)
            if rc not in SUCCESS:
                raise NodeError(f"{step.command} ended with {rc}:\n{output}")
            took.append(time.monotonic() - begun)
        node.check("sync")  # ends the last epoch
    image.unlink()
    return tuple(took)
