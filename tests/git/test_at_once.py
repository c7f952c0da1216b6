"""Many landers at once, each a process of its own."""

import multiprocessing
import statistics
import time
from multiprocessing.connection import Connection
from typing import Any

import pytest

from parallelproject.git.landing import queue
from parallelproject.git.plumbing.outcome import DeliveryError, Outcome
from tests.git.remote import REFS, Attempt, Remote, git

_FORK = multiprocessing.get_context("fork")
_PATIENCE = 500.0
pytestmark = pytest.mark.timeout(1200)  # fifty landers at once, on whatever machine


def _lander(attempt: Attempt, start: Any, end: Connection) -> None:
    start.wait(_PATIENCE)
    begin = time.monotonic()
    try:
        landed = attempt.land()
        end.send((landed.outcome, landed.pushes, time.monotonic() - begin))
    except DeliveryError as error:
        end.send((error.outcome, 0, time.monotonic() - begin))


def land_at_once(attempts: list[Attempt]) -> tuple[list[tuple[Outcome, int, float]], float]:
    """Lands them all from one moment on: how each ended, and the seconds until the last had."""
    start = _FORK.Barrier(len(attempts) + 1)
    pipes = [_FORK.Pipe(duplex=False) for _ in attempts]
    landers = [
        _FORK.Process(target=_lander, args=(attempt, start, end))
        for attempt, (_, end) in zip(attempts, pipes, strict=True)
    ]
    for lander in landers:
        lander.start()
    start.wait(_PATIENCE)
    begin = time.monotonic()
    ends = []
    for read, _ in pipes:
        assert read.poll(_PATIENCE)
        ends.append(read.recv())
    seconds = time.monotonic() - begin
    for lander in landers:
        lander.join(_PATIENCE)
    return ends, seconds


def report(what: str, ends: list[tuple[Outcome, int, float]], seconds: float) -> str:
    pushes = sum(count for _, count, _ in ends)
    times = [each for _, _, each in ends]
    return (
        f"{what}: all in {seconds:.2f} s, median {statistics.median(times):.2f} s, "
        f"{pushes / len(ends):.2f} pushes a commit"
    )


@pytest.mark.sampled(0, always=lambda count: count == 20)
@pytest.mark.parametrize("count", [20, 50])
def test_all_land_on_a_linear_branch_each_once(remote: Remote, count: int) -> None:
    lines = remote.show("a.txt", "main").splitlines()
    attempts = []
    for i in range(count):
        attempt = remote.done(f"t{i}", {f"own/{i}": f"{i}\n"})
        if i % 2 and 3 * (i // 2) < len(lines):  # half of them edit the same file, at places of their own
            edited = [*lines]
            edited[3 * (i // 2)] = f"edit {i}"
            attempt.write("a.txt", "\n".join([*edited, ""]))
        attempts.append(attempt)
    ends, seconds = land_at_once(attempts)
    print(report(f"{count} at once", ends, seconds))  # noqa: T201  shown with -s, and when it fails
    assert {outcome for outcome, _, _ in ends} == {Outcome.LANDED}
    assert sorted(remote.tasks()) == sorted(f"t{i}" for i in range(count))
    assert {f"own/{i}" for i in range(count)} <= remote.files()
    edits = {line for line in remote.show("a.txt").splitlines() if line.startswith("edit")}
    assert edits == {f"edit {i}" for i in range(1, count, 2) if 3 * (i // 2) < len(lines)}
    assert remote.state() == {f"t{i}/landed" for i in range(count)}
    remote.check()


def test_two_copies_of_an_attempt_land_once(remote: Remote) -> None:
    for n in range(4):
        copies = [remote.done(f"t{n}", {f"file-{n}": "same\n"}) for _ in range(2)]
        ends, _ = land_at_once(copies)
        assert {outcome for outcome, _, _ in ends} <= {Outcome.LANDED, Outcome.ALREADY_LANDED}
        assert remote.tasks() == [f"t{i}" for i in range(n + 1)]
        for copy in copies:
            assert copy.land().outcome is Outcome.ALREADY_LANDED
        assert remote.state() == {f"t{i}/landed" for i in range(n + 1)}
    remote.check()


def test_copies_with_different_work_land_one_of_them_whole(remote: Remote) -> None:
    copies = [remote.done("t", {f"one-{i}": "x", f"two-{i}": "x"}) for i in range(3)]
    land_at_once(copies)
    for copy in copies:
        copy.land()
    assert remote.tasks() == ["t"]
    (winner,) = {name[-1] for name in remote.files() if name.startswith("one-")}
    assert f"two-{winner}" in remote.files()
    assert remote.state() == {"t/landed"}


def test_those_before_us_in_line_who_are_dead_are_passed(remote: Remote, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue, "_STANDSTILL", 0.2)
    monkeypatch.setattr(queue, "_STANDSTILL_TRIES", 1)
    for i in range(5):
        git(remote.path, "update-ref", f"{REFS}/a{i}/result", remote.tip("main"))
    ends, _ = land_at_once([remote.done(f"t{i}", {f"f{i}": "1"}) for i in range(4)])
    assert [outcome for outcome, _, _ in ends] == [Outcome.LANDED] * 4
    assert sorted(remote.tasks()) == [f"t{i}" for i in range(4)]


def test_preparing_at_once_makes_the_branch_once(remote: Remote) -> None:
    attempts = [remote.attempt(f"t{i}") for i in range(8)]
    landers = [_FORK.Process(target=attempt.prepare) for attempt in attempts]
    for lander in landers:
        lander.start()
    for lander in landers:
        lander.join(_PATIENCE)
    assert [lander.exitcode for lander in landers] == [0] * 8
    assert list(remote.refs().values()) == [remote.tip("main")]
