"""unittest.TestCase for scenarios in one test node: says what the node says when a test fails, and the times."""

from __future__ import annotations

import sys
import time
import unittest
from typing import ClassVar

from vm_node import Node


class NodeTestCase(unittest.TestCase):
    """Tests of a class share `node` and run in the order of their names. setUpClass of the subclass makes the node."""

    node: ClassVar[Node | None] = None

    @classmethod
    def tearDownClass(cls) -> None:
        if cls.node is not None:
            for boot in cls.node.boots:
                print(f"time: boot of {boot}", file=sys.stderr)
            cls.node.close()
            cls.node = None

    def run(self, result: unittest.TestResult | None = None) -> unittest.TestResult | None:
        result = result or self.defaultTestResult()
        before = len(result.failures) + len(result.errors)
        started = time.monotonic()
        super().run(result)
        print(f"time: {self._testMethodName} {time.monotonic() - started:.1f} s", file=sys.stderr)
        if len(result.failures) + len(result.errors) > before and self.node is not None:
            print(self.node.diagnose(), file=sys.stderr)
        return result
