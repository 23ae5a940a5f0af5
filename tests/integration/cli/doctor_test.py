#!/usr/bin/env python3
"""What doctor says of a host, its page of codes, and that its bundle holds no secret. Run as root:
python3 tests/integration/cli/doctor_test.py [--update]
"""

from __future__ import annotations

import json
import re
import sys
import tarfile
import unittest
from pathlib import Path
from subprocess import run as run_program

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent))

from cli_case import KERNEL, OS_VERSION, TOP, CliTestCase, Run, indexed, keys, layout, programs, remove_shared  # noqa: E402

PAGE = TOP / "docs/troubleshooting.md"
SECRET = "hunter2"
# How the sources make a finding: the code comes first, by itself or as a choice of two.
_CODE = r'"([a-z0-9]+(?:-[a-z0-9]+)*)"'
_HYPHENATED = r'"([a-z0-9]+(?:-[a-z0-9]+)+)"'
MAKES_FINDING = (re.compile(rf'(?:make_finding\(|\bFinding\{{)\s*{_CODE}'),
                 re.compile(rf'(?:\bUnfit\{{|push_back\(\{{|^\s*\{{)\s*(?:\w+ \? )?{_HYPHENATED}(?: : {_HYPHENATED})?,', re.MULTILINE))


def page() -> str:
    done = run_program([programs() / "overdrive", "doctor", "--list-codes"], capture_output=True, text=True, check=True)
    return done.stdout


def listed_codes() -> list[str]:
    done = run_program([programs() / "overdrive", "--json", "doctor", "--list-codes"], capture_output=True, text=True, check=True)
    return [row["code"] for row in json.loads(done.stdout)["codes"]]


class CodesTest(unittest.TestCase):
    maxDiff = None

    def test_the_page_is_what_the_program_says(self) -> None:
        self.assertEqual(PAGE.read_text(), page(), "if this is what it should say: doctor_test.py --update")

    def test_every_code_that_the_sources_name_is_on_the_page(self) -> None:
        listed = listed_codes()
        self.assertEqual([row.split("`")[1] for row in page().splitlines() if row.startswith("| `")], listed)
        named: dict[str, str] = {}
        for folder in ("installer", "systemd", "overlay"):
            for path in sorted((TOP / folder).rglob("*.cpp")):
                text = path.read_text()
                if "inding" not in text or path.name == "finding.cpp":
                    continue
                found = {code for match in MAKES_FINDING[1].findall(text) for code in match} | set(MAKES_FINDING[0].findall(text))
                named.update({code: str(path.relative_to(TOP)) for code in found - {""}})
        self.assertGreater(len(named), 40, "the scan finds what it is to find")
        self.assertEqual({code: where for code, where in named.items() if code not in listed}, {})

    def test_every_code_on_the_page_is_one_that_the_sources_give(self) -> None:
        sources = "".join(path.read_text() for path in (TOP / "installer").rglob("*.cpp") if path.name != "finding.cpp")
        self.assertEqual([code for code in listed_codes() if f'"{code}"' not in sources], [])


class DoctorCase(CliTestCase):
    def doctor(self, *words: object, rc: int = 8) -> Run:
        run = self.host.overdrive("doctor", *words)
        self.assertEqual(run.rc, rc, run)
        return run

    def cause(self, *words: object) -> dict[str, str]:
        found = self.doctor(*words).result["cause"]
        assert isinstance(found, dict)
        return found

    def codes(self, run: Run) -> list[str]:
        found = run.result["findings"]
        assert isinstance(found, list)
        return [finding["code"] for finding in found]

    def trust_first_key(self, more: str = "") -> None:
        self.host.configure(f'driver = "900.1.0"\n{more}[trust]\nkeys = ["/etc/first.pub"]\n')
        (self.host.root / "etc/first.pub").write_bytes(keys()[1].read_bytes())

    def config(self) -> str:
        return (self.host.root / "etc/overdrive/config.toml").read_text()


class DoctorTest(DoctorCase):
    def test_a_host_without_a_gpu_is_healthy(self) -> None:
        run = self.doctor(rc=0)
        self.assertEqual((run.result["healthy"], run.result["cause"], run.result["state"]), (True, None, "no-device"))

    def test_a_missing_driver_that_a_source_has_is_one_command_away(self) -> None:
        self.host.add_gpu()
        self.trust_first_key(f'sources = ["oci:{layout()}"]\n')
        cause = self.cause()
        self.assertEqual(cause["code"], "not-installed")
        self.assertIn("has it", cause["what"])
        self.assertIn("overdrive install", cause["remedy"])

    def test_a_driver_that_no_source_has_is_named_with_the_nearest(self) -> None:
        self.host.add_gpu()
        self.trust_first_key(f'sources = ["oci:{indexed()}"]\n')
        self.host.configure(self.config().replace("900.1.0", "900.7.0"))
        cause = self.cause()
        self.assertEqual(cause["code"], "no-artifact")
        for word in ("900.7.0", OS_VERSION, KERNEL, f"900.2.0/{OS_VERSION}"):
            self.assertIn(word, cause["what"])

    def test_the_sources_are_not_asked_when_told_so(self) -> None:
        self.host.add_gpu()
        self.trust_first_key('sources = ["docker://127.0.0.1:9/x"]\n')
        run = self.doctor("--no-network")
        self.assertEqual((run.result["sources_asked"], self.codes(run)[0]), (False, "not-installed"))
        run = self.doctor()
        self.assertEqual((run.result["sources_asked"], self.codes(run)[:2]), (True, ["not-installed", "source-unreachable"]))

    def test_a_wrong_key_of_the_configuration_is_named_with_the_nearest(self) -> None:
        self.host.configure('drvier = "900.1.0"\n')
        cause = self.cause()
        self.assertEqual(cause["code"], "config-bad")
        self.assertIn("did you mean 'driver'?", cause["what"])
        self.assertIn("config.toml:1", cause["what"])

    def test_damage_is_told_and_changes_nothing(self) -> None:
        self.host.add_gpu()
        self.trust_first_key(f'sources = ["oci:{layout()}"]\n')
        self.assert_installed(self.install(f"oci:{layout()}"), "900.1.0")
        (self.host.root / "opt/nvidia/.overdrive/record.json").write_text("torn")
        (self.host.root / "etc/first.pub").write_text("no key")
        before = self.host.snapshot()
        run = self.doctor()
        self.assertEqual(run.result["cause"]["code"], "not-active", run)  # type: ignore[index]
        self.assertIn("record-damaged", self.codes(run))
        self.assertIn("key-unreadable", self.codes(run))
        self.assertEqual(self.host.snapshot(), before)

    def test_a_damaged_driver_that_is_not_the_selected_one_is_named(self) -> None:
        self.trust_first_key(f'sources = ["oci:{indexed()}"]\n')
        for driver in ("900.1.0", "900.2.0"):
            self.assert_installed(self.install(f"oci:{indexed()}", driver), driver)
        self.host.configure(self.config().replace("900.1.0", "900.2.0"))
        (self.host.root / f"opt/nvidia/900.1.0/{OS_VERSION}/driver.json").write_text("torn")
        damaged = [one["what"] for one in self.doctor().result["findings"] if one["code"] == "damaged-driver"]
        self.assertEqual(len(damaged), 1, damaged)
        self.assertIn(f"900.1.0/{OS_VERSION} is not used", damaged[0])

    def test_the_text_begins_with_the_cause_and_its_remedy(self) -> None:
        self.host.add_gpu()
        done = run_program([programs() / "overdrive", "--root", self.host.root, "doctor", "--no-network"], capture_output=True, text=True)
        lines = done.stdout.splitlines()
        self.assertEqual(done.returncode, 8)
        self.assertIn("[not-installed]", lines[0])
        self.assertTrue(lines[1].startswith("remedy: "), done.stdout)


class BundleTest(DoctorCase):
    def setUp(self) -> None:
        super().setUp()
        self.host.add_gpu()
        self.trust_first_key(f'sources = ["oci:{layout()}"]\n')
        self.assert_installed(self.install(f"oci:{layout()}"), "900.1.0")

    def plant(self) -> None:
        """Secrets in every place that doctor or a maintainer might look at."""
        root = self.host.root
        self.host.configure(f'# the old one was {SECRET}\ndriver = "900.1.0"  # {SECRET}\nregistry-password = "{SECRET}"\n'
                            f'sources = ["docker://user:{SECRET}@registry.example/x"]\n[registry]\nproxy = "http://user:{SECRET}@proxy.example:3128"\n')
        self.host.configure(f'[registry]\nmystery = """\n{SECRET}\n"""\n[other]\nx = ["{SECRET}"]\n[[more]]\ny = "{SECRET}"\n', "config.toml.d/20-unknown.toml")
        drop_in = root / "etc/overdrive/config.toml.d/10-more.toml"
        drop_in.parent.mkdir(parents=True, exist_ok=True)
        drop_in.write_text(f'[registry]\nproxy = "http://{SECRET}@proxy.example"\n')
        units = root / "etc/systemd/system"
        (units / "nvidia.service.d").mkdir(parents=True)
        (units / "nvidia.service").write_text("[Service]\nExecStart=/bin/true\n")
        (units / "nvidia.service.d/50-proxy.conf").write_text(
            f'# {SECRET}\n[Service]\nEnvironment=HTTPS_PROXY=http://u:{SECRET}@proxy.example\nEnvironment="A=1" \\\n  "B={SECRET}"\nSetCredential=x:{SECRET}\n')
        for name in ("root/.docker/config.json", "root/.config/containers/auth.json", "etc/containers/auth.json", "run/containers/0/auth.json"):
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps({"auths": {"registry.example": {"auth": SECRET}}}))
        (root / "etc/overdrive/keys").mkdir(parents=True)
        (root / "etc/overdrive/keys/private.pem").write_text(f"-----BEGIN PRIVATE KEY-----\n{SECRET}\n-----END PRIVATE KEY-----\n")
        process = root / "proc/4711"
        process.mkdir(parents=True)
        (process / "comm").write_text("python3\n")
        (process / "cmdline").write_text(f"python3\0--password\0{SECRET}\0")
        (process / "environ").write_text(f"TOKEN={SECRET}\0")
        (root / "proc/cmdline").write_text(f"root=/dev/vda ignition.config.url=https://u:{SECRET}@x nvidia.NVreg_X=1 rd.token={SECRET}\n")
        mountinfo = root / "proc/1/mountinfo"
        mountinfo.write_text(mountinfo.read_text() + f"30 22 0:31 / /mnt rw - cifs //server/x rw,username=u,password={SECRET}\n")
        (root / "run/overdrive").mkdir(parents=True, exist_ok=True)
        (root / "run/overdrive/status.json").write_text(json.dumps({"failure": f"https://u:{SECRET}@registry.example: refused"}, indent=2))

    def bundle(self, *words: object) -> dict[str, str]:
        file = self.work / "doctor.tar.gz"
        run = self.doctor("--no-network", "--bundle", file, *words)
        self.assertNotIn(SECRET, run.stdout + run.stderr)
        self.assertEqual(file.stat().st_mode & 0o7777, 0o600)
        with tarfile.open(file) as tar:
            return {member.name.removeprefix("overdrive-doctor/"): tar.extractfile(member).read().decode()  # type: ignore[union-attr]
                    for member in tar.getmembers()}

    def test_it_holds_what_a_maintainer_needs(self) -> None:
        files = self.bundle()
        for name in ("about.json", "doctor.json", "status.json", "list.json", "history.json", "units.json", "pci.txt", "kernel-log.txt",
                     "kernel-parameters.txt", "host/opt/nvidia/.overdrive/record.json", "host/etc/overdrive/config.toml", "host/proc/1/mountinfo",
                     "host/etc/os-release"):
            self.assertIn(name, files)
        self.assertEqual(json.loads(files["status.json"])["said"]["because"], "not-active")
        self.assertEqual(json.loads(files["doctor.json"])["cause"]["code"], "not-active")
        self.assertIn(f"900.1.0/{OS_VERSION}", files["history.json"])
        self.assertIn("0000:00:01.0 class 0x030000 device 0x1eb8", files["pci.txt"])
        self.assertRegex(files["host/etc/overdrive/config.toml"], r"driver = ['\"]900\.1\.0['\"]")

    def test_it_holds_no_secret(self) -> None:
        self.plant()
        files = self.bundle()
        self.assertEqual([name for name, text in files.items() if SECRET in text], [])
        self.assertIn("***", files["host/etc/systemd/system/nvidia.service.d/50-proxy.conf"], "it was looked at")
        self.assertIn("proxy.example:3128", files["host/etc/overdrive/config.toml"], "what is no secret can be read")
        self.assertEqual(files["kernel-parameters.txt"], "nvidia.NVreg_X=1\n")

    def test_a_file_that_is_there_is_replaced_only_when_forced(self) -> None:
        file = self.work / "doctor.tar.gz"
        file.write_text("somebody's\n")
        run = self.host.overdrive("doctor", "--no-network", "--bundle", file)
        self.assertEqual((run.rc, run.error.get("reason")), (2, "usage"), run)
        self.assertEqual(file.read_text(), "somebody's\n")
        self.bundle("--force")
        self.assertEqual([path.name for path in self.work.glob("doctor*")], ["doctor.tar.gz"])

    def test_a_link_is_replaced_and_not_followed(self) -> None:
        other = self.work / "other"
        other.write_text("precious\n")
        (self.work / "doctor.tar.gz").symlink_to(other)
        self.bundle("--force")
        self.assertEqual(other.read_text(), "precious\n")


def tearDownModule() -> None:
    remove_shared()


if __name__ == "__main__":
    if "--update" in sys.argv:
        PAGE.write_text(page())
    else:
        unittest.main()
