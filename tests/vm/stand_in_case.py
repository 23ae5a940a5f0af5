"""Scenarios in one node with artifacts of the stand-in driver at a registry of the host.

    class SomeTest(StandInNodeCase):
        @classmethod
        def setUpClass(cls) -> None:
            cls.prepare()                                   # cls.work, older, newer, registry, artifacts
            cls.artifacts.push(cls.older, "900.1.0")
            cls.start_node()                                # cls.node; it has the public key
            cls.write_config("900.1.0", "kubelet-wait = 5")
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any, ClassVar

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests/support"))

from stand_in_artifacts import OS_ID, StandInArtifacts  # noqa: E402
from vm_case import NodeTestCase  # noqa: E402
from vm_node import Node, OsRelease, build_nodes  # noqa: E402
from vm_registry import Registry  # noqa: E402

KEY_IN_NODE = "/etc/overdrive/keys/test.pub"


class StandInNodeCase(NodeTestCase):
    """The tests of a class share the node and go on where the one before ended."""

    work: ClassVar[Path]
    older: ClassVar[OsRelease]
    newer: ClassVar[OsRelease]
    registry: ClassVar[Registry]
    artifacts: ClassVar[StandInArtifacts]
    node: ClassVar[Node]

    @classmethod
    def prepare(cls) -> None:
        work = tempfile.TemporaryDirectory(prefix="overdrive-vm-test-")
        cls.addClassCleanup(work.cleanup)
        cls.work = Path(work.name)
        cls.older, cls.newer = build_nodes()
        cls.registry = Registry()
        cls.addClassCleanup(cls.registry.close)
        cls.registry.start()
        cls.artifacts = StandInArtifacts(cls.work, cls.registry)

    @classmethod
    def start_node(cls, **options: Any) -> None:
        """@param options of the Node"""
        cls.node = Node(cls.older, **options)
        cls.addClassCleanup(cls.tearDownClass)
        cls.node.start()
        cls.node.put(cls.artifacts.public, KEY_IN_NODE)

    @classmethod
    def write_config(cls, driver: str, top: str = "", *, sources: list[str] | None = None, registry: str = "boot-jitter = 0") -> None:
        """
        top       further lines before the first section
        sources   hosts, instead of the test's registry
        registry  further lines of its section
        """
        hosts = sources if sources is not None else [cls.registry.in_node]
        places = ", ".join(f'"docker://{host}/overdrive/nvidia-{{os_id}}"' for host in hosts)
        plain = ", ".join(f'"{host}"' for host in hosts)
        cls.node.check(
            f"cat >/etc/overdrive/config.toml <<'END'\ndriver = \"{driver}\"\nsources = [{places}]\n{top}\n"
            # The host knows the registry by another name, and signatures name that.
            f'[trust]\nkeys = ["{KEY_IN_NODE}"]\nidentity = ["{cls.registry.on_host}/overdrive/nvidia-{OS_ID}"]\n'
            f"[registry]\ninsecure = [{plain}]\n{registry}\nEND"
        )
