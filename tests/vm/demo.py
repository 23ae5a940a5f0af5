#!/usr/bin/env python3
"""The main job end to end, narrated: two artifacts, a registry, a node that is installed, rebooted and updated.

ci/demo calls it with everything built. The table at its end is filled by evidence.py from raw facts.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TOP / "tests/support"))
sys.path.insert(0, str(TOP / "tests/vm"))

import evidence  # noqa: E402
from evidence import Line, Wanted  # noqa: E402
from vm_node import Node, OsRelease, build_nodes  # noqa: E402
from vm_registry import Registry  # noqa: E402

PROGRAM = "/opt/overdrive/current/bin/overdrive"
OS_ID = "coreos"


class Story:
    """Narrates steps with their times and collects what each proved."""

    def __init__(self) -> None:
        self.started = time.monotonic()
        self.steps: list[dict[str, object]] = []
        self.lines: list[tuple[str, Line]] = []

    @contextmanager
    def step(self, what: str) -> Iterator[None]:
        begun = time.monotonic()
        print(f"\n[{begun - self.started:6.1f} s] {what}", flush=True)
        yield
        taken = time.monotonic() - begun
        self.steps.append({"step": what, "seconds": round(taken, 1)})
        print(f"           done in {taken:.1f} s", flush=True)

    def show(self, text: str) -> None:
        for line in text.rstrip().splitlines():
            print(f"           | {line}", flush=True)

    def prove(self, when: str, lines: list[Line]) -> None:
        self.lines += [(when, line) for line in lines]
        for line in lines:
            print(f"           {'ok  ' if line.ok else 'FAIL'} {line.claim}", flush=True)

    def table(self) -> bool:
        """Prints every line with its evidence. Returns whether all hold."""
        print("\nWhat was found, and where\n")
        when_before = ""
        for when, line in self.lines:
            if when != when_before:
                print(f"{when}")
                when_before = when
            print(f"  {'ok  ' if line.ok else 'FAIL'} {line.claim:<62} [{line.source}] {line.found}")
        print("\nTimes\n")
        for step in self.steps:
            print(f"  {step['seconds']:>7} s  {step['step']}")
        failed = sum(not line.ok for _, line in self.lines)
        print(f"\n{len(self.lines) - failed} of {len(self.lines)} lines hold, {time.monotonic() - self.started:.0f} s in all")
        return failed == 0 and bool(self.lines)

    def report(self, path: Path, **facts: object) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        rows = [{"when": when, **line.as_json()} for when, line in self.lines]
        text = json.dumps({"schema": 1, **facts, "steps": self.steps, "lines": rows}, indent=2)
        path.write_text(text + "\n")


def build_artifact(release: OsRelease, driver: str, key: Path, registry: Registry, program: Path) -> str:
    """Builds one pair, pushes it and returns its tag."""
    repository = f"{registry.on_host}/overdrive/nvidia-{OS_ID}"
    command: list[str | Path] = [TOP / "builder-images/build", "--os", "debian", "--kernel", release.kernel, "--driver", driver]
    command += ["--os-id", OS_ID, "--os-version", release.version, "--os-key", release.version]
    command += ["--program", program, "--sign-key", key, "--tag", repository]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return done.stdout.split()[-1].rsplit(":", 1)[-1]


def layers_of(registry: Registry, tag: str) -> dict[str, tuple[str, int]]:
    """The layers of an image at the registry: role -> (digest, size), asked with a public tool."""
    reference = f"docker://{registry.on_host}/overdrive/nvidia-{OS_ID}:{tag}"
    done = subprocess.run(["skopeo", "inspect", "--tls-verify=false", "--raw", reference], check=True, stdout=subprocess.PIPE)
    manifest = json.loads(done.stdout)
    if "manifests" in manifest:
        digest = manifest["manifests"][0]["digest"]
        reference = f"docker://{registry.on_host}/overdrive/nvidia-{OS_ID}@{digest}"
        done = subprocess.run(["skopeo", "inspect", "--tls-verify=false", "--raw", reference], check=True, stdout=subprocess.PIPE)
        manifest = json.loads(done.stdout)
    return {one["annotations"]["org.overdrive.layer"]: (one["digest"], one["size"]) for one in manifest["layers"]}


def configure(node: Node, registry: Registry, driver: str, public_key: Path) -> None:
    """What config management or Ignition gives every node."""
    node.put(public_key, "/etc/overdrive/keys/demo.pub")
    node.check(
        "cat >/etc/overdrive/config.toml <<'END'\n"
        f'driver = "{driver}"\n'
        f'sources = ["docker://{registry.in_node}/overdrive/nvidia-{{os_id}}"]\n'
        '[trust]\nkeys = ["/etc/overdrive/keys/demo.pub"]\n'
        f'[registry]\ninsecure = ["{registry.in_node}"]\nboot-jitter = 0\n'
        "END"
    )


def make_key(directory: Path) -> tuple[Path, Path]:
    private, public = directory / "demo.pem", directory / "demo.pub"
    subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", private], check=True)
    subprocess.run(["openssl", "pkey", "-in", private, "-pubout", "-out", public], check=True)
    return private, public


def tell(story: Story, quick: bool, registry: Registry, work: Path, program: Path) -> str:
    driver_wish = "stand-in" if quick else "newest"
    with story.step("test node: two OS releases, each with its own kernel and read-only /usr"):
        older, newer = build_nodes()
        story.show(f"OS {older.version}: kernel {older.kernel}\nOS {newer.version}: kernel {newer.kernel}")
    private, public = make_key(work)
    tags: dict[str, str] = {}
    for release in (older, newer):
        with story.step(f"artifact for OS {release.version} (kernel {release.kernel}), signed, pushed to {registry.on_host}"):
            tags[release.version] = build_artifact(release, driver_wish, private, registry, program)
            layers = layers_of(registry, tags[release.version])
            story.show("\n".join(f"{role:<11} {size / 1e6:8.1f} MB  {digest[:19]}" for role, (digest, size) in layers.items()))
    old_layers, new_layers = layers_of(registry, tags[older.version]), layers_of(registry, tags[newer.version])
    same = old_layers["user-space"] == new_layers["user-space"]
    story.prove("artifacts", [Line("two kernels share one user-space layer", "the registry's manifests", old_layers["user-space"][0][:19], same)])

    driver = tags[older.version].removeprefix(f"{older.version}-")
    wanted_old = Wanted(driver, driver.removesuffix("-open"), older.version, older.kernel)
    wanted_new = Wanted(driver, driver.removesuffix("-open"), newer.version, newer.kernel)
    image = f"{registry.in_node}/overdrive/nvidia-{OS_ID}:{tags[older.version]}"

    with ExitStack() as stack:
        with story.step(f"boot the node: OS {older.version}, systemd, a GPU (fake), no driver"):
            node = stack.enter_context(Node(older))
            configure(node, registry, driver, public)
        with story.step("first install: privileged container with -v /:/rootfs (podman in the node)"):
            node.check(f"podman pull -q --tls-verify=false {image}", timeout=900)
            story.show(node.check(f"podman run --rm --network=host --privileged -v /:/rootfs {image} 2>&1", timeout=900))
        with story.step("what the kernel, systemd, the linker and the registry say"):
            story.show(node.run(f"{PROGRAM} status 2>&1").output)
            lines = evidence.all_of(node, wanted_old, kubelet=False)
            story.prove("after the first install", [*lines, evidence.status_agrees(node, wanted_old)])
        with story.step("run it all a second time"):
            before = evidence.snapshot(node)
            story.show(node.check(f"podman run --rm --network=host --privileged -v /:/rootfs {image} 2>&1 | tail -n 1", timeout=900))
            line = evidence.unchanged(before, evidence.snapshot(node), "a second container run")
            story.show(node.check(f"{PROGRAM} activate 2>&1 && {PROGRAM} install 2>&1 | tail -n 1", timeout=300))
            story.prove("run twice", [line, evidence.unchanged(before, evidence.snapshot(node), "activate and install on the host")])

        with story.step(f"reboot the same OS {older.version}: local state only"):
            mark = registry.mark()
            node.reboot_into(older)
            lines = evidence.all_of(node, wanted_old, kubelet=True)
            story.prove("after a reboot", [*lines, evidence.status_agrees(node, wanted_old), evidence.nothing_downloaded(registry.requests(mark))])

        with story.step(f"OS update: boot OS {newer.version} with kernel {newer.kernel}; nvidia-update.service pulls natively"):
            mark = registry.mark()
            node.reboot_into(newer)
            story.show(node.run("journalctl -b -u nvidia.service -u nvidia-update.service -u nvidia-wait.service -o cat --no-pager").output)
            story.show(node.run(f"{PROGRAM} status 2>&1").output)
            lines = evidence.all_of(node, wanted_new, kubelet=True)
            digest, size = new_layers["modules"]
            lines += [evidence.status_agrees(node, wanted_new), evidence.only_downloaded(registry.requests(mark), {digest: size})]
            story.prove("after the OS update", lines)
        with story.step("shut down"):
            node.poweroff()
    return driver


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="the stand-in driver instead of NVIDIA's")
    parser.add_argument("--program", type=Path, default=TOP / "build/bundle", help="bundle that ci/bundle made")
    parser.add_argument("--report", type=Path, default=TOP / "build/demo/report.json")
    options = parser.parse_args()
    story = Story()
    driver = ""
    with tempfile.TemporaryDirectory(prefix="overdrive-demo-") as work, Registry() as registry:
        try:
            driver = tell(story, options.quick, registry, Path(work), options.program)
            done = True
        except Exception as error:  # the table shows how far it came
            print(f"\nFAILED: {error}", file=sys.stderr)
            done = False
    holds = story.table() and done
    story.report(options.report, driver=driver, quick=options.quick, ok=holds)
    return 0 if holds else 1


if __name__ == "__main__":
    sys.exit(main())
