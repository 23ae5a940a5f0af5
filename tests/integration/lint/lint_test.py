#!/usr/bin/env python3
"""ci/lint finds what it is for and is silent over a clean tree. Run: python3 tests/integration/lint/lint_test.py"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

TOP = Path(__file__).resolve().parents[3]


class LintTest(unittest.TestCase):
    def setUp(self) -> None:
        work = tempfile.TemporaryDirectory(prefix="overdrive-lint-test-")
        self.addCleanup(work.cleanup)
        self.tree = Path(work.name)
        subprocess.run(["git", "init", "-q", self.tree], check=True)
        for name in ("ci/lint", ".clang-format"):
            (self.tree / name).parent.mkdir(exist_ok=True)
            shutil.copy(TOP / name, self.tree / name)
        self.write("ci/README.md", "# ci\n")
        self.write("installer/README.md", "# installer\n")
        for folder in ("model", "support", "cli"):
            self.write(f"installer/{folder}/README.md", f"# {folder}\n")
        self.write("installer/model/pair.hpp", '#include "support/error.hpp"\n')

    def write(self, name: str, text: str) -> None:
        (self.tree / name).parent.mkdir(parents=True, exist_ok=True)
        (self.tree / name).write_text(text)

    def lint(self) -> tuple[int, str]:
        done = subprocess.run([self.tree / "ci/lint"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        return done.returncode, done.stdout

    def assert_found(self, *parts: str) -> None:
        status, output = self.lint()
        self.assertEqual(status, 1, output)
        for part in parts:
            self.assertIn(part, output)

    def test_is_silent_over_a_clean_tree(self) -> None:
        self.assertEqual(self.lint(), (0, ""))

    def test_finds_an_include_against_the_arrows(self) -> None:
        self.write("installer/model/digest.hpp", '#include "cli/main.hpp"\n')
        self.assert_found("installer/model/digest.hpp:1: model may not include cli/main.hpp")

    def test_finds_a_type_that_is_defined_twice(self) -> None:
        body = "namespace overdrive {\nstruct Candidate {\n    int word;\n};\n}  // namespace overdrive\n"
        self.write("installer/model/choice.hpp", body)
        self.write("installer/cli/completion.cpp", body.replace("struct", "namespace {\nstruct").replace("};\n", "};\n}  // namespace\n"))
        self.assertEqual(self.lint(), (0, ""), "one that is hidden is another type")
        self.write("installer/cli/completion.hpp", body)
        self.assert_found("overdrive::Candidate is defined in installer/cli/completion.hpp too")

    def test_finds_an_adapter_named_outside_main(self) -> None:
        self.write("installer/cli/main.cpp", '#include "systemd/unit_files.hpp"\n')
        self.assertEqual(self.lint(), (0, ""))
        self.write("installer/cli/other.cpp", '#include "systemd/unit_files.hpp"\n')
        self.assert_found("installer/cli/other.cpp:1: cli may not include systemd/unit_files.hpp")

    def test_finds_a_name_that_says_nothing(self) -> None:
        for name in ("installer/model/utils.hpp", "ci/misc/x.txt", "ci/helpers"):
            with self.subTest(name):
                self.write(name, "\n")
                self.assert_found(f"{name}: name it for what it does")

    def test_finds_banned_calls_in_the_product_and_not_in_tests(self) -> None:
        for call in ('system("ls");', 'getenv("X");', '::open("x", 0);', "std::cout << 1;", 'std::filesystem::remove_all("x");'):
            with self.subTest(call):
                self.write("installer/model/calls.cpp", f"void f() {{ {call} }}\n")
                self.assert_found("installer/model/calls.cpp:1: ")
        (self.tree / "installer/model/calls.cpp").unlink()
        self.write("tests/README.md", "# tests\n")
        self.write("tests/unit/calls_test.cpp", 'void f() { std::filesystem::remove_all("x"); }\n')
        self.assertEqual(self.lint(), (0, ""))

    def test_finds_what_is_not_formatted(self) -> None:
        self.write("installer/model/ugly.cpp", "int  x=1 ;\n")
        self.assert_found("installer/model/ugly.cpp: not formatted")

    def test_finds_what_shellcheck_finds(self) -> None:
        self.write("ci/run", "#!/usr/bin/env bash\ncd $1\n")
        self.assert_found("ci/run:2:", "SC2086")

    def test_finds_a_missing_and_a_long_readme(self) -> None:
        (self.tree / "installer/model/README.md").unlink()
        self.write("installer/support/README.md", "line\n" * 31)
        self.assert_found("installer/model: README.md is missing", "installer/support/README.md: 31 lines")

    def test_finds_a_place_that_only_one_machine_has(self) -> None:
        self.write("ci/note.txt", "see /wo" + "rk/shared/notes\n")
        self.assert_found("ci/note.txt:1: names a place")

    def test_a_long_source_is_noted_and_no_failure(self) -> None:
        self.write("installer/model/long.cpp", "int f();\n" * 401)
        status, output = self.lint()
        self.assertEqual(status, 0, output)
        self.assertIn("installer/model/long.cpp has 401 lines", output)


if __name__ == "__main__":
    unittest.main(verbosity=2)
