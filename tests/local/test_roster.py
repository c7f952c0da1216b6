"""What the supervisor has noted, its guard can read."""

import os
import signal

from parallelproject.local.supervisor.roster import PLACES, Cut, Entry, Roster


def test_what_was_noted_is_read_by_another_process_after_a_kill() -> None:
    roster = Roster()
    child = os.fork()
    if not child:
        for number, task in enumerate(("gone", "running", "stopped", "starting", "late"), start=1):
            roster.starting(task, number)
            if task != "starting":
                roster.started(task, number, 1000 + number)
        roster.cut_off("stopped", 3, Cut.STOPPED)
        roster.cut_off("late", 5, Cut.OVERDUE)
        roster.ended("gone", 1)
        os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(child, 0)
    assert roster.read() == {
        ("running", 2): Entry(1002, Cut.NO),
        ("stopped", 3): Entry(1003, Cut.STOPPED),
        ("starting", 4): Entry(None, Cut.NO),
        ("late", 5): Entry(1005, Cut.OVERDUE),
    }


def test_there_is_room_for_all_that_can_be_at_work_again_and_again() -> None:
    roster = Roster()
    for turn in range(3):
        tasks = [f"{turn}-{i}".ljust(63, "x") for i in range(PLACES)]
        for pid, task in enumerate(tasks, start=1):
            roster.starting(task, turn)
            roster.started(task, turn, pid)
        assert roster.read() == {(task, turn): Entry(pid, Cut.NO) for pid, task in enumerate(tasks, start=1)}
        for task in tasks:
            roster.ended(task, turn)
    assert roster.read() == {}
