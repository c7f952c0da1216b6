"""Work that breaks a check after all repairs is taken off the branch, in a real run."""

import json

import pytest

from parallelproject.local.start import EXIT_FAILED
from tests.local.checkout import BRANCH, Checkout
from tests.local.test_verification import LEVELS, Make, checkout, condition, verified

__all__ = ["checkout", "verified"]  # fixtures

REVERTS = {"maxRepairs": 0, "afterMaxRepairs": "Revert"}


def test_what_is_not_repaired_is_taken_off_the_branch_and_the_rest_goes_on(
    verified: Make, checkout: Checkout, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOES_b", "bad")
    run = verified([*LEVELS[:2], {"id": "c", "dependencies": ["a"]}], **REVERTS)
    output = run.run(EXIT_FAILED)
    files = checkout.git("ls-tree", "-r", "--name-only", BRANCH).split()
    assert ("a.txt" in files, "b.txt" in files) == (True, False)
    (reverting,) = checkout.git("log", "--format=%H", "--grep=Parallel-Revert", BRANCH).split()
    assert checkout.git("log", "-1", "--format=%s", reverting) == "Revert the work of b"
    assert f"taken off the branch by {reverting[:10]}: b" in output
    assert condition(run)["status"] == "True"
    assert "without what was taken off the branch: b" in condition(run)["message"]
    rows = {row["id"]: row for row in json.loads((run.state / "status.json").read_bytes())["tasks"]}
    assert (rows["b"]["state"], rows["b"]["reason"]) == ("Failed", "VerificationFailed")
    checkout.check()


def test_the_next_run_does_the_work_again(verified: Make, checkout: Checkout, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOES_b", "bad")
    verified(LEVELS, **REVERTS).run(EXIT_FAILED)
    run = verified(LEVELS, **REVERTS)
    run.run()
    assert checkout.show("b.txt") == "repaired"
    assert "took this work off the branch" in (run.state / "outputs/b/feedback").read_text()
    assert condition(run)["status"] == "True"
