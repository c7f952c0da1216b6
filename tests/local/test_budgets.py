"""A local run with a budget: it ends when the rest does not fit, and goes on with a larger one."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from parallelproject.local.start import EXIT_EXHAUSTED
from parallelproject.model.spec import Budget
from tests.local.runner import Runner, chain, tasks, until

Make = Callable[..., Runner]
SPENDS = 'echo $PPROJ_TASK_ID >> $JOURNAL; echo \'{"usd": 1.10, "tokens": 1200}\' > $PPROJ_OUTPUTS/usage.json; '


def limited(run: Runner, usd: str) -> Runner:
    run.options["budgets"] = [Budget(unit="usd", limit=usd)]
    return run


def status(run: Runner) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((run.state / "status.json").read_bytes())
    return found


def test_a_run_ends_when_its_budget_is_used_up_and_goes_on_with_a_larger_one(runner: Make) -> None:
    run = limited(runner(chain("a", "b", "c", "d", "e"), SPENDS), "2.50")
    run.options["rerun"] = "pproj run x.json --budget usd=2.50"
    said = run.run(EXIT_EXHAUSTED)
    assert run.journal() == ["a", "b"]
    assert "demo: the budget is used up: 2 of 5 tasks succeeded, in" in said
    assert "  spent $2.20 of $2.50\n" in said
    assert (
        "the budget of $2.50 is too small for a further attempt: $2.20 spent, and it would reserve $1.10; "
        "a larger spec.budgets[0].limit lets it continue (in a local run: pproj run --budget usd=LIMIT)"
    ) in said
    assert "Continue with a larger budget:\n    pproj run x.json --budget usd=6.6\n" in said
    assert run.run(EXIT_EXHAUSTED).count("started") == 0, "the next session knows what was spent"
    assert "spent $4.40 of $4.40" in limited(run, "4.40").run(EXIT_EXHAUSTED)
    assert run.journal() == ["a", "b", "c", "d"]
    assert "spent $5.50 of $20.00" in limited(run, "20").run()
    assert run.journal() == ["a", "b", "c", "d", "e"]
    assert status(run)["metrics"]["costUsd"] == "5.5000"
    assert status(run)["metrics"]["usage"] == {"tokens": "6000"}


def test_a_failed_run_says_that_it_failed_not_that_money_is_short(runner: Make) -> None:
    run = limited(runner(chain("a", "b"), SPENDS + "exit 1"), "3.3")
    run.spec["defaults"] = {"maxAttempts": 2, "backoffSeconds": 0}
    assert "demo: 0 of 2 tasks succeeded, 1 failed, 1 skipped" in run.run(1)
    assert "demo: the budget is used up: 0 of 2 tasks succeeded" in run.run(EXIT_EXHAUSTED)
    assert run.journal() == ["a", "a", "a"], "both attempts of the first session count"


def test_what_an_attempt_has_reported_that_was_cut_off_is_spent(runner: Make) -> None:
    run = limited(runner(tasks("a"), SPENDS + "[ -e $JOURNAL.go ] || exec sleep 1000"), "2.0")
    engine = run.start()
    until(run.journal)
    usage = run.state / "outputs" / "a" / "usage.json"
    until(lambda: usage.exists() and usage.read_text().endswith("\n"))
    run.kill_all(engine)
    assert "spent $1.10 of $1.00" in limited(run, "1").run(EXIT_EXHAUSTED)
    (run.folder / "journal.go").touch()
    limited(run, "3").run()
    assert run.journal() == ["a", "a"]
    assert status(run)["metrics"]["costUsd"] == "2.2000"


@pytest.mark.parametrize(
    ("hostile", "found"),
    [
        ("ln -s /dev/zero $PPROJ_OUTPUTS/usage.json", "usage.json is not a plain file that can be read"),
        ("mkfifo $PPROJ_OUTPUTS/usage.json", "usage.json is not a plain file that can be read"),
        ("mkdir $PPROJ_OUTPUTS/usage.json", "usage.json is not a plain file that can be read"),
        ("echo '{\"usd\": 1' > $PPROJ_OUTPUTS/usage.json", "usage.json is not JSON"),
        ("echo '[5]' > $PPROJ_OUTPUTS/usage.json", "usage.json is not a JSON object"),
        (
            'echo \'{"usd": -5, "../x": 1, "tokens": "many", "y": null}\' > $PPROJ_OUTPUTS/usage.json',
            'usage.json: "y", "usd", "../x", "tokens" are not amounts of units',
        ),
        ('head -c 9000 /dev/zero | tr "\\0" "[" > $PPROJ_OUTPUTS/usage.json', "usage.json is larger than 4,096 bytes"),
    ],
)
def test_a_report_that_is_none_counts_as_nothing_and_the_run_says_so(runner: Make, hostile: str, found: str) -> None:
    run = limited(runner(tasks("a"), hostile), "1")
    said = run.run()
    assert "spent $0.00 of $1.00" in said
    assert f"! {found}, so it does not count (write a JSON object of units and amounts to PPROJ_OUTPUTS/" in said
    assert "costUsd" not in status(run)["metrics"]


def test_a_report_that_does_not_count_is_named_also_if_its_attempt_asks(runner: Make) -> None:
    asks = "echo '[5]' > $PPROJ_OUTPUTS/usage.json; echo 'Which port?' > $PPROJ_OUTPUTS/needs-input.md"
    started = runner(tasks("a"), asks).start()
    started.wait_said("! usage.json is not a JSON object")
    started.wait_said("pproj answer demo a")
    started.signal(2)
    started.finish(130)


def test_a_budget_of_the_spec_has_another_limit_by_the_option_and_keeps_the_rest(runner: Make) -> None:
    run = runner(chain("a", "b"), SPENDS)
    run.spec["roles"] = [{"name": "coder"}]
    run.spec["budgets"] = [{"unit": "usd", "limit": "0.5", "perRole": {"coder": "1.1"}}]
    limited(run, "9").run(EXIT_EXHAUSTED)
    assert [row["limit"] for row in status(run)["budgets"]] == ["9", "1.1"]
