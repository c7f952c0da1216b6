"""A run with a repository that is started again: in the middle, at its end, or with something else."""

import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.local.checkout import BRANCH, Checkout, Striker
from tests.local.runner import Runner, tasks, until

Make = Callable[..., Runner]
STEP = "echo $PPROJ_TASK_ID >> $JOURNAL; echo $PPROJ_TASK_ID >> $PPROJ_TASK_ID.txt; echo out > $PPROJ_OUTPUTS/f"
BROKEN = 'echo "fatal: no space left on device" >&2; exit 128'


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path)


@pytest.fixture
def striker(tmp_path: Path) -> Striker:
    return Striker(tmp_path)


@pytest.fixture
def landing(runner: Make, checkout: Checkout) -> Make:
    return lambda spec, command: runner(spec, command, options={"repository": checkout.path})


def test_trouble_that_passes_is_not_seen_and_the_command_runs_once(
    landing: Make, checkout: Checkout, striker: Striker
) -> None:
    run = landing({"tasks": tasks("a"), "defaults": {"maxAttempts": 1}}, STEP)
    striker.arm(BROKEN, command="write-tree")
    run.start(before=striker.use).finish(0)
    assert striker.has_struck
    assert run.journal() == checkout.tasks() == ["a"]


def test_trouble_that_lasts_is_a_failure_and_the_next_attempt_lands_without_running_the_command(
    landing: Make, checkout: Checkout, striker: Striker
) -> None:
    run = landing(
        [{"id": "a"}, {"id": "b", "dependencies": ["a"]}],
        "ls $PPROJ_OUTPUTS/../a/f || [ $PPROJ_TASK_ID = a ] && " + STEP,
    )
    striker.arm(BROKEN, command="write-tree", times=3)
    output = run.start(before=striker.use).finish(0)
    assert "a  failed (Transient)" in output
    assert run.journal() == checkout.tasks() == ["a", "b"]
    assert [(row.key.task, row.key.attempt) for row in run.attempts()] == [("a", 1), ("a", 2), ("b", 1)]
    assert (
        checkout.git("log", "-1", "--format=%(trailers:key=Parallel-Attempt,valueonly)", f"{BRANCH}~1").strip() == "1"
    )
    assert "Succeeded after failures: a (attempt 2)" in output


def test_trouble_that_outlasts_all_attempts_loses_nothing_and_a_new_run_lands(
    landing: Make, checkout: Checkout, striker: Striker
) -> None:
    run = landing({"tasks": tasks("a"), "defaults": {"maxAttempts": 1}}, STEP)
    striker.arm(BROKEN, command="commit-tree", times=99)
    output = run.start(before=striker.use).finish(1)
    assert "a: Transient, 1 attempt" in output
    run.run()
    assert run.journal() == checkout.tasks() == ["a"]


@pytest.mark.parametrize("setting", ["refuse", "ignore", "updateInstead"])
def test_a_refusal_is_final_and_a_new_run_lands_what_was_done(landing: Make, checkout: Checkout, setting: str) -> None:
    checkout.git("config", "receive.denyCurrentBranch", setting)
    checkout.git("config", "receive.denyDeletes", "true")
    run = landing(tasks("a"), f"{STEP}; git -C {checkout.path} switch --quiet {BRANCH}")
    output = run.run(1)
    assert "a: AuthOrProtected, 1 attempt" in output
    assert "Done and safe, still to land: a" in output
    assert checkout.git("status", "--porcelain") == ""
    checkout.git("switch", "--quiet", "main")
    run.run()
    assert run.journal() == checkout.tasks() == ["a"]


def test_a_run_that_has_landed_all_has_nothing_to_do_and_shows_it_again(landing: Make, checkout: Checkout) -> None:
    run = landing(tasks("a"), STEP)
    run.run()
    checkout.git("switch", "--quiet", BRANCH)  # to look at it
    output = run.run()
    assert "the task has succeeded already" in output
    assert f"git -C checkout log --oneline main..{BRANCH}" in output
    assert run.journal() == ["a"]


def test_an_interrupted_command_has_its_work_kept(landing: Make, checkout: Checkout) -> None:
    run = landing(tasks("a"), f"{STEP}; sleep 1000 & wait")
    process = run.start()
    until(run.journal)
    process.signal(signal.SIGTERM)
    process.finish(130)
    assert checkout.state() == {"a/salvage/1"}
    assert [row.phase for row in run.attempts()] == ["Stopped"]
    run.command = STEP
    run.run()
    assert checkout.tasks() == ["a"]


def test_a_landing_is_not_cut_off_by_a_request_to_end(landing: Make, checkout: Checkout, striker: Striker) -> None:
    run = landing(tasks("a"), STEP)
    striker.arm('kill -TERM $PPID; real "$@"', command="write-tree")
    run.start(before=striker.use).finish(0)
    assert striker.has_struck
    assert run.journal() == checkout.tasks() == ["a"]
    assert [row.key.attempt for row in run.attempts()] == [1]


def test_fresh_goes_on_top_of_what_has_landed_before(landing: Make, checkout: Checkout) -> None:
    run = landing(tasks("a"), STEP)
    run.run()
    run.options["fresh"] = True
    run.run()
    assert checkout.tasks() == ["a", "a"]
    assert checkout.show("a.txt") == "a\na"
    assert checkout.state() == {"a/landed"}
    assert len(checkout.git("for-each-ref", "refs/parallelproject").splitlines()) == 1  # the first run's is gone


def test_the_repository_cannot_be_changed_in_the_middle(landing: Make, checkout: Checkout, tmp_path: Path) -> None:
    run = landing(tasks("a"), "exit 1")
    run.run(1)
    run.command = STEP
    run.options = {}
    assert f"lands on {BRANCH} in {checkout.path}/.git (give --repo DIR again, or --fresh)" in run.run(1)
    (tmp_path / "other").mkdir()
    run.options = {"repository": Checkout(tmp_path / "other").path}
    assert f"lands on {BRANCH} in {checkout.path}/.git, not on" in run.run(1)
    assert run.journal() == []
    run.options = {"repository": checkout.path}
    run.run()
    assert checkout.tasks() == ["a"]


def test_a_run_that_was_begun_without_a_repository_gets_none(landing: Make, checkout: Checkout) -> None:
    run = landing(tasks("a"), "exit 1")
    run.options = {}
    run.run(1)
    run.options = {"repository": checkout.path}
    assert "was started without a repository" in run.run(1)


def test_a_module_of_the_current_folder_is_not_taken_for_one_of_python(landing: Make, checkout: Checkout) -> None:
    run = landing(tasks("a"), STEP)
    for folder in (run.folder, run.state):
        folder.mkdir(parents=True, exist_ok=True)
        for name in ("socket", "json", "signal", "fcntl"):
            (folder / f"{name}.py").write_text("raise SystemExit('taken')")
    run.run()
    assert checkout.tasks() == ["a"]


REPLACED = {
    "a link": "ln -s {user} $p",
    "gone": "true",
    "a link above": "rm -rf $up; ln -s {user} $up",
}


@pytest.mark.parametrize("how", REPLACED)
def test_a_workspace_that_a_killed_attempt_has_replaced_is_not_kept_and_the_next_attempt_runs(
    landing: Make, checkout: Checkout, tmp_path: Path, how: str
) -> None:
    """What stands behind a link may be the user's: nothing of it gets into the repository."""
    (checkout.path / "mine").write_text("not committed\n")
    (checkout.path / "a").mkdir()  # as the workspace is called
    (checkout.path / "a/mine").write_text("not committed\n")
    replace = REPLACED[how].format(user=checkout.path)
    first = f"p=$PWD; up=${{p%/*}}; cd /; rm -rf $p; {replace}; kill -9 $PPID; exec sleep 1000"
    run = landing(tasks("a", maxAttempts=2), f"if [ $PPROJ_ATTEMPT = 1 ]; then {first}; fi; {STEP}")
    run.run()
    assert run.journal() == checkout.tasks() == ["a"]
    assert checkout.state() == {"a/landed"}
    assert "mine" not in checkout.git("log", "--all", "--name-only", "--format=")
    assert (checkout.path / "a/mine").read_text() == (checkout.path / "mine").read_text() == "not committed\n"
    log = run.state / "logs/a.2.log"
    assert "nothing is kept of attempt 1: its workspace was removed or replaced" in log.read_text()
    assert not list((run.state / "git").glob("a.*"))


def test_a_workspace_that_somebody_has_removed_before_it_landed_is_made_again(
    landing: Make, checkout: Checkout, striker: Striker
) -> None:
    run = landing({"tasks": tasks("a"), "defaults": {"maxAttempts": 1}}, STEP)
    striker.arm(BROKEN, command="write-tree", times=3)
    run.start(before=striker.use).finish(1)
    (workspace,) = (run.state / "workspaces").resolve().glob("a.1/a")
    shutil.rmtree(workspace)
    run.run()
    assert run.journal() == ["a", "a"]
    assert checkout.show("a.txt") == "a"


def test_what_a_killed_attempt_left_is_named_in_the_log_and_at_the_end(landing: Make, checkout: Checkout) -> None:
    other = "git switch -qc other; echo o > o.txt; git add o.txt; git commit -qm other; git switch -q -"
    first = f"{other}; echo one > one.txt; echo PASSWORD=hunter2hunter2 > .env; kill -9 $PPID; exec sleep 1000"
    run = landing(tasks("a", maxAttempts=2), f"if [ $PPROJ_ATTEMPT = 1 ]; then {first}; fi; {STEP}")
    output = run.run()
    salvage, kept = checkout.ref("a/salvage/1"), checkout.ref("a/kept/1/branch-other")
    log = (run.state / "logs/a.2.log").read_text()
    assert f"pproj: what attempt 1 left is kept in {salvage}\n" in log
    assert "pproj: not kept of attempt 1: .env\n" in log
    assert f"pproj: of attempt 1, branch other is kept in {kept}\n" in log
    assert "Also kept from earlier attempts: 1 ref\n" in output
    assert f"a: {kept}" in output
    command = next(line for line in output.splitlines() if "for-each-ref" in line)
    assert salvage in checkout.git("for-each-ref", command.partition("for-each-ref ")[2].split()[0])
