"""Landing many tasks' work on one branch at once, beside people who pull and push; and preparing a large repository."""

import multiprocessing
import statistics
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import count
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NamedTuple

from bench.figure import Aim, Figure, at_most
from bench.rounds import in_turns, seconds
from bench.setting import Setting
from parallelproject.git.landing.land import land
from parallelproject.git.plumbing.delivery import Delivery, Place
from parallelproject.git.workspace.prepare import prepare

_FILES = 200
_LOOP = "pull --rebase and push, in a loop"
_CLONE = "git clone --depth 1"
_PULLS = (
    'git commit --quiet -m work; n=1; until git push --quiet origin HEAD:line 2>/dev/null; do n=$((n+1)); '
    "git pull --quiet --rebase origin line; done; echo $n"
)  # fmt: skip
_FORK = multiprocessing.get_context("fork")
_PATIENCE = 900.0
_AUTHOR = "committer B <b@localhost> 1700000000 +0000\n"


class Landings(NamedTuple):
    """How many landed at once."""

    whole: float
    """Seconds until the last had."""
    each: tuple[float, ...]
    """Seconds that each took."""
    pushes: int
    """Pushes of the branch that were tried."""


def run(setting: Setting) -> Iterator[Figure]:
    """20 and 50 at once; 10,000 files."""
    for number in (5,) if setting.short else (20, 50):
        yield from _landing(number, setting.rounds)
    yield from _preparing(*(500, 100) if setting.short else (10_000, 2_000), setting.rounds)


def _landing(number: int, rounds: int) -> Iterator[Figure]:
    with tempfile.TemporaryDirectory() as folder:
        bench = _Landing(Path(folder), number)
        found = in_turns(rounds, {"ours": bench.ours, "theirs": bench.theirs})
    ours, theirs = found["ours"], found["theirs"]

    def figure(name: str, unit: str, value: Callable[[Landings], float], aim: Aim | None = None) -> Figure:
        what = f"{name}, {number} at once"
        return Figure("git", what, unit, tuple(map(value, ours)), tuple(map(value, theirs)), _LOOP, aim)

    within = at_most(5, far_out=60) if number == 20 else None
    yield figure("landing, until all have landed", "s", lambda found: found.whole, within)
    yield figure("landing, median time", "s", lambda found: statistics.median(found.each))
    yield figure("landing, pushes tried for each commit", "", lambda found: found.pushes / number)


def _preparing(files: int, commits: int, rounds: int) -> Iterator[Figure]:
    with tempfile.TemporaryDirectory() as folder:
        bench = _Preparing(Path(folder), files, commits)
        times = in_turns(rounds, {"ours": lambda: seconds(bench.ours), "theirs": lambda: seconds(bench.theirs)})
        sizes = bench.sizes()
    what = f"{files:,} files and {commits:,} commits"
    yield Figure("git", f"prepare, {what}", "s", tuple(times["ours"]), tuple(times["theirs"]), _CLONE)
    yield Figure("git", f"fetched by prepare, {what}", "MB", (sizes[0] / 1e6,), (sizes[1] / 1e6,), _CLONE)


class _Landing:
    """A branch, and workers who have all done their work on its tip when it begins."""

    def __init__(self, folder: Path, number: int) -> None:
        self._folder, self._number, self._rounds = folder, number, count()
        _make(folder / "remote.git", _FILES, 1)

    def ours(self) -> Landings:
        """Each a process that lands."""
        folder = self._begin()
        deliveries = []
        for i in range(self._number):
            place = Place(folder / f"w{i}", folder / f"p{i}")
            delivery = Delivery(url=str(folder / "remote.git"), branch="line", run="bench", task=f"t{i}", local=True)
            prepare(delivery, place)
            (place.workspace / f"own-{i}").write_text("1\n")
            deliveries.append((delivery, place))
        start = _FORK.Barrier(self._number + 1)
        pipes = [_FORK.Pipe(duplex=False) for _ in deliveries]
        landers = [
            _FORK.Process(target=_lander, args=(*of, start, end))
            for of, (_, end) in zip(deliveries, pipes, strict=True)
        ]
        for lander in landers:
            lander.start()
        start.wait(_PATIENCE)
        begin = time.perf_counter()
        ends: list[tuple[float, int]] = [read.recv() for read, _ in pipes]
        whole = time.perf_counter() - begin
        for lander in landers:
            lander.join()
        return Landings(whole, tuple(took for took, _ in ends), sum(pushes for _, pushes in ends))

    def theirs(self) -> Landings:
        """Each a clone whose owner pulls and pushes until it is in."""
        folder = self._begin()
        for i in range(self._number):
            _git(folder, "clone", "--quiet", "--branch", "line", "remote.git", f"w{i}")
            (folder / f"w{i}" / f"own-{i}").write_text("1\n")
            _git(folder / f"w{i}", "add", ".")
        ends: dict[int, tuple[float, int]] = {}
        start = threading.Barrier(self._number + 1)

        def push(i: int) -> None:
            start.wait()
            begin = time.perf_counter()
            done = subprocess.run(
                ["sh", "-c", _PULLS], cwd=folder / f"w{i}", env=_ENVIRONMENT, capture_output=True, text=True, check=True
            )
            ends[i] = (time.perf_counter() - begin, int(done.stdout))

        pushers = [threading.Thread(target=push, args=(i,)) for i in range(self._number)]
        for pusher in pushers:
            pusher.start()
        start.wait()
        begin = time.perf_counter()
        for pusher in pushers:
            pusher.join()
        whole = time.perf_counter() - begin
        return Landings(whole, tuple(took for took, _ in ends.values()), sum(tries for _, tries in ends.values()))

    def _begin(self) -> Path:
        folder = self._folder / f"round-{next(self._rounds)}"
        folder.mkdir()
        _git(self._folder, "clone", "--quiet", "--bare", "remote.git", str(folder / "remote.git"))
        _git(folder / "remote.git", "branch", "line", "main")
        return folder


def _lander(delivery: Delivery, place: Place, start: Any, end: Connection) -> None:
    start.wait(_PATIENCE)
    begin = time.perf_counter()
    pushes = land(delivery, place).pushes
    end.send((time.perf_counter() - begin, pushes))


class _Preparing:
    """A large repository with a history."""

    def __init__(self, folder: Path, files: int, commits: int) -> None:
        self._folder, self._number = folder, count()
        _make(folder / "remote.git", files, commits)
        _git(folder / "remote.git", "branch", "line", "main")

    def ours(self) -> None:
        """A workspace of one task."""
        number = next(self._number)
        delivery = Delivery(url=str(self._folder / "remote.git"), branch="line", run="bench", task="t", local=True)
        prepare(delivery, Place(self._folder / f"w{number}", self._folder / f"p{number}"))
        self._ours = self._folder / f"p{number}" / "git"

    def theirs(self) -> None:
        """A clone of the branch's last commit."""
        self._theirs = self._folder / f"c{next(self._number)}"
        address = f"file://{self._folder}/remote.git"
        _git(self._folder, "clone", "--quiet", "--depth", "1", "--branch", "line", address, str(self._theirs))

    def sizes(self) -> Sequence[int]:
        """Bytes of the objects that each has fetched."""
        folders = (self._ours / "objects", self._theirs / ".git" / "objects")
        return [sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()) for folder in folders]


def _make(remote: Path, files: int, commits: int) -> None:
    """A bare repository: ``commits`` commits, the first with all files, each further one with a change."""
    remote.mkdir()
    _git(remote, "init", "--quiet", "--bare", "--initial-branch=main")
    lines = [f"commit refs/heads/main\n{_AUTHOR}data 5\nstart\n"]
    for i in range(files):
        text = f"{i}\n" * 100
        lines.append(f"M 100644 inline d{i % 50}/file-{i}.txt\ndata {len(text)}\n{text}\n")
    for i in range(1, commits):
        text = f"change {i}\n" * 100
        lines.append(f"commit refs/heads/main\n{_AUTHOR}data 6\nchange\n")
        lines.append(f"M 100644 inline d{i % 50}/file-{i % files}.txt\ndata {len(text)}\n{text}\n")
    _git(remote, "fast-import", "--quiet", stdin="".join(lines))


_ENVIRONMENT = {
    "PATH": "/usr/local/bin:/usr/bin:/bin",
    "HOME": "/nonexistent",
    "GIT_CONFIG_NOSYSTEM": "1",
    **{f"GIT_{who}_{what}": "bench" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")},
}


def _git(folder: Path, *arguments: str, stdin: str = "") -> None:
    subprocess.run(
        ["git", *arguments], cwd=folder, env=_ENVIRONMENT, input=stdin, text=True, capture_output=True, check=True
    )
