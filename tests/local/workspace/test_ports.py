"""Ports of tasks: different among all running tasks of the machine, free, and the same again."""

import signal
import socket
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from parallelproject.local.workspace.ports import FIRST, LAST, PortLeases
from parallelproject.model.work import WorkKey
from tests.local.runner import Runner, tasks, until

Make = Callable[..., Runner]


def key(task: str, attempt: int = 1) -> WorkKey:
    return WorkKey.of_task(task, attempt)


def listener(port: int, address: str, family: int = socket.AF_INET) -> socket.socket:
    made = socket.socket(family, socket.SOCK_STREAM)
    made.bind((address, port))
    made.listen()
    return made


def test_two_runs_with_the_same_tasks_never_have_the_same_port() -> None:
    runs = [PortLeases(3, "same") for _ in range(2)]
    taken = [port for task in "abcdefgh" for run in runs for port in run.take(key(task))]
    assert len(set(taken)) == len(taken) == 48
    assert all(FIRST <= port <= LAST for port in taken)


def test_a_task_gets_its_ports_again_once_they_are_released_or_their_run_is_lost() -> None:
    run = PortLeases(2, "again")
    first = run.take(key("a"))
    run.release(key("a"))
    assert run.take(key("a", 2)) == first
    assert run.take(key("a", 2)) == first, "the same attempt has them already"
    assert not set(PortLeases(2, "again").take(key("a"))) & set(first)
    del run
    assert PortLeases(2, "again").take(key("a")) == first


def test_a_port_on_which_something_listens_is_skipped_whatever_its_address() -> None:
    wanted = PortLeases(3, "busy")
    ports = wanted.take(key("a"))
    wanted.release(key("a"))
    with ExitStack() as stack:
        stack.enter_context(listener(ports[0], "127.0.0.1"))
        stack.enter_context(listener(ports[1], "0.0.0.0"))
        assert not set(wanted.take(key("a"))) & set(ports[:2])


def test_each_running_task_of_each_run_has_its_own(runner: Make, tmp_path: Path) -> None:
    seen = tmp_path / "seen"
    command = f"echo $PPROJ_PORT $PPROJ_PORT_1 $PPROJ_PORT_2 >> {seen}; exec sleep 600"
    spec = {"tasks": tasks("a", "b", "c"), "workspace": {"ports": 2}}
    runs = [runner(spec, command), runner(spec, command)]
    started = []
    for name, run in zip("xy", runs, strict=True):
        run.folder = tmp_path / name
        run.folder.mkdir()
        started.append(run.start())
    until(lambda: seen.exists() and seen.read_text().count("\n") == 6, what="six running tasks")
    for process in started:
        process.signal(signal.SIGINT)
    for process in started:
        process.finish(130)
    lines = [line.split() for line in seen.read_text().splitlines()]
    assert [len(line) for line in lines] == [2] * 6
    assert len({port for line in lines for port in line}) == 12
