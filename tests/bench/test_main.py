"""``python -m bench``: what it prints, and when it fails."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from bench.figure import at_most
from bench.report import read_report, write_report
from tests.bench.test_page import FIGURES, REPORT

ROOT = Path(__file__).parents[2]


def bench(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "bench", *arguments]
    return subprocess.run(command, cwd=ROOT, env={"PYTHONPATH": "tools"}, capture_output=True, text=True, check=False)


@pytest.fixture
def figures(tmp_path: Path) -> Path:
    write_report(REPORT, tmp_path / "figures.json")
    return tmp_path / "figures.json"


def test_a_missed_aim_is_shown_and_is_no_failure(figures: Path) -> None:
    done = bench("--from", str(figures))
    assert done.returncode == 0, done.stderr
    assert "2.5 s (2.4–2.6)" in done.stdout


def test_what_is_far_out_of_line_is_a_failure_and_named(figures: Path) -> None:
    broken = replace(FIGURES[1], aim=at_most(0.2, far_out=1))
    write_report(replace(REPORT, figures=(FIGURES[0], broken)), figures)
    done = bench("--from", str(figures))
    assert done.returncode == 1
    assert "far out of line: CPU" in done.stderr


def test_one_benchmark_runs_alone_and_leaves_its_figures(tmp_path: Path) -> None:
    done = bench("core", "--short", "--json", str(tmp_path / "found.json"))
    assert done.returncode == 0, done.stderr
    found = read_report(tmp_path / "found.json")
    assert {figure.bench for figure in found.figures} == {"core"}
    assert found.rounds == 2


def test_one_can_be_measured_anew_in_place_of_what_was_found_of_it(figures: Path, tmp_path: Path) -> None:
    core = replace(FIGURES[0], bench="core")
    write_report(replace(REPORT, figures=(core, *FIGURES)), figures)
    done = bench("core", "--short", "--from", str(figures), "--json", str(tmp_path / "found.json"))
    assert done.returncode == 0, done.stderr
    found = read_report(tmp_path / "found.json")
    assert found.figures[: len(FIGURES)] == FIGURES
    assert core not in found.figures
    assert {figure.bench for figure in found.figures} == {"core", *(figure.bench for figure in FIGURES)}


def test_an_unknown_name_is_refused() -> None:
    done = bench("dispach")
    assert done.returncode == 2
    assert "no such benchmark: dispach" in done.stderr
