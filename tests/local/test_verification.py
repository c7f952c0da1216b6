"""What has landed is verified after each level, and who broke it repairs it."""

import json
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from parallelproject.local.start import EXIT_FAILED
from tests.local.checkout import BRANCH, Checkout, Striker
from tests.local.runner import Runner, until
from tests.local.test_landing_killed import VICTIMS

Make = Callable[..., Runner]

WORK = """
if [ -n "$PPROJ_FEEDBACK" ] && grep -q "breaks the check" "$PPROJ_FEEDBACK"; then
  cp "$PPROJ_FEEDBACK" "$PPROJ_OUTPUTS/feedback"; echo repaired > $PPROJ_TASK_ID.txt
else echo "$(printenv DOES_$PPROJ_TASK_ID || echo good)" > $PPROJ_TASK_ID.txt; fi
"""
CHECK = ["/bin/sh", "-c", "! grep -l bad *.txt"]
LEVELS = [{"id": "a"}, {"id": "b"}, {"id": "c", "dependencies": ["a", "b"]}]


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path)


@pytest.fixture
def verified(runner: Make, checkout: Checkout) -> Make:
    """A runner whose work lands in the checkout and is verified."""

    def make(tasks: list[dict[str, Any]], command: str = WORK, **verification: Any) -> Runner:
        settings = {"checks": [{"name": "test", "command": CHECK}], **verification}
        return runner({"tasks": tasks, "verification": settings}, command, options={"repository": checkout.path})

    return make


def condition(run: Runner) -> dict[str, Any]:
    found = json.loads((run.state / "status.json").read_bytes())["conditions"]
    return next(each for each in found if each["type"] == "Verified")


def test_each_level_is_verified(verified: Make, checkout: Checkout) -> None:
    run = verified(LEVELS)
    output = run.run()
    assert sorted(checkout.tasks()[:2]) == ["a", "b"]
    assert condition(run)["status"] == "True"
    assert checkout.git("rev-parse", "--short=10", BRANCH) in condition(run)["message"]
    assert "verified: L0 at " in output
    assert len(list((run.state / "verification").glob("test.*.result.json"))) == 2
    assert list((run.state / "workspaces").iterdir()) == []
    assert {entry.name for entry in (run.state / "git").iterdir()} == {"home", "landing"}


def test_who_broke_it_repairs_it_on_top(verified: Make, checkout: Checkout, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOES_b", "bad")
    run = verified(LEVELS)
    output = run.run()
    assert sorted(checkout.tasks()[:2]) == ["a", "b"]
    assert checkout.tasks()[2:] == ["b", "c"]
    assert checkout.show("b.txt") == "repaired"
    feedback = (run.state / "outputs/b/feedback").read_text()
    assert "it breaks the check test, alone" in feedback
    assert "b.txt" in feedback.split("The check printed:")[1]
    assert checkout.state() == {"a/landed", "b/landed", "c/landed", "b/repair/1/landed"}
    assert "verifying: L0: test; failed, searching for the task that broke it: test" in output
    assert f"b broke it (log: {run.state}/verification/test.1.log)" in output
    assert condition(run)["status"] == "True"
    checkout.check()


def test_a_repair_that_failed_is_tried_again_with_the_same_feedback(
    verified: Make, checkout: Checkout, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOES_b", "bad")
    run = verified(LEVELS, f"[ $PPROJ_ATTEMPT != 2 ] || {{ echo cannot; exit 7; }}\n{WORK}")
    run.spec["defaults"] = {"backoffSeconds": 0, "maxAttempts": 2}
    run.run()
    assert checkout.tasks()[2:] == ["b", "c"]
    feedback = (run.state / "outputs/b/feedback").read_text()
    assert "it breaks the check test, alone" in feedback
    assert "Attempt 2 was to repair it and failed" in feedback
    assert "cannot" in feedback


def test_two_that_break_it_together_are_told_apart_from_one(verified: Make, checkout: Checkout) -> None:
    """Each passes alone; only the later one runs again, and it is said who the other is."""
    check = ["/bin/sh", "-c", "! { grep -q good a.txt && grep -q good b.txt; }"]
    run = verified(LEVELS, checks=[{"name": "test", "command": check}])
    output = run.run()
    first, second = checkout.tasks()[:2]
    assert checkout.tasks()[2:] == [second, "c"]
    assert f"{first} and {second} break it together; each passes alone" in output
    assert f"together with the work of {first}" in (run.state / f"outputs/{second}/feedback").read_text()


def test_one_that_cannot_be_repaired_fails_and_a_later_run_tries_once_more(
    verified: Make, checkout: Checkout, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOES_b", "bad")
    run = verified(
        LEVELS, "echo $(printenv DOES_$PPROJ_TASK_ID || echo good) $PPROJ_ATTEMPT > $PPROJ_TASK_ID.txt", maxRepairs=1
    )
    output = run.run(EXIT_FAILED)
    assert checkout.tasks()[2:] == ["b"]
    assert "verification failed: test failed on " in output
    assert condition(run)["reason"] == "VerificationFailed"
    rows = {row["id"]: row for row in json.loads((run.state / "status.json").read_bytes())["tasks"]}
    assert (rows["b"]["state"], rows["b"]["reason"]) == ("Failed", "VerificationFailed")
    assert rows["c"]["state"] == "Skipped"
    assert "b: its landed work breaks a check: test failed on " in output
    monkeypatch.setenv("DOES_b", "good")
    run.run()
    assert checkout.tasks()[2:] == ["b", "b", "c"]
    assert checkout.state() == {"a/landed", "b/landed", "b/repair/1/landed", "b/repair/2/landed", "c/landed"}
    assert condition(run)["status"] == "True"


@pytest.mark.parametrize("work", [LEVELS, LEVELS[:2]], ids=["levels", "all done"])
def test_a_base_that_is_broken_stops_the_run_and_blames_nobody(
    verified: Make, checkout: Checkout, work: list[dict[str, Any]]
) -> None:
    run = verified(work, checks=[{"name": "test", "command": ["/bin/sh", "-c", "echo never; exit 3"]}])
    output = run.run(EXIT_FAILED)
    assert sorted(checkout.tasks()) == ["a", "b"]
    assert "without the work of any task: the base is broken" in output
    assert condition(run)["reason"] == "BaseFailed"


def test_a_check_runs_only_where_its_paths_have_changed(verified: Make, checkout: Checkout) -> None:
    checks = [{"name": "all", "command": ["true"]}, {"name": "only-c", "command": ["true"], "paths": ["c.*"]}]
    run = verified([*LEVELS, {"id": "d", "dependencies": ["c"]}], checks=checks)
    run.run()

    def needed(check: str, number: int) -> bool:
        return "skipped:" not in (run.state / f"verification/{check}.{number}.log").read_text()

    assert [needed("all", number) for number in (1, 2, 3)] == [True, True, True]
    assert [needed("only-c", number) for number in (1, 2, 3)] == [False, True, False]  # first there is no such file


def test_a_check_has_what_the_workspaces_of_tasks_have(verified: Make, checkout: Checkout) -> None:
    (checkout.path / ".gitignore").write_text("local.env\nmade\n")
    checkout.git("add", ".")
    checkout.git("commit", "--quiet", "-m", "ignore")
    (checkout.path / "local.env").write_text("x\n")
    check = ["/bin/sh", "-c", "test -e local.env && test -e made"]
    run = verified(LEVELS[:1], checks=[{"name": "test", "command": check}])
    run.spec["workspace"] = {"copy": ["local.env"], "setup": ["touch", "made"]}
    run.run()
    assert condition(run)["status"] == "True"
    assert checkout.git("ls-tree", "--name-only", BRANCH).splitlines() == [
        ".gitignore",
        "README",
        "a.txt",
        "shared.txt",
    ]


def test_a_run_with_verification_is_stopped_while_a_check_runs(
    verified: Make, checkout: Checkout, tmp_path: Path
) -> None:
    free = tmp_path / "free"
    check = ["/bin/sh", "-c", f"echo check >> $JOURNAL; until [ -e {free} ]; do sleep 0.05; done"]
    run = verified(LEVELS, checks=[{"name": "test", "command": check}])
    started = run.start()
    until(lambda: "check" in run.journal(), what="the check")
    started.signal(signal.SIGINT)
    started.finish(130)
    assert run.processes() == []
    assert sorted(checkout.tasks()) == ["a", "b"]
    free.touch()
    run.run()
    assert checkout.tasks()[2:] == ["c"]
    assert condition(run)["status"] == "True"


@pytest.mark.timeout(1200)
@pytest.mark.sampled(1, by=("victim",))
@pytest.mark.parametrize("victim", VICTIMS)
@pytest.mark.parametrize("at", range(40, 170, 6))
def test_killed_at_a_call_of_git_it_comes_to_the_same_end(
    verified: Make, checkout: Checkout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, victim: str, at: int
) -> None:
    monkeypatch.setenv("DOES_b", "bad")
    run = verified(LEVELS)
    run.spec["defaults"] = {"backoffSeconds": 0, "maxAttempts": 5}
    striker = Striker(tmp_path)
    striker.arm(f'{VICTIMS[victim]}; real "$@"', at=at)
    run.start(before=striker.use).finish(None)
    run.run()
    assert sorted(checkout.tasks()[:2]) == ["a", "b"]
    assert checkout.tasks()[2:] == ["b", "c"]
    assert checkout.show("b.txt") == "repaired"
    left = {name for name in checkout.state() if "/salvage/" not in name}
    assert left == {"a/landed", "b/landed", "c/landed", "b/repair/1/landed"}
    assert condition(run)["status"] == "True"
    assert run.processes() == []
    checkout.check()
