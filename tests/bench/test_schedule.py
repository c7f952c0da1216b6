"""The yardstick of the makespan."""

from dataclasses import replace

import pytest
from hypothesis import given

from bench.load import Load, Task
from bench.schedule import makespan
from tests.bench.graphs import loads, unhurried


@unhurried
@given(loads())
def test_a_list_schedule_keeps_grahams_bounds(load: Load) -> None:
    work, longest = sum(task.seconds for task in load.tasks), max(load.rank.values())
    assert max(work / load.cap, longest) <= makespan(load) + 1e-9
    assert makespan(load) <= work / load.cap + longest * (1 - 1 / load.cap) + 1e-9


@unhurried
@given(loads())
def test_one_slot_takes_the_whole_work_and_enough_slots_the_critical_path(load: Load) -> None:
    assert makespan(replace(load, cap=1)) == pytest.approx(sum(task.seconds for task in load.tasks))
    assert makespan(replace(load, cap=len(load.tasks))) == pytest.approx(max(load.rank.values()))


@unhurried
@given(loads(by_level=True))
def test_with_enough_slots_levels_take_the_sum_of_their_longest_tasks(load: Load) -> None:
    level: dict[str, int] = {}
    longest: dict[int, float] = {}
    for task in load.in_order:
        level[task.id] = 1 + max((level[above] for above in task.after), default=-1)
        longest[level[task.id]] = max(longest.get(level[task.id], 0.0), task.seconds)
    assert makespan(replace(load, cap=len(load.tasks))) == pytest.approx(sum(longest.values()))


def test_the_longest_way_to_the_end_goes_first() -> None:
    tasks = (Task("short", seconds=1), Task("other", seconds=1), Task("long", seconds=1), Task("end", ("long",), 2))
    assert makespan(Load("p", 2, tasks)) == 3


def test_a_level_waits_for_the_whole_level_before() -> None:
    tasks = (Task("a", seconds=1), Task("slow", seconds=5), Task("b", ("a",), 1))
    assert makespan(Load("p", 4, tasks)) == 5
    assert makespan(Load("p", 4, tasks, by_level=True)) == 6
