#!/usr/bin/env python3
"""A node takes a published driver: it is given a repository, a key and a branch or channel, and nothing else.

Boots the kernel of the published cell with the os-release of Debian, a GPU that is not there, and the registry at the name that the
host knows it by. ci/try-published calls it with everything built.
"""

from __future__ import annotations

import argparse
import json
import sys
from contextlib import ExitStack
from pathlib import Path

sys.dont_write_bytecode = True
TOP = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(TOP / "tests/support"), str(TOP / "tests/vm")]

import evidence  # noqa: E402
from demo import PROGRAM, Story  # noqa: E402
from evidence import Line, Wanted  # noqa: E402
from vm_node import HOST_IN_NODE, Node, build_node  # noqa: E402


def configure(node: Node, options: argparse.Namespace) -> None:
    """The three things, and an os-release as Debian's own."""
    node.put(options.key, "/etc/overdrive/keys/published.pub")
    node.check(f"cat >/etc/overdrive/config.toml <<'END'\ndriver = \"{options.driver}\"\nsources = [\"docker://{options.repository}\"]\n"
               "[trust]\nkeys = [\"/etc/overdrive/keys/published.pub\"]\nEND\n"
               "mount -t tmpfs tmpfs /usr/local/bin\n"  # where a Debian's programs are linked; the node's /usr is read-only
               f"rm /etc/os-release\nprintf 'ID=debian\\nVERSION_ID=\"{options.os_version}\"\\n' >/etc/os-release")
    host, _, port = options.repository.split("/")[0].partition(":")
    if host == "127.0.0.1":
        proxy = "/usr/lib/systemd/systemd-socket-proxyd"
        node.check(f"systemd-run -q --unit=registry systemd-socket-activate -l 127.0.0.1:{port} {proxy} {HOST_IN_NODE}:{port}")


def asked_of(log: Path, begin: int) -> Line:
    """What the registry was asked by the node, in its own log."""
    with log.open("rb") as stream:
        stream.seek(begin)
        lines = [line for line in stream.read().decode(errors="replace").splitlines() if '"GET ' in line and "overdrive/" in line]
    paths = [line.split('"GET ')[1].split()[0] for line in lines]
    listings = [path for path in paths if "/tags/list" in path or "_catalog" in path]
    return Line("the pair index was asked, no tags were listed", str(log.name), f"{len(paths)} GETs, {len(listings)} listings",
                any(path.endswith("/manifests/overdrive-index") for path in paths) and not listings)


def tell(story: Story, options: argparse.Namespace) -> None:
    with story.step(f"test node: kernel {options.kernel}"):
        release = build_node(options.os_version, options.kernel)
    with ExitStack() as stack:
        with story.step(f"boot it; configure '{options.driver}' of {options.repository}"):
            node = stack.enter_context(Node(release))
            configure(node, options)
            node.put(options.program, "/tmp/bundle")
        begin = options.registry_log.stat().st_size if options.registry_log else 0
        with story.step("overdrive install"):
            story.show(node.check("/tmp/bundle/bin/overdrive list --available 2>&1"))
            story.show(node.check("/tmp/bundle/bin/overdrive install 2>&1", timeout=900))
        status = json.loads(node.check(f"{PROGRAM} status --json"))
        driver = node.check("readlink /opt/nvidia/current").strip().split("/")[0]
        wanted = Wanted(driver, driver.removesuffix("-open"), f"{options.os_version}-{options.kernel}", options.kernel, "/usr/local/bin")
        with story.step("what the kernel, systemd, the linker and the registry say"):
            lines = evidence.all_of(node, wanted, kubelet=False)
            lines.append(Line("the driver is of that branch", "readlink current, status", f"{driver}, {status['state']}",
                              driver.startswith(options.driver.split("-")[0]) and status["state"] == "ready"))
            story.prove("after the install", lines + ([asked_of(options.registry_log, begin)] if options.registry_log else []))
        node.poweroff()


def main() -> int:
    parser = argparse.ArgumentParser(prog="ci/try-published", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("repository", metavar="HOST/REPOSITORY", help="such as 127.0.0.1:5000/overdrive/nvidia-debian")
    parser.add_argument("--key", type=Path, required=True, metavar="PEM", help="public key that the node trusts")
    parser.add_argument("--driver", required=True, metavar="BRANCH", help="branch, channel or version")
    parser.add_argument("--kernel", required=True, metavar="RELEASE", help="of Debian, as `uname -r` prints it")
    parser.add_argument("--os-version", default="12", metavar="VERSION", help="VERSION_ID in os-release (default 12)")
    parser.add_argument("--registry-log", type=Path, metavar="FILE", help="access log of the registry: shows what the node asked")
    parser.add_argument("--program", type=Path, default=TOP / "build/bundle", metavar="DIR", help="program bundle (default build/bundle)")
    options = parser.parse_args()
    story = Story()
    tell(story, options)
    return 0 if story.table() else 1


if __name__ == "__main__":
    sys.exit(main())
