"""The flags of ``pproj run``, with real processes and real git."""

import json
from pathlib import Path

import pytest

from parallelproject.cli.input.typed_times import whole_seconds
from parallelproject.core.report.event_document import FIELDS, MEANINGS
from tests.cli.conftest import Pproj
from tests.local.checkout import Checkout

_TASKS = (
    {"id": "a"},
    {"id": "b", "dependencies": ["a"]},
    {"id": "c", "dependencies": ["b"]},
    {"id": "x", "maxAttempts": 5},
    {"id": "y", "dependencies": ["x"]},
)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Two chains, a → b → c and x → y, whose attempts follow each other at once."""
    return _manifest(tmp_path, list(_TASKS))


def _manifest(folder: Path, tasks: list[dict[str, object]], **spec: object) -> Path:
    head = {"apiVersion": "parallelproject.io/v1alpha1", "kind": "ParallelProject", "metadata": {"name": "demo"}}
    file = folder / "demo.yaml"
    file.write_text(json.dumps(head | {"spec": {"defaults": {"backoffSeconds": 0}, "tasks": tasks} | spec}))
    return file


def _ran(folder: Path) -> list[str]:
    """Task and attempt of all that ran, by their logs."""
    return sorted(path.name.removesuffix(".log") for path in (folder / ".pproj/demo/logs").iterdir())


def _states(pproj: Pproj) -> dict[str, str]:
    return {row["id"]: row["state"] for row in pproj("get", "demo", "-o", "json").json["status"]["tasks"]}


@pytest.mark.parametrize("flag", ["--keep-going", "-k"])
def test_keep_going_runs_all_that_does_not_depend_on_a_failure(pproj: Pproj, file: Path, tmp_path: Path, flag: str):
    result = pproj("run", file, "--command", "test $PPROJ_TASK_ID != a", flag)
    assert result.code == 1
    assert _ran(tmp_path) == ["a.1", "a.2", "x.1", "y.1"]
    assert "hint:" not in result.out


def test_without_keep_going_the_end_says_how_many_tasks_it_would_have_run(pproj: Pproj, file: Path, tmp_path: Path):
    result = pproj("run", file, "--command", "test $PPROJ_TASK_ID != a")
    assert _ran(tmp_path) == ["a.1", "a.2", "x.1"]
    assert "hint: 1 skipped task depends on no failed task; --keep-going would have run it" in result.out


def test_max_attempts_is_for_every_task_also_for_those_that_have_their_own(pproj: Pproj, file: Path, tmp_path: Path):
    assert pproj("run", file, "--command", "false", "--max-attempts", 1).code == 1
    assert _ran(tmp_path) == ["a.1", "x.1"]


def test_timeout_ends_the_whole_run(pproj: Pproj, file: Path):
    result = pproj("run", file, "--command", "exec sleep 600", "--timeout", "1s")
    assert result.code == 1
    assert "stopped" in result.out
    assert set(_states(pproj).values()) == {"Skipped"}


def test_task_timeout_stops_an_attempt_and_why_says_how_long_one_may_take(pproj: Pproj, tmp_path: Path):
    file = _manifest(tmp_path, [{"id": "a", "activeDeadlineSeconds": 900}])
    result = pproj("run", file, "--command", "exec sleep 600", "--task-timeout", "1s", "--max-attempts", 1)
    assert result.code == 1
    assert "failed (DeadlineExceeded)" in result.out
    assert "note: an attempt that takes" not in result.err
    assert "an attempt of it is stopped after 1.0 s (--task-timeout)" in pproj("why", "a").out


def test_a_deadline_that_nobody_asked_for_is_said_at_the_start(pproj: Pproj, file: Path):
    said = "note: an attempt that takes longer than 2 h is stopped (--task-timeout TIME changes this"
    result = pproj("run", file, "--command", "true")
    assert said in result.err
    spec = pproj("get", "demo", "-o", "json").json["spec"]
    assert spec["defaults"]["activeDeadlineSeconds"] == 7200
    for flags in (
        ("--task-timeout", "none"),
        ("--task-timeout", "3h"),
        ("--set", "spec.defaults.activeDeadlineSeconds=9"),
    ):
        assert said not in pproj("run", file, "--fresh", "--command", "true", *flags).err
    pproj("run", file, "--fresh", "--command", "true", "--task-timeout", "none")
    assert "activeDeadlineSeconds" not in pproj("get", "demo", "-o", "json").json["spec"].get("defaults", {})


def test_a_task_with_a_long_estimate_may_take_longer_than_the_default(pproj: Pproj, tmp_path: Path):
    file = _manifest(tmp_path, [{"id": "a", "estimateSeconds": 10_000}, {"id": "b", "estimateSeconds": 60}])
    pproj("run", file, "--command", "true")
    tasks = pproj("get", "demo", "-o", "json").json["spec"]["tasks"]
    assert [task.get("activeDeadlineSeconds") for task in tasks] == [30_000, None]


@pytest.mark.parametrize("flag", ["--timeout", "--task-timeout"])
@pytest.mark.parametrize("text", ["soon", "0", "-5s", "5x", "", "3651d"])
def test_what_is_not_a_time_is_refused_with_the_form(pproj: Pproj, file: Path, flag: str, text: str, tmp_path: Path):
    result = pproj("run", file, "--command", "true", f"{flag}={text}")
    assert result.code == 2
    assert f"{flag} {text}: not a time" in result.err
    assert "as in 90s, 30m or 2h" in result.err
    assert not (tmp_path / ".pproj").exists()


def test_the_shortest_time_is_a_second_and_the_longest_ten_years():
    times = {"1ms": 1, "1.4s": 1, "90s": 90, "1h30m": 5400, "3650d": 315_360_000}
    assert {text: whole_seconds("--timeout", text) for text in times} == times


@pytest.mark.parametrize("number", [0, 101, "many"])
def test_a_number_of_attempts_out_of_its_bounds_is_refused(pproj: Pproj, file: Path, tmp_path: Path, number: object):
    result = pproj("run", file, "--command", "true", "--max-attempts", number)
    assert result.code == 2
    assert "--max-attempts" in result.err
    assert not (tmp_path / ".pproj").exists()


def test_skip_adds_to_what_the_file_skips(pproj: Pproj, tmp_path: Path):
    file = _manifest(tmp_path, list(_TASKS), skip=["x"])
    assert pproj("run", file, "--command", "true", "--skip", "b").code == 0
    assert _ran(tmp_path) == ["a.1", "c.1", "y.1"]


def test_only_runs_the_tasks_that_are_named_and_a_later_run_the_others(pproj: Pproj, file: Path, tmp_path: Path):
    result = pproj("run", file, "--command", "true", "--only", "b", "--only", "x")
    assert result.code == 0, result.out
    assert _ran(tmp_path) == ["b.1", "x.1"]
    assert "note: 3 of 5 tasks are skipped: a, c, y; b runs without them" in result.err
    assert _states(pproj) == {"a": "Skipped", "b": "Succeeded", "c": "Skipped", "x": "Succeeded", "y": "Skipped"}
    assert "spec.skip" in pproj("why", "a").out
    assert pproj("run", file, "--command", "true").code == 0
    assert _ran(tmp_path) == ["a.1", "b.1", "c.1", "x.1", "y.1"]


def test_what_only_left_out_can_be_skipped_for_good_or_retried(pproj: Pproj, file: Path, tmp_path: Path):
    assert pproj("run", file, "--command", "true", "--only", "x").code == 0
    skipped = pproj("skip", "b")
    assert "demo: skipping b; what depends on it runs all the same" in skipped.out
    assert "b: skipped already" in pproj("skip", "b").err
    assert pproj("retry", "c").code == 0
    assert pproj("run", file, "--command", "true").code == 0
    assert _ran(tmp_path) == ["a.1", "c.1", "x.1", "y.1"], "the others were skipped for one session"


def test_get_shows_the_time_that_its_speedup_is_of(pproj: Pproj, file: Path, tmp_path: Path):
    assert pproj("run", file, "--command", "true").code == 0
    document = tmp_path / ".pproj/demo/status.json"
    status = json.loads(document.read_text())
    status["metrics"]["wallSeconds"] = 84
    document.write_text(json.dumps(status))
    assert f"Started:      {status['startTime']}, took 84s\n" in pproj("get").out


def test_a_failed_task_that_is_skipped_since_is_retried_once(pproj: Pproj, file: Path):
    assert pproj("run", file, "--command", "test $PPROJ_TASK_ID != a", "--max-attempts", 1).code == 1
    assert pproj("skip", "a").code == 0
    assert pproj("retry", "a").out.startswith("demo: 1 task to run again: a\n")


def test_from_runs_a_task_and_all_that_depends_on_it(pproj: Pproj, file: Path, tmp_path: Path):
    assert pproj("run", file, "--command", "true", "--from", "b").code == 0
    assert _ran(tmp_path) == ["b.1", "c.1"]


def test_what_depends_on_a_skipped_task_runs_without_it(pproj: Pproj, file: Path, tmp_path: Path):
    result = pproj("run", file, "--command", "test $PPROJ_TASK_ID != b", "--skip", "b", "--skip", "y")
    assert result.code == 0
    assert _ran(tmp_path) == ["a.1", "c.1", "x.1"]
    assert "2 of 5 tasks are skipped: b, y; c runs without them" in result.err
    one = pproj("run", file, "--command", "true", "--skip", "b")
    assert "1 of 5 tasks is skipped: b" in one.err
    task = json.loads((tmp_path / ".pproj/demo/tasks/c.1.json").read_text())
    assert task["dependencies"] == [{"id": "b", "state": "Skipped", "attempts": 0, "outputs": {}}]


@pytest.mark.parametrize("flag", ["--only", "--from", "--skip"])
def test_a_task_that_is_not_there_is_named_with_the_one_that_may_be_meant(pproj: Pproj, tmp_path: Path, flag: str):
    file = _manifest(tmp_path, [{"id": "backend"}])
    result = pproj("run", file, "--command", "true", flag, "bakend")
    assert result.code == 2
    assert f'{flag} bakend: "bakend" is not a task' in result.err
    assert 'did you mean "backend"?' in result.err


def test_branch_base_and_author_say_where_work_lands_from_where_and_by_whom(pproj: Pproj, file: Path, tmp_path: Path):
    checkout = Checkout(tmp_path)
    checkout.git("branch", "develop")
    (checkout.path / "later").write_text("x")
    checkout.git("add", ".")
    checkout.git("commit", "--quiet", "-m", "later")
    flags = ("--branch", "agents/demo", "--base", "develop", "--author", "Ada Lovelace <ada@example.com>")
    result = pproj("run", file, "--repo", checkout.path, "--command", "touch $PPROJ_TASK_ID", *flags)
    assert result.code == 0, result.err
    assert sorted(checkout.tasks("agents/demo")) == ["a", "b", "c", "x", "y"]
    assert checkout.git("log", "-1", "--format=%an <%ae>", "agents/demo").strip() == "Ada Lovelace <ada@example.com>"
    assert "later" not in checkout.git("ls-tree", "--name-only", "agents/demo").split()


def test_set_of_a_field_of_git_works_next_to_repo_from_what_is_checked_out(
    pproj: Pproj, tasks_json: Path, tmp_path: Path
):
    checkout = Checkout(tmp_path)
    checkout.git("switch", "--quiet", "-c", "feature")
    (checkout.path / "feature").write_text("x")
    checkout.git("add", ".")
    checkout.git("commit", "--quiet", "-m", "feature")
    sets = ("--set", "spec.git.branch=agents/shop", "--set", "spec.git.notLanded=['2']")
    result = pproj("run", tasks_json, "--repo", checkout.path, "--command", "touch $PPROJ_TASK_ID", *sets)
    assert result.code == 0, result.err
    landed = checkout.git("ls-tree", "--name-only", "agents/shop").split()
    assert "feature" in landed
    assert "3.1" in landed
    assert "2" not in landed, "spec.git.notLanded counts"
    assert "feature...agents/shop" in result.out, "the base is the branch that is checked out"


@pytest.mark.parametrize(
    "flags", [("--branch", "x"), ("--base", "x"), ("--author", "A <a@b.c>"), ("--check", "true"), ("--push",)]
)
def test_flags_of_a_repository_need_one(pproj: Pproj, file: Path, flags: tuple[str, ...], tmp_path: Path):
    result = pproj("run", file, "--command", "true", *flags)
    assert result.code == 2
    assert f"error: {flags[0]}: there is no repository" in result.err
    assert "give --repo DIR" in result.err
    assert not (tmp_path / ".pproj").exists()


@pytest.mark.parametrize("author", ["Ada", "<ada@example.com>", "Ada <ada>x", "Ada <a b>"])
def test_an_author_of_another_form_is_refused(pproj: Pproj, file: Path, tmp_path: Path, author: str):
    checkout = Checkout(tmp_path)
    result = pproj("run", file, "--command", "true", "--repo", checkout.path, "--author", author)
    assert result.code == 2
    assert "as in 'Ada Lovelace <ada@example.com>'" in result.err


def test_json_is_an_event_a_line_with_documented_fields_and_nothing_else_on_stdout(pproj: Pproj, file: Path):
    result = pproj("run", file, "--command", "test $PPROJ_TASK_ID != y -a $PPROJ_TASK_ID != b", "-o", "json")
    assert result.code == 1
    lines = [json.loads(line) for line in result.out.splitlines()]
    assert {key for line in lines for key in line} <= set(FIELDS)
    assert {line["event"] for line in lines} <= set(MEANINGS)
    assert {line["project"] for line in lines} == {"demo"}
    assert sorted(line["task"] for line in lines if line["event"] == "TaskFailed") == ["b", "y"]
    failed = next(line for line in lines if line["event"] == "Failed")
    assert (failed["reason"], failed["exitCode"], failed["attempt"]) == ("ExitCode", 1, 1)
    assert Path(failed["log"]).is_file()
    last = lines[-1]
    assert (last["event"], last["reason"]) == ("Ended", "Completed")
    assert last["counts"] == {"total": 5, "pending": 0, "running": 0, "succeeded": 2, "failed": 2, "skipped": 1}
    assert "metrics" in last


def test_the_last_line_of_json_has_what_the_end_says_of_other_settings(pproj: Pproj, file: Path):
    result = pproj("run", file, "--command", "test $PPROJ_TASK_ID != a", "-o", "json")
    last = json.loads(result.out.splitlines()[-1])
    assert last["notes"] == ["hint: 1 skipped task depends on no failed task; --keep-going would have run it"]


def test_json_of_a_run_that_is_done_has_its_last_line(pproj: Pproj, file: Path):
    assert pproj("run", file, "--command", "true").code == 0
    result = pproj("run", file, "--command", "true", "-o", "json")
    assert result.code == 0
    (line,) = map(json.loads, result.out.splitlines())
    assert (line["event"], line["counts"]["succeeded"]) == ("Ended", 5)
