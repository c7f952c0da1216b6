"""``--check``: what must succeed before the work of a task lands."""

import json
import re
from pathlib import Path

import pytest

from tests.cli.conftest import Pproj
from tests.local.checkout import Checkout

_HEAD = {"apiVersion": "parallelproject.io/v1alpha1", "kind": "ParallelProject", "metadata": {"name": "demo"}}


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path)


def _run(pproj: Pproj, checkout: Checkout, command: str, check: str, *flags: object):
    file = checkout.path.parent / "demo.yaml"
    spec = {"defaults": {"backoffSeconds": 0}, "tasks": [{"id": "a"}]}
    file.write_text(json.dumps(_HEAD | {"spec": spec}))
    return pproj("run", file, "--repo", checkout.path, "--command", command, "--check", check, *flags)


def test_work_lands_once_the_check_has_passed_in_its_workspace(pproj: Pproj, checkout: Checkout, tmp_path: Path):
    result = _run(pproj, checkout, "echo good > work", 'test "$(cat work)" = good && echo task $PPROJ_TASK_ID')
    assert result.code == 0, result.out
    assert checkout.show("work") == "good"
    log = (tmp_path / ".pproj/demo/logs/a.1.log").read_text().splitlines()
    assert log[-3:-1] == ["task a", "pproj: the check passed"]


def test_a_check_that_fails_is_a_failure_with_its_own_reason_and_the_next_attempt_reads_what_it_printed(
    pproj: Pproj, checkout: Checkout, tmp_path: Path
):
    command = 'echo from the command; if test -e "$PPROJ_FEEDBACK"; then cp "$PPROJ_FEEDBACK" work; else touch bad; fi'
    result = _run(pproj, checkout, command, "echo looked at it; test ! -e bad")
    assert result.code == 0, result.out
    assert "failed (the check failed with exit code 1)" in result.out
    log = (tmp_path / ".pproj/demo/logs/a.1.log").read_text()
    assert "looked at it\npproj: the check failed with exit code 1: echo looked at it; test ! -e bad\n" in log
    feedback = checkout.show("work")
    assert "its work did not land: the check failed with exit code 1: echo looked at it; test ! -e bad" in feedback
    assert "The check printed:\n\nlooked at it\n" in feedback
    assert "from the command" not in feedback
    shown = feedback.rsplit("git --git-dir=", 1)[1].split(" show ")[1].strip()
    assert "bad" in checkout.git("show", "--name-only", "--format=", shown).split(), "its work is kept"
    assert "bad" not in checkout.git("ls-tree", "--name-only", "parallel/demo").split()


def test_of_much_that_a_check_prints_the_next_attempt_reads_the_end(pproj: Pproj, checkout: Checkout, tmp_path: Path):
    command = 'if test -e "$PPROJ_FEEDBACK"; then cp "$PPROJ_FEEDBACK" work; else touch bad; fi'
    check = "test ! -e bad || { echo the beginning; seq 100000; echo the end; exit 1; }"
    assert _run(pproj, checkout, command, check).code == 0
    feedback = checkout.show("work")
    assert "100000\nthe end\n" in feedback
    log = tmp_path / ".pproj/demo/logs/a.1.log"
    cut, first = feedback.split("The check printed:\n\n")[1].splitlines()[:2]
    kept = re.fullmatch(rf"\[cut: these are the last ([\d,]+) of 588,917 bytes; all of it is in {log}\]", cut)
    assert kept, cut
    assert int(kept[1].replace(",", "")) == sum(len(f"{n}\n") for n in range(int(first), 100001)) + len("the end\n")
    assert "\nthe beginning\n" not in feedback
    assert len(feedback) < 66 * 1024
    assert "the beginning\n1\n2\n" in log.read_text(), "the log has all of it"


def test_where_the_check_never_passes_nothing_lands_and_why_says_so(pproj: Pproj, checkout: Checkout):
    result = _run(pproj, checkout, "touch work", "exit 7")
    assert result.code == 1
    assert checkout.tasks() == []
    assert "a: the check failed with exit code 7, 2 attempts" in result.out
    row = pproj("get", "demo", "-o", "json").json["status"]["tasks"][0]
    assert (row["state"], row["reason"], row["exitCode"]) == ("Failed", "GateFailed", 7)
    assert "the last one with a failed check (exit code 7)" in pproj("why", "a").out


def test_a_command_that_fails_is_not_checked(pproj: Pproj, checkout: Checkout, tmp_path: Path):
    result = _run(pproj, checkout, "exit 3", "touch $PPROJ_OUTPUTS/checked", "--max-attempts", 1)
    assert "failed (exit code 3)" in result.out
    assert not (tmp_path / ".pproj/demo/outputs/a/checked").exists()


def test_a_check_that_hangs_ends_with_the_deadline_of_the_attempt(pproj: Pproj, checkout: Checkout):
    result = _run(pproj, checkout, "touch work", "exec sleep 600", "--task-timeout", "1s", "--max-attempts", 1)
    assert "failed (DeadlineExceeded)" in result.out
    assert checkout.tasks() == []


def test_an_empty_check_is_refused(pproj: Pproj, checkout: Checkout):
    result = _run(pproj, checkout, "true", " ")
    assert result.code == 2
    assert "error: --check is empty" in result.err
