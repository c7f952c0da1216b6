"""What is run of a sweep: a sample, the same for the same seed; or all of it; or as much as there is time for."""

import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.sampling import Sampler, spread
from tests.scheduling import SPREAD, TOGETHER

ROOT = Path(__file__).parents[2]
CASES = range(42)


def sampler(seed: int = 1, *, deep: bool = False, ends: float | None = None) -> Sampler:
    return Sampler(deep, seed, ends, "test_x")


def is_dangerous(case: int) -> bool:
    return case in (7, 8)


def test_a_sample_has_the_dangerous_ones_and_some_of_all_stretches_in_order() -> None:
    drawn = list(sampler()(CASES, 4, is_dangerous))
    assert drawn == sorted(drawn)
    assert {7, 8} < set(drawn)
    rest = [case for case in CASES if not is_dangerous(case)]
    stretches = [rest.index(case) * 4 // len(rest) for case in drawn if not is_dangerous(case)]
    assert stretches == [0, 1, 2, 3]


def test_the_same_seed_draws_the_same_and_all_have_their_turn() -> None:
    assert list(sampler(5)(CASES, 4)) == list(sampler(5)(CASES, 4))
    assert {case for seed in range(300) for case in sampler(seed)(CASES, 4)} == set(CASES)


def test_a_sample_of_more_than_there_are_is_all() -> None:
    assert list(sampler()(range(3), 10)) == [0, 1, 2]
    assert spread(0, 3, random.Random(1)) == []


def test_deep_is_every_case() -> None:
    deep = sampler(deep=True)
    assert list(deep(CASES, 1)) == list(CASES)
    assert (deep.ran, deep.of) == (42, 42)


def test_by_the_clock_others_come_first_each_time_and_none_when_the_time_is_over() -> None:
    later = time.time() + 3600
    orders = [list(sampler(seed, deep=True, ends=later)(CASES, 1)) for seed in (1, 2)]
    assert orders[0] != orders[1]
    assert sorted(orders[0]) == sorted(orders[1]) == list(CASES)
    over = sampler(deep=True, ends=time.time() - 1)
    assert list(over(CASES, 1)) == []
    assert over.is_cut
    assert (over.ran, over.of) == (0, 42)


def test_batches_are_the_same_cases() -> None:
    batches = list(sampler().batches(CASES, 5, 2))
    assert [case for batch in batches for case in batch] == list(sampler()(CASES, 5))
    assert max(map(len, batches)) == 2


@pytest.mark.parametrize(("options", "count"), [([], 1), (["--deep"], 2)], ids=["sampled", "deep"])
def test_parameters_that_are_not_drawn_are_left_out(options: list[str], count: int) -> None:
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "tests/git/test_at_once.py", *options]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert listed.count("test_all_land_on_a_linear_branch_each_once[") == count
    assert "test_all_land_on_a_linear_branch_each_once[20]" in listed


@pytest.mark.parametrize(("options", "count"), [([], 1), (["--deep"], 3)], ids=["sampled", "deep"])
def test_one_parameter_may_be_sampled_for_each_value_of_the_others(options: list[str], count: int) -> None:
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "tests/forge/test_parts.py", *options]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for fate in ("failed", "closed"):
        found = [line for line in listed.splitlines() if "test_what_builds_on_more" in line and fate in line]
        assert len(found) == count, listed


@pytest.mark.parametrize(("options", "count"), [([], 3), (["--deep"], 6)], ids=["sampled", "deep"])
def test_the_tests_of_a_file_may_be_sampled(options: list[str], count: int) -> None:
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "tests/controller/test_leader.py", *options]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert listed.count("test_leader.py::") == count, listed


SWEEPS = {f"tests/faults/test_{name}.py" for name in ("sweep", "workflows", "queues")}


@pytest.mark.parametrize(("options", "count"), [([], 1), (["--deep"], 3)], ids=["sampled", "deep"])
def test_of_files_of_one_name_one_is_run(options: list[str], count: int) -> None:
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-m", "deep", *SWEEPS, *options]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    found = {line.partition("::")[0] for line in listed.splitlines() if "::" in line}
    assert len(found & SWEEPS) == count, listed


def test_all_workers_draw_the_same_where_a_parameter_is_a_function_or_a_dict() -> None:
    """xdist refuses workers that have collected different tests."""
    command = [
        sys.executable,
        "-m",
        "pytest",
        "--collect-only",
        "-q",
        "tests/git/test_kept.py",
        "tests/forge/test_merge.py",
    ]
    first, second = (subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True) for _ in range(2))
    names = [[line for line in done.stdout.splitlines() if "::" in line] for done in (first, second)]
    assert names[0] == names[1]


def test_files_that_are_spread_are_there() -> None:
    assert [file for file in SPREAD if not (ROOT / file).is_file()] == []
    assert [folder for folder in TOGETHER if not (ROOT / folder).is_dir()] == []
