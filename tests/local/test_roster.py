"""What the supervisor has noted, its guard can read."""

import os
import signal

from parallelproject.local.supervisor.roster import PLACES, Cut, Entry, Roster
from parallelproject.model.work import WorkKey, WorkKind

OF_A_STEP = WorkKey(WorkKind.TASK, "t" * 63, "s" * 63, 7)


def test_what_was_noted_is_read_by_another_process_after_a_kill() -> None:
    roster = Roster()
    child = os.fork()
    if not child:
        for number, task in enumerate(("gone", "running", "stopped", "starting", "late"), start=1):
            roster.starting(WorkKey.of_task(task, number))
            if task != "starting":
                roster.started(WorkKey.of_task(task, number), 1000 + number)
        roster.starting(OF_A_STEP)
        roster.cut_off(WorkKey.of_task("stopped", 3), Cut.STOPPED)
        roster.cut_off(WorkKey.of_task("late", 5), Cut.OVERDUE)
        roster.ended(WorkKey.of_task("gone", 1))
        os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(child, 0)
    assert roster.read() == {
        WorkKey.of_task("running", 2): Entry(1002, Cut.NO),
        WorkKey.of_task("stopped", 3): Entry(1003, Cut.STOPPED),
        WorkKey.of_task("starting", 4): Entry(None, Cut.NO),
        WorkKey.of_task("late", 5): Entry(1005, Cut.OVERDUE),
        OF_A_STEP: Entry(None, Cut.NO),
    }


def test_there_is_room_for_all_that_can_be_at_work_again_and_again() -> None:
    roster = Roster()
    for turn in range(3):
        keys = [WorkKey.of_task(f"{turn}-{i}".ljust(63, "x"), turn) for i in range(PLACES)]
        for pid, key in enumerate(keys, start=1):
            roster.starting(key)
            roster.started(key, pid)
        assert roster.read() == {key: Entry(pid, Cut.NO) for pid, key in enumerate(keys, start=1)}
        for key in keys:
            roster.ended(key)
    assert roster.read() == {}
