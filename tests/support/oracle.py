"""The oracle: judges a host's tree against the seven invariants of the proof, reading the tree itself.

    oracle = Oracle(root); oracle.remember()       # before anything runs: what must never change
    oracle.check()                                 # after a fault: the list of what is violated, empty when none
    oracle.check(settled=True, target=Target(...)) # after the next run without faults: nothing half done, target reached

1 record: absent, or it parses, its checksum is right and every generation it names is complete; `current` is absent or
  points at a complete one.  2 files: every complete generation is what its driver.json lists, byte for byte, and no more.
3 outside: nothing changed but what is ours.  4 staging: whatever is incomplete lies in staging, and nowhere once settled.
5 target: a run without faults reaches it.  6 exit: the exit code and the reason are foreseen (check_exit).
7 space: the bytes in use are those of a run that nothing disturbed (check_space).

It uses nothing of overdrive, so that a fault of the program cannot hide itself. A violation is `<invariant>: <words>`.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

STORE = "opt/nvidia"
STATE = f"{STORE}/.overdrive"
# What activating makes on a running host; none of it outlives a reboot but where the host's own directories do.
RUNTIME = ("run/overdrive", "run/cdi", "dev", "proc", "sys", "simulated")
# Directories that we may add names of our own to, and how a name of ours is told.
EXPOSED = "usr/lib64"
PROGRAMS = ("opt/bin", "usr/local/bin")
LINKER = ("etc/ld.so.cache", "etc/ld.so.conf.d/overdrive.conf", "etc/ld.so.conf.d/overdrive-nvidia.conf", "var/cache/ldconfig/aux-cache")
UNITS = ("etc/systemd", "etc/sysusers.d", "etc/udev")
STATE_NAMES = {"lock", "record.json", "generations", "staging", "exposure.json", "exposed"}
SPACE_TOLERANCE = 1 << 20


@dataclass(frozen=True)
class Target:
    """What a run without faults must reach."""

    desired: str | None  # pair that the record names as installed last; None: no record's wish is looked at
    current: str | None = None  # pair that `current` names; None: not looked at
    active: bool = False  # current is loaded, exposed and its nodes exist
    state: str = "ready"  # the one word that the host tells when active; looked at once settled
    absent: tuple[str, ...] = ()  # pairs that are installed no more
    present: tuple[str, ...] = ()  # pairs that still are
    nothing_left: bool = False  # uninstalled: the host is as it was before


@dataclass
class Generation:
    pair: str
    committed: bool
    problems: list[str] = field(default_factory=list)


class Oracle:
    def __init__(self, root: Path | str) -> None:
        self.root = Path(root)
        self.before: dict[str, str] = {}

    # --- what the caller asks

    def remember(self) -> None:
        """Notes what the host looks like; check() compares with it."""
        self.before = self._outside()

    def accept(self, path: str) -> None:
        """The caller changed this one itself: it must not change from here on."""
        self.before |= {name: what for name, what in self._outside().items() if name == path}

    def check(self, *, settled: bool = False, target: Target | None = None, among: Iterable[str] | None = None) -> list[str]:
        """What is violated now.

        settled: a run without faults has ended well since the last fault: nothing may be half done any more.
        among: pairs; record and `current` must both be there and name one of these (an update loses no driver).
        """
        generations = self.generations()
        found = self._record(generations, set(among) if among is not None else None)
        for one in generations.values():
            # A removal takes the whole tree first: a commit record without one makes no generation, and is swept up later.
            if settled or os.path.lexists(self.root / STORE / one.pair):
                found += [f"2 files: {one.pair}: {problem}" for problem in one.problems]
        found += self._outside_changes(generations, settled)
        found += self._staging(generations, settled)
        if target is not None:
            found += self._target(target, generations, settled)
        return found

    def check_exit(self, verb: str, rc: int, stdout: str, stderr: str, table: dict[tuple[str, str], int]) -> list[str]:
        """6 exit. table: (verb, reason) -> exit code, as `overdrive --json reasons` prints it."""
        try:
            answer = json.loads(stdout) if stdout.strip() else {}
        except ValueError:
            return [f"6 exit: {verb} printed no JSON: {stdout[:200]!r}"]
        error = answer.get("error") if isinstance(answer, dict) else None
        if rc in (0, 4) and not error:
            return [] if answer else [f"6 exit: {verb} ended with {rc} and said nothing"]
        if not isinstance(error, dict):
            return [f"6 exit: {verb} ended with {rc} and named no reason: {(stdout + stderr)[-300:]!r}"]
        reason, told = error.get("reason"), error.get("exit_code")
        if told != rc:
            return [f"6 exit: {verb} ended with {rc} and told {told}"]
        if table.get((verb, str(reason))) != rc:
            return [f"6 exit: {verb}, {reason}, {rc} is not in the table of reasons"]
        return []

    def used(self) -> int:
        """Bytes in use below the install root, each file counted once however many names it has."""
        seen: set[tuple[int, int]] = set()
        total = 0
        for path in self._walk(STORE):
            status = os.lstat(self.root / path)
            if (status.st_dev, status.st_ino) not in seen:
                seen.add((status.st_dev, status.st_ino))
                total += status.st_blocks * 512
        return total

    def check_space(self, wanted: int, tolerance: int = SPACE_TOLERANCE) -> list[str]:
        """7 space. wanted: what used() is after the same work that nothing disturbed."""
        now = self.used()
        return [] if abs(now - wanted) <= tolerance else [f"7 space: {now} bytes are in use, undisturbed it is {wanted}"]

    def generations(self) -> dict[str, Generation]:
        """Every tree that has the name of a generation, with what is wrong with it. Neither a tree without its commit record
        nor a commit record without its tree is a generation."""
        commits = self._commits()
        out: dict[str, Generation] = {}
        for driver in self._names(STORE):
            place = self.root / STORE / driver
            if driver.startswith(".") or place.is_symlink() or not place.is_dir():
                continue
            for os_key in self._names(f"{STORE}/{driver}"):
                pair = f"{driver}/{os_key}"
                out[pair] = Generation(pair, pair in commits, self._tree_problems(pair, commits.get(pair)))
        return out

    def record(self) -> dict[str, object] | None:
        """The record; None when there is none. @raises ValueError when it is damaged"""
        path = self.root / STATE / "record.json"
        if not path.exists():
            return None
        document = json.loads(path.read_text())
        if not isinstance(document, dict):
            raise ValueError("is no object")
        told = document.get("checksum")
        without = {name: value for name, value in document.items() if name != "checksum"}
        text = json.dumps(without, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        if told != hashlib.sha256(text.encode()).hexdigest():
            raise ValueError("has a wrong checksum")
        return document

    def current(self) -> str | None:
        try:
            return os.readlink(self.root / STORE / "current")
        except FileNotFoundError:
            return None

    # --- 1 record

    def _record(self, generations: dict[str, Generation], among: set[str] | None) -> list[str]:
        found = []
        complete = {one.pair for one in generations.values() if one.committed and not one.problems}
        try:
            record = self.record()
        except (ValueError, OSError) as error:
            return [f"1 record: {error}"]
        named = self._named(record or {})
        found += [f"1 record: {what} names {pair}, which is not complete" for what, pair in named if pair not in complete]
        try:
            current = self.current()
        except OSError as error:
            return [*found, f"1 record: 'current' is no link: {error.strerror}"]
        if current is not None and current not in complete:
            found.append(f"1 record: 'current' points at {current}, which is not complete")
        if among is not None:
            desired = (record or {}).get("desired")
            if desired not in among:
                found.append(f"1 record: it wants {desired}, not one of {sorted(among)}")
            if current not in among:
                found.append(f"1 record: 'current' names {current}, not one of {sorted(among)}")
        return found

    @staticmethod
    def _named(record: dict[str, object]) -> list[tuple[str, str]]:
        named = [(what, str(record[what])) for what in ("desired", "pending") if record.get(what)]
        good = record.get("last_good")
        if isinstance(good, dict):
            named += [(f"last_good[{kernel}]", str(pair)) for kernel, pair in good.items()]
        back = record.get("rolled_back")
        if isinstance(back, dict) and back.get("to"):
            named.append(("rolled_back.to", str(back["to"])))
        return named

    # --- 2 files

    def _commits(self) -> dict[str, dict[str, object]]:
        out = {}
        for name in self._names(f"{STATE}/generations"):
            if name.startswith(".") or not name.endswith(".json"):
                continue
            try:
                document = json.loads((self.root / STATE / "generations" / name).read_text())
                pair = str(document["pair"])
            except (ValueError, KeyError, TypeError):
                continue  # a damaged commit record makes no generation; what it was of shows as uncommitted
            if name == pair.replace("/", "@") + ".json":
                out[pair] = document
        return out

    def _tree_problems(self, pair: str, commit: dict[str, object] | None) -> list[str]:
        place = self.root / STORE / pair
        try:
            content = (place / "driver.json").read_bytes()
            listed = {str(one["path"]): one for one in json.loads(content)["files"]}
        except (OSError, ValueError, KeyError, TypeError) as error:
            return [f"driver.json: {error}"]
        problems = []
        if commit is not None:
            told = str(commit.get("driver_json_digest", "")).removeprefix("sha256:")
            if told != hashlib.sha256(content).hexdigest():
                problems.append("driver.json is not the one of the commit record")
        there = set(self._walk(f"{STORE}/{pair}"))
        prefix = f"{STORE}/{pair}/"
        for path, spec in listed.items():
            problems += self._file_problems(place / path, spec)
        known = {prefix + path for path in [*listed, "driver.json", "driver.json.sig"]}
        known |= {parent for path in known for parent in _parents(path)}
        problems += [f"{path.removeprefix(prefix)} is there and not listed" for path in sorted(there - known)]
        return problems

    @staticmethod
    def _file_problems(path: Path, spec: dict[str, object]) -> list[str]:
        name = spec["path"]
        try:
            status = path.lstat()
        except OSError:
            return [f"{name} is missing"]
        target = spec.get("link_target") or spec.get("link") or spec.get("target")
        if target:
            if not stat.S_ISLNK(status.st_mode) or os.readlink(path) != target:
                return [f"{name} is no link to {target}"]
            return []
        if not stat.S_ISREG(status.st_mode):
            return [f"{name} is no file"]
        if status.st_size != spec["size"]:
            return [f"{name} has {status.st_size} bytes of {spec['size']}"]
        mode = spec["mode"]
        if f"{stat.S_IMODE(status.st_mode):o}" != (mode.lstrip("0o") if isinstance(mode, str) else f"{mode:o}"):
            return [f"{name} has mode {stat.S_IMODE(status.st_mode):o}"]
        if (status.st_uid, status.st_gid) != (0, 0):
            return [f"{name} belongs to {status.st_uid}:{status.st_gid}"]
        digest = str(spec["sha256"]).removeprefix("sha256:")
        if hashlib.sha256(path.read_bytes()).hexdigest() != digest:
            return [f"{name} has other bytes than its digest tells"]
        return []

    # --- 3 outside

    def _outside(self) -> dict[str, str]:
        """Every path outside our own directories, with its kind, owner, mode and content."""
        out = {}
        for path in self._walk("", skip=(STORE, "opt/overdrive", *RUNTIME)):
            status = os.lstat(self.root / path)
            what = f"{status.st_mode:o} {status.st_uid}:{status.st_gid}"
            if stat.S_ISLNK(status.st_mode):
                what += f" -> {os.readlink(self.root / path)}"
            elif stat.S_ISREG(status.st_mode):
                what += " " + hashlib.sha256((self.root / path).read_bytes()).hexdigest()
            out[path] = what
        return out

    def _outside_changes(self, generations: dict[str, Generation], settled: bool) -> list[str]:
        now = self._outside()
        owned = self._owned()
        exposed = {name for pair in generations for name in self._names(f"{STORE}/{pair}/lib64")} if self._is_overlaid() else set()
        found = []
        for path in sorted(self.before.keys() | now.keys()):
            if self.before.get(path) == now.get(path) or path in LINKER:
                continue
            if path in self.before:
                # Directories of the host's that an overlay covers show the overlay's own mode; their names are compared.
                if path == EXPOSED and path in now and self._is_overlaid():
                    continue
                found.append(f"3 outside: '{path}' is {'changed' if path in now else 'gone'}")
            elif not self._is_ours(path, owned, exposed, settled):
                found.append(f"3 outside: '{path}' is new")
        return found

    def _is_ours(self, path: str, owned: set[str], exposed: set[str], settled: bool) -> bool:
        folder, _, name = path.rpartition("/")
        full = self.root / path
        is_directory = full.is_dir() and not full.is_symlink()
        if folder == EXPOSED and name in exposed:
            return True
        if path in PROGRAMS or path in {parent for known in (*LINKER, *PROGRAMS, STORE, *RUNTIME) for parent in _parents(known)}:
            return is_directory
        # The program's own link: like a unit, the record tells of it once settled.
        if folder in PROGRAMS and full.is_symlink() and os.readlink(full).startswith("/opt/overdrive/current/"):
            return path in owned or not settled
        if folder in PROGRAMS:
            if full.is_symlink() and os.readlink(full).startswith("/opt/nvidia/"):
                return True
            return not settled and _is_temporary(name)
        if any(path == unit or path.startswith(unit + "/") for unit in UNITS):
            if is_directory:
                return True
            # Before the record that owns it is written a unit is there already; once settled the record must tell.
            return path in owned or not settled
        if folder in {known.rpartition("/")[0] for known in LINKER}:
            return not settled and (_is_temporary(name) or name.endswith("~"))
        return False

    def _owned(self) -> set[str]:
        try:
            record = self.record() or {}
        except (ValueError, OSError):
            return set()
        owned = record.get("owned")
        return {str(one.get("path", "")).lstrip("/") for one in owned} if isinstance(owned, list) else set()

    def _is_overlaid(self) -> bool:
        where = os.path.realpath(self.root / EXPOSED)
        try:
            table = Path("/proc/self/mountinfo").read_text()
        except OSError:
            return False
        return any(line.split()[4] == where and " - overlay overdrive " in line for line in table.splitlines())

    # --- 4 staging

    def _staging(self, generations: dict[str, Generation], settled: bool) -> list[str]:
        found = []
        if not settled:
            return found
        found += [f"4 staging: '{STATE}/staging/{name}' was left" for name in self._names(f"{STATE}/staging")]
        found += [f"4 staging: {one.pair} has a tree and no commit record" for one in generations.values() if not one.committed]
        found += [f"4 staging: '{STATE}/{name}' was left" for name in self._names(STATE) if name not in STATE_NAMES]
        found += [f"4 staging: '{STATE}/generations/{name}' was left" for name in self._names(f"{STATE}/generations")
                  if name.removesuffix(".json").replace("@", "/") not in generations]
        for name in self._names(STORE):
            place = self.root / STORE / name
            if name.startswith(".") and name != ".overdrive":
                found.append(f"4 staging: '{STORE}/{name}' was left")
            elif not name.startswith(".") and place.is_dir() and not place.is_symlink() and not self._names(f"{STORE}/{name}"):
                found.append(f"4 staging: '{STORE}/{name}' is an empty directory")
        for folder in ("run/overdrive", "dev", "dev/char"):
            found += [f"4 staging: '{folder}/{name}' was left" for name in self._names(folder) if _is_temporary(name)]
        return found

    # --- 5 target

    def _target(self, target: Target, generations: dict[str, Generation], settled: bool) -> list[str]:
        found = []
        if target.nothing_left:
            return self._nothing_left()
        try:
            record = self.record() or {}
        except (ValueError, OSError):
            record = {}
        if target.desired is not None and record.get("desired") != target.desired:
            found.append(f"5 target: the record wants {record.get('desired')}, not {target.desired}")
        if target.current is not None and self.current() != target.current:
            found.append(f"5 target: 'current' names {self.current()}, not {target.current}")
        for pair in (*target.present, *filter(None, (target.desired, target.current))):
            one = generations.get(pair)
            if one is None or not one.committed or one.problems:
                found.append(f"5 target: {pair} is not complete")
        found += [f"5 target: {pair} is still there" for pair in target.absent if pair in generations]
        if target.active and target.current is not None and not found:
            found += self._inactive(target.current)
            found += [*self._untold(target.state), *self._mistold(target.current)] if settled else []
        return found

    def _inactive(self, pair: str) -> list[str]:
        """What keeps the pair from being in force: modules, libraries, programs, nodes."""
        manifest = json.loads((self.root / STORE / pair / "driver.json").read_text())
        found = []
        loaded = {line.split()[0] for line in self._text("proc/modules").splitlines()}
        for module in manifest["modules"]:
            name = module["name"].replace("-", "_")
            version = self._text(f"sys/module/{name}/version").strip()
            if not module.get("autoload", True) or (name not in loaded and not module.get("required", True)):
                continue
            if name not in loaded or version != module["version"]:
                found.append(f"5 target: module {name} is loaded in version '{version}', not {module['version']}")
        if f" {manifest['driver_version']} " not in self._text("proc/driver/nvidia/version"):
            found.append(f"5 target: /proc/driver/nvidia/version does not tell {manifest['driver_version']}")
        found += self._unexposed(pair, manifest)
        for node in manifest["device_nodes"]:
            path = self._inside(f"dev/{node['path']}")
            if not path.exists() or not stat.S_ISCHR(path.stat().st_mode):
                found.append(f"5 target: /dev/{node['path']} is no device node")
        return found

    def _untold(self, wanted_state: str) -> list[str]:
        """What /run tells wrongly. A run that could not write there warns, and the next one heals it."""
        found = []
        try:
            state = json.loads(self._text("run/overdrive/status.json")).get("state")
        except ValueError:
            state = "unreadable"
        if state != wanted_state:
            found.append(f"5 target: the state that is told is '{state}'")
        marks = {"ready": state != "degraded", "device-present": True}
        found += [f"5 target: '/run/overdrive/{name}' is {'missing' if wanted else 'there'}, the state that is told is '{state}'"
                  for name, wanted in marks.items() if (self.root / "run/overdrive" / name).exists() != wanted]
        return found

    def _mistold(self, pair: str) -> list[str]:
        """What containers are told wrongly: their specification names files of this pair, and no path through `current`."""
        text = self._text("run/cdi/overdrive-nvidia.yaml")
        if not text:
            return ["5 target: /run/cdi has no specification for containers"]
        paths = [line.split(": ", 1)[1] for line in text.splitlines() if line.strip().startswith("- hostPath: ")]
        return [f"5 target: containers are told of '{path}', which is not of {pair}" for path in paths
                if not path.startswith(f"/{STORE}/{pair}/") or not self._inside(path.lstrip("/")).is_file()]

    def _unexposed(self, pair: str, manifest: dict[str, object]) -> list[str]:
        found = []
        libraries = manifest.get("libraries")
        overlaid = self._is_overlaid()
        cache = b"" if overlaid else (self.root / "etc/ld.so.cache").read_bytes() if (self.root / "etc/ld.so.cache").exists() else b""
        for name in libraries if isinstance(libraries, list) else []:
            mine, seen = self.root / STORE / pair / "lib64" / name, self.root / EXPOSED / name
            if overlaid:
                if not seen.is_file() or seen.read_bytes() != mine.read_bytes():
                    found.append(f"5 target: /{EXPOSED}/{name} is not the library of {pair}")
            elif f"/{STORE}/{pair}/lib64/{name}".encode() not in cache and mine.is_symlink():  # by their sonames
                found.append(f"5 target: the linker's cache does not name {name} of {pair}")
        if overlaid:
            others = {name for other in self.generations() if other != pair for name in self._names(f"{STORE}/{other}/lib64")}
            mine_all = set(self._names(f"{STORE}/{pair}/lib64"))
            found += [f"5 target: /{EXPOSED}/{name} is of another driver" for name in sorted((others - mine_all) & set(self._names(EXPOSED)))]
        for name in manifest.get("programs") or []:  # type: ignore[attr-defined]
            if not any(os.path.lexists(self.root / folder / name) for folder in PROGRAMS):
                found.append(f"5 target: program {name} is not linked")
        return found

    def _nothing_left(self) -> list[str]:
        now = self._outside()
        found = [f"5 target: '{path}' is not as it was" for path in sorted(self.before.keys() | now.keys())
                 if self.before.get(path) != now.get(path)]
        found += [f"5 target: '{path}' was left" for path in self._walk(STORE)]
        found += [f"5 target: '/dev/{name}' was left" for name in self._names("dev") if name.startswith("nvidia")]
        found += [f"5 target: '/{folder}/{name}' was left" for folder in ("run/overdrive", "run/cdi") for name in self._names(folder)]
        if "nvidia" in self._text("proc/modules"):
            found.append("5 target: modules are still loaded")
        return found

    # --- the tree

    def _names(self, folder: str) -> list[str]:
        try:
            return sorted(os.listdir(self.root / folder))
        except (FileNotFoundError, NotADirectoryError):
            return []

    def _inside(self, path: str) -> Path:
        """The path with absolute links followed inside the root."""
        place = self.root
        parts = path.split("/")
        for _ in range(40):
            for i, part in enumerate(parts):
                step = place / part
                if step.is_symlink():
                    target = os.readlink(step)
                    rest = parts[i + 1:]
                    if target.startswith("/"):
                        place = self.root
                    parts = [*target.strip("/").split("/"), *rest]
                    break
                place = step
            else:
                return place
        raise OSError(f"too many links in {path}")

    def _text(self, path: str) -> str:
        try:
            return self._inside(path).read_text(errors="replace")
        except OSError:
            return ""

    def _walk(self, folder: str, skip: tuple[str, ...] = ()) -> Iterator[str]:
        """Every path below a folder, relative to the root; the folder itself too unless it is the root."""
        if folder and os.path.lexists(self.root / folder):
            yield folder
        try:
            entries = sorted(os.scandir(self.root / folder), key=lambda entry: entry.name)
        except (FileNotFoundError, NotADirectoryError):
            return
        for entry in entries:
            path = f"{folder}/{entry.name}" if folder else entry.name
            if path in skip:
                continue
            if entry.is_dir(follow_symlinks=False):
                yield from self._walk(path, skip)
            else:
                yield path


def _parents(path: str) -> list[str]:
    parts = path.split("/")
    return ["/".join(parts[:i]) for i in range(1, len(parts))]


def _is_temporary(name: str) -> bool:
    return name.startswith(".") and name.endswith(".new")
