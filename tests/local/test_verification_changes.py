"""What people do to a run that verifies what has landed: to its branch, its checks and its tasks."""

import json
from pathlib import Path
from typing import Any

import pytest

from parallelproject.cli import main
from parallelproject.cli.local import runs as local_runs
from parallelproject.local.read import read_run
from parallelproject.local.start import EXIT_FAILED
from tests.local.checkout import BRANCH, Checkout
from tests.local.runner import Runner, until
from tests.local.test_verification import CHECK, LEVELS, Make, checkout, condition, verified

__all__ = ["checkout", "verified"]  # fixtures


def by_hand(checkout: Checkout, path: str, content: str) -> str:
    """A person's commit on the branch."""
    checkout.git("worktree", "add", "--quiet", "../by-hand", BRANCH)
    folder = checkout.path.parent / "by-hand"
    (folder / path).write_text(content)
    checkout.git("-C", str(folder), "add", ".")
    checkout.git("-C", str(folder), "commit", "--quiet", "-m", "by hand")
    checkout.git("worktree", "remove", "--force", "../by-hand")
    return checkout.git("rev-parse", BRANCH)


def conditions(run: Runner) -> dict[str, dict[str, Any]]:
    found = json.loads((run.state / "status.json").read_bytes())["conditions"]
    return {each["type"]: each for each in found}


def test_a_commit_of_a_person_that_breaks_it_asks_for_a_person_until_it_is_corrected(
    verified: Make, checkout: Checkout, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run = verified(LEVELS[:2])
    run.run()
    bad = by_hand(checkout, "person.txt", "bad\n")
    run.spec["tasks"] = LEVELS
    output = run.run(EXIT_FAILED)
    assert checkout.tasks()[-1:] == ["c"]
    assert f"commit {bad[:10]} broke it" in output
    assert f"pproj retry --state-dir {run.state} demo --run" in output
    assert "demo: all 3 tasks succeeded, but what they landed fails a check, in" in output
    found = conditions(run)
    assert found["Verified"]["reason"] == "BrokenByOthers"
    assert (found["NeedsAttention"]["status"], found["NeedsAttention"]["reason"]) == ("True", "Verification")
    assert (found["Completed"]["status"], found["Succeeded"]["status"]) == ("True", "False")
    monkeypatch.chdir(run.folder)
    assert main.call(["get", "demo"]) == 0
    assert "pproj retry demo --run" in capsys.readouterr().out
    assert main.call(["retry", "demo"]) == 0
    assert "what has landed is verified again" in capsys.readouterr().out
    by_hand(checkout, "person.txt", "good\n")
    landed = checkout.tasks()
    run.run()
    assert checkout.tasks() == landed
    assert condition(run)["status"] == "True"
    assert "NeedsAttention" not in conditions(run)
    checkout.check()


def test_a_base_that_is_broken_ends_a_run_of_one_level(verified: Make, checkout: Checkout) -> None:
    """All tasks have succeeded: nothing is left to stop but the verification."""
    run = verified(LEVELS[:2], checks=[{"name": "test", "command": ["no-such-command"]}])
    run.run(EXIT_FAILED)
    assert condition(run)["reason"] == "BaseFailed"
    assert conditions(run)["Completed"]["status"] == "True"


def test_another_command_verifies_all_again_and_none_keeps_repairs(
    verified: Make, checkout: Checkout, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOES_b", "bad")
    run = verified(LEVELS, checks=[{"name": "test", "command": ["true"]}])
    run.run()
    run.spec["verification"]["checks"] = [{"name": "test", "command": CHECK}]
    run.run()
    assert checkout.tasks()[2:] == ["c", "b"]
    assert checkout.show("b.txt") == "repaired"
    verification = run.spec.pop("verification")
    run.spec["tasks"] = [*LEVELS, {"id": "d", "dependencies": ["c"]}]
    run.run()
    assert checkout.tasks()[2:] == ["c", "b", "d"]
    assert condition(run)["reason"] == "NotVerified"
    run.spec["verification"] = verification
    run.run()
    assert condition(run)["status"] == "True"
    assert checkout.state() == {"a/landed", "b/landed", "c/landed", "d/landed", "b/repair/1/landed"}


def test_a_task_that_has_failed_by_it_is_repaired_again_while_the_run_is_active(
    verified: Make, checkout: Checkout, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("DOES_b", "bad")
    free = tmp_path / "free"
    work = f"""
    [ $PPROJ_TASK_ID != c ] || until [ -e {free} ]; do sleep 0.05; done
    [ $PPROJ_ATTEMPT != 2 ] || exit 0
    echo $([ $PPROJ_ATTEMPT = 1 ] && printenv DOES_$PPROJ_TASK_ID || echo good) > $PPROJ_TASK_ID.txt
    """
    run = verified([{"id": "a"}, {"id": "b"}, {"id": "c", "dependencies": ["a"]}], work, maxRepairs=1)
    run.spec["failurePolicy"] = "Continue"
    started = run.start()

    def state(task: str) -> str:
        rows = (read_run(run.state) or {}).get("status", {}).get("tasks", ())
        return next((row["state"] for row in rows if row["id"] == task), "")

    until(lambda: state("b") == "Failed" and state("c") == "Running", what="the failure")
    monkeypatch.chdir(run.folder)
    monkeypatch.setattr(local_runs, "_ANSWER_SECONDS", 0.5)
    assert main.call(["retry", "demo", "b"]) == 0
    until(lambda: state("b") == "Succeeded", what="the repair")
    free.touch()
    started.finish(0)
    assert sorted(checkout.tasks()) == ["a", "b", "b", "c"]
    assert condition(run)["status"] == "True"


def test_a_branch_that_is_rewritten_during_a_search_is_verified_as_it_is_then(
    verified: Make, checkout: Checkout, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOES_b", "bad")
    there = f"git -C {checkout.path}"
    rewrite = f"{there} log -1 --format=%B {BRANCH} | {there} commit-tree -p {BRANCH}^ -F - {BRANCH}^{{tree}}"
    check = f"""
    echo check >> $JOURNAL
    [ $(wc -l < $JOURNAL) != 2 ] || {there} update-ref refs/heads/{BRANCH} $({rewrite})
    ! grep -l bad *.txt
    """
    run = verified(LEVELS, checks=[{"name": "test", "command": ["/bin/sh", "-c", check]}])
    run.run()
    results = (run.state / "verification").glob("test.*.result.json")
    assert "Stale" in {json.loads(file.read_bytes())["outcome"] for file in results}
    assert checkout.tasks()[2:] == ["b", "c"]
    assert checkout.show("b.txt") == "repaired"
    assert condition(run)["status"] == "True"


def test_it_is_verified_after_each_landing_where_that_is_asked_for(
    verified: Make, checkout: Checkout, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOES_a", "bad")
    tasks = [{"id": "a"}, {"id": "b", "dependencies": ["a"]}]
    run = verified(tasks, after="Landings", every=1)
    run.spec["scheduling"] = "Graph"
    output = run.run()
    assert checkout.tasks() == ["a", "a", "b"]
    assert "verified: 1 task at " in output
    assert "verified: 2 tasks at " in output
