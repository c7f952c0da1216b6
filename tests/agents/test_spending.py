"""What agents have used is summed over all attempts and sessions, and shown by the run, its status and ``get``."""

import json
from typing import Any

import pytest

from parallelproject.local.agents.spending import Spending
from parallelproject.local.start import EXIT_EXHAUSTED
from parallelproject.model.spec import Budget
from tests.agents.conftest import Stage
from tests.agents.test_local_run import WRITE
from tests.cli.conftest import Pproj, pproj

__all__ = ["pproj"]
KNOWN = {"usage": {"m": {"inputTokens": 10, "outputTokens": 3, "cacheReadTokens": 5, "cacheWriteTokens": None}}}


@pytest.mark.parametrize(
    ("records", "text", "gap", "metrics"),
    [
        ([], "", "", {}),
        ([{}], "", "", {}),
        (
            [{**KNOWN, "costUsd": 0.5}, {**KNOWN, "costUsd": 1.25}],
            "30 tokens in, 6 out, $1.75",
            "",
            {"inputTokens": 30, "outputTokens": 6, "costUsd": "1.7500"},
        ),
        ([KNOWN], "15 tokens in, 3 out", "", {"inputTokens": 15, "outputTokens": 3}),
        (
            [KNOWN, {**KNOWN, "costUsd": 0.0021}],
            "30 tokens in, 6 out, $0.0021",
            "the cost of 1 of 2 attempts is not known",
            {"inputTokens": 30, "outputTokens": 6, "costUsd": "0.0021"},
        ),
        (
            [KNOWN, {"usage": {"m": {"inputTokens": None, "outputTokens": None}}}],
            "15 tokens in, 3 out",
            "the tokens of 1 of 2 attempts are not known",
            {"inputTokens": 15, "outputTokens": 3},
        ),
    ],
)
def test_what_is_not_known_is_no_zero(
    records: list[dict[str, Any]], text: str, gap: str, metrics: dict[str, Any]
) -> None:
    found = Spending.sum_of(map(Spending.of, records))
    assert (found.text, found.gap, found.usage.shown()) == (text, gap, metrics)


@pytest.mark.parametrize("lands", [True, False])
def test_tokens_and_cost_of_all_attempts_are_in_the_summary_the_status_and_get(
    stage: Stage, lands: bool, pproj: Pproj
) -> None:
    stage.scene("a.1", code=3)  # a clean end, and an exit code that is none
    stage.scene("a.2", do=WRITE)
    stage.scene("b", do=WRITE)
    run = stage.run([{"id": "a"}, {"id": "b"}], lands=lands)
    said = run.run()
    assert "  agents used 840 tokens in, 120 out, $0.0061\n" in said.replace("\x1b[0m", "")
    lines = {line.split()[0]: line for line in said[said.index("Times of the last attempts") :].splitlines() if line}
    assert "attempt 2, 560 tokens in, 80 out, $0.0041" in lines["a"]
    assert "280 tokens in, 40 out, $0.0020" in lines["b"]
    metrics = json.loads((run.state / "status.json").read_text())["metrics"]
    assert [metrics[key] for key in ("inputTokens", "outputTokens", "costUsd")] == [840, 120, "0.0061"]
    shown = pproj("get", "--state-dir", run.state)
    assert "Agents used:  840 tokens in, 120 out, $0.0061\n" in shown.out
    # The next session counts what the earlier one has used, and nothing twice.
    assert "succeeded already" in run.run()
    assert json.loads((run.state / "status.json").read_text())["metrics"]["inputTokens"] == 840
    rows = {line.split()[0]: line.split() for line in shown.out[shown.out.index("COST") :].splitlines() if line}
    assert [word for word in rows["a"] if "$" in word] == ["$0.0041"]
    assert [word for word in rows["b"] if "$" in word] == ["$0.0020"]


def test_the_most_that_an_attempt_may_cost_is_given_to_the_agent(stage: Stage) -> None:
    stage.scene("a", do=WRITE)
    agent: dict[str, Any] = {"type": "ClaudeCode", "maxCost": {"usd": "2.50"}, "args": ["--x"]}
    stage.run({"tasks": [{"id": "a"}], "roles": [{"name": "coder", "agent": agent}]}, agent=None).run()
    assert stage.seen("a.1", "args").split()[-3:] == ["--max-budget-usd", "2.50", "--x"]


def test_the_cost_that_agents_report_is_held_against_the_budget(stage: Stage) -> None:
    for task in "abcd":
        stage.scene(task, do=WRITE)  # $0.00204 each
    run = stage.run([{"id": task} for task in "abcd"], lands=True)
    run.options |= {"parallelism": 1, "budgets": [Budget(unit="usd", limit="0.005")]}
    assert "spent $0.00408 of $0.005" in run.run(EXIT_EXHAUSTED)
    assert stage.checkout.git("log", "--format=%s", "parallel/demo", "-2").split() == ["b", "a"]
    run.options["budgets"] = [Budget(unit="tokens", limit="5000")]
    assert "spent 1,280 of 5,000 tokens" in run.run()
