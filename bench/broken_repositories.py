"""Real repositories of which a test suite fails: a small Python package, 16 commits of tasks, and who broke it."""

import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from bench.histories import FLAKE_RATE, TASKS, BrokenHistory, Cause, Cost, search
from parallelproject.core.verification.failure_report import FailureReport, confirmed, judge, read_failure
from parallelproject.core.verification.probe import LandedChange, Probe, ProbeOutcome
from parallelproject.git.branches.probes import probe_commit
from parallelproject.git.branches.remote_branches import Branches
from parallelproject.git.plumbing.outcome import ConflictError
from parallelproject.git.plumbing.store import GitStore

_BRANCH = "work"
_COIN = """import os, pathlib, random, unittest
class Flaky(unittest.TestCase):
    def test_coin(self):
        coin = pathlib.Path(os.environ["COIN"])
        tosses = coin.read_text()
        coin.write_text(tosses + "x")
        self.assertGreater(random.Random(f"SEED {len(tosses)}").random(), RATE)
"""
_MODULE = '''"""Part {i}."""
def unit():
    """Seconds."""
    return {i}
def helper(n):
    return n * 2
def total(n):
    return helper(n) + unit()
'''
_TEST = """import unittest
from pkg import part{i:02}
class Part{i:02}(unittest.TestCase):
    def test_total(self):
        self.assertEqual(part{i:02}.total(3), 6 + {i})
"""
_USES = """    def test_neighbour(self):
        from pkg import part{j:02}
        self.assertEqual(part{j:02}.helper(2) + part{j:02}.unit(), 4 + {j})
"""
_BOTH = """def both():
    from pkg import part{first:02}
    return part{first:02}.unit() + 1
"""
_TEST_BOTH = """    def test_both(self):
        self.assertEqual(part{second:02}.both(), {first} + 1)
"""


@dataclass
class BrokenRepository:
    """A repository on this machine, and the truth about it."""

    seed: int
    history: BrokenHistory
    base: str
    store: GitStore
    folder: Path
    tests: int = 0
    """How many times the suite ran."""
    original: FailureReport = field(default_factory=FailureReport)

    def run(self, commit: str) -> tuple[int, str]:
        """Runs the suite on a commit, in a folder of its own."""
        self.tests += 1
        place = self.folder / "checkout"
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir()
        archive = self.store.git.run("archive", "--format=tar", commit).stdout
        subprocess.run(["tar", "-x"], input=archive, cwd=place, check=True)
        done = subprocess.run(
            [sys.executable, "-S", "-B", "-m", "unittest", "discover", "-s", "tests", "-t", "."],
            cwd=place, capture_output=True, text=True, check=False,
            env={"PATH": os.environ["PATH"], "COIN": str(self.folder / "coin")},
        )  # fmt: skip
        return done.returncode, done.stderr

    def find(self, slots: int) -> Cost | None:
        """Searches the culprit; None: the check passed when it was run once more, so nobody is to blame."""
        tip = self.history.changes[-1].commit
        reports = []
        for _ in range(2):
            code, output = self.run(tip)
            if code == 0:
                return None
            reports.append(read_failure(output))
        if not reports[0].tests & reports[1].tests:
            return None  # another test each time
        self.original = confirmed(*reports)
        return search(replace(self.history, report=self.original), slots, self.verify)

    def verify(self, probe: Probe) -> ProbeOutcome:
        """Builds a probe and runs the suite on it."""
        try:
            commit = probe_commit(self.store, self.base, self.history.changes, probe)
        except ConflictError:
            return ProbeOutcome.CONFLICT
        code, output = self.run(commit)
        return judge(self.original, output) if code else ProbeOutcome.PASSED


@contextmanager
def broken_repository(seed: int, cause: Cause, *, flaky: bool) -> Iterator[BrokenRepository]:
    """A repository with 16 tasks; it is removed at the end."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "coin").write_text("")
        chance = random.Random(f"{seed} {cause} {flaky}")
        states, faults = _states(chance, cause, flaky=flaky)
        commits = _import(folder / "repository.git", states)
        changes = []
        for before, (task, after), commit in zip(states, states[1:], commits[1:], strict=False):
            changed = [path for path, text in after.items() if before[1].get(path) != text]
            lines = sum(abs(after[path].count("\n") - before[1].get(path, "").count("\n")) + 1 for path in changed)
            changes.append(LandedChange(task, commit, tuple(changed), lines))
        history = BrokenHistory(tuple(changes), faults, FailureReport(), seed=seed)
        branches = Branches(url=str(folder / "repository.git"), private=folder / "private", local=True)
        with branches.open() as store:
            branches.fetch(store, _BRANCH)
            yield BrokenRepository(seed, history, commits[0], store, folder)


def _states(
    chance: random.Random, cause: Cause, *, flaky: bool
) -> tuple[list[tuple[str, dict[str, str]]], frozenset[frozenset[str]]]:
    """The files after each task, and who breaks what: each task works on a part of its own."""
    numbers = list(range(1, TASKS + 1))
    files = {"pkg/__init__.py": "", "tests/__init__.py": "", "NOTES": "notes\n"}
    for i in numbers:
        files[f"pkg/part{i:02}.py"] = _MODULE.format(i=i)
        files[f"tests/test_part{i:02}.py"] = _TEST.format(i=i) + (_USES.format(j=i % TASKS + 1) if i % 2 else "")
    if flaky:
        files["tests/test_flaky.py"] = _COIN.replace("RATE", str(FLAKE_RATE)).replace("SEED", str(chance.random()))
    guilty = chance.sample(numbers, 1 if cause is Cause.ONE else 2)
    hows = {i: chance.choice(["value", "crash", "neighbour"]) for i in guilty}
    chance.shuffle(numbers)
    states = [("", dict(files))]
    for i in numbers:
        files = dict(states[-1][1])
        part, test = f"pkg/part{i:02}.py", f"tests/test_part{i:02}.py"
        for n in range(chance.randrange(1, 4)):
            files[part] += f"def more{n}(n):\n    return n + {n}\n"
            files[test] += f"    def test_more{n}(self):\n        self.assertEqual(part{i:02}.more{n}(1), {n} + 1)\n"
        if chance.random() < 0.1:
            files["NOTES"] += f"part {i}\n"  # a line at the same place as others: git cannot merge these
        if cause is Cause.PAIR and i in guilty:
            _interact(files, guilty, i)
        elif i in guilty:
            _break(files, i, hows[i])
        states.append((f"task-{i}", files))
    names = [f"task-{i}" for i in guilty]
    return states, frozenset({frozenset(names)} if cause is Cause.PAIR else {frozenset({name}) for name in names})


def _break(files: dict[str, str], i: int, how: str) -> None:
    part, test, user = f"pkg/part{i:02}.py", f"tests/test_part{i:02}.py", f"tests/test_part{(i - 2) % TASKS + 1:02}.py"
    if how == "neighbour" and f"part{i:02}.helper(2)" in files[user]:
        # Its own test is adapted, that of another part is not.
        files[part] = files[part].replace("return n * 2", "return n * 3")
        files[test] = files[test].replace(f"6 + {i}", f"9 + {i}")
    elif how == "crash":
        files[part] = files[part].replace("return n * 2", "return n * missing")
    else:
        files[part] = files[part].replace("return helper(n) + unit()", "return helper(n) - unit()")


def _interact(files: dict[str, str], guilty: list[int], i: int) -> None:
    """The first one renames what the second one begins to use: git merges both."""
    first, second = guilty
    if i == first:
        for path, text in files.items():
            if path.endswith(f"part{first:02}.py"):
                files[path] = text.replace("def unit()", "def seconds()").replace("+ unit()", "+ seconds()")
            elif f"part{first:02}.unit()" in text and not path.startswith("pkg/"):
                files[path] = text.replace(f"part{first:02}.unit()", f"part{first:02}.seconds()")
    else:
        files[f"pkg/part{second:02}.py"] += _BOTH.format(first=first)
        files[f"tests/test_part{second:02}.py"] += _TEST_BOTH.format(first=first, second=second)


def _import(repository: Path, states: list[tuple[str, dict[str, str]]]) -> list[str]:
    """A bare repository with one commit for each state; the commits."""
    subprocess.run(["git", "init", "--quiet", "--bare", str(repository)], check=True)
    stream: list[str] = []
    before: Mapping[str, str] = {}
    for task, files in states:
        message = f"{task or 'base'}\n"
        stream.append(
            f"commit refs/heads/{_BRANCH}\ncommitter a <a@b> 1700000000 +0000\ndata {len(message)}\n{message}"
        )
        for path, text in files.items():
            if before.get(path) != text:
                stream.append(f"M 100644 inline {path}\ndata {len(text)}\n{text}\n")
        before = files
    command = ["git", "-C", str(repository)]
    subprocess.run([*command, "fast-import", "--quiet"], input="".join(stream), text=True, check=True)
    listed = subprocess.run([*command, "rev-list", "--reverse", _BRANCH], capture_output=True, text=True, check=True)
    return listed.stdout.split()
