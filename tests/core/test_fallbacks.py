"""While the limit of a role is used up for long, the first of its fallbacks whose own limit is not runs its tasks."""

from typing import Any

import pytest

from parallelproject.core.planner.attempt import Attempt, Phase
from parallelproject.core.planner.claim import Claim
from parallelproject.core.planner.plan import Ledger, Plan, plan
from parallelproject.core.report.status import read_status, render_status
from parallelproject.core.report.why.why import why
from parallelproject.model.names import EX_TEMPFAIL
from parallelproject.model.problem import ProblemsError
from parallelproject.model.status import Reason
from tests.core.projects import compiled

ROLES: list[dict[str, Any]] = [
    {"name": "coder", "agent": {"type": "ClaudeCode"}, "fallbacks": ["codex", "gemini"], "fallbackAfterSeconds": 600},
    {"name": "codex", "agent": {"type": "Codex"}, "maxConcurrent": 1},
    {"name": "gemini", "agent": {"type": "Gemini"}},
]
TASKS = [{"id": task, "role": "coder"} for task in "abc"]
BEGIN = Ledger(start_time=0.0)
SPEC = {"tasks": TASKS, "roles": ROLES, "scheduling": "Graph"}


def met(until: float | None, number: int = 1, fallback: str | None = None) -> Attempt:
    return Attempt(
        number, Phase.FAILED, False, False, 9.0, 10.0, Reason.RATE_LIMITED, EX_TEMPFAIL, retry_at=until,
        fallback=fallback,
    )  # fmt: skip


def decide(
    attempts: dict[str, list[Attempt]], now: float = 100.0, prior: Ledger = BEGIN, **more: Any
) -> tuple[Plan, list[str], Any]:
    graph, spec = compiled(**(SPEC | more))
    found = plan(graph, spec, prior, attempts, now)

    def explained(task: str) -> str:
        status = render_status(graph, spec, found, {}, 1, now, name="p")
        answer = why(graph, spec, status, task, now)
        return "; ".join((answer.answer, *answer.more))

    return found, [graph.ids[launch.task] for launch in found.launches], explained


def test_a_fallback_runs_the_tasks_within_its_own_limits() -> None:
    found, started, _ = decide({"a": [met(1000.0)]})
    assert (dict(found.acting), started) == ({"coder": "codex"}, ["a"])
    assert found.reasons[1] == Reason.WAITING_FOR_ROLE


def test_the_limit_is_remembered_while_the_fallback_runs_and_after_it_has_succeeded() -> None:
    limit = {"coder": "codex"}
    first = decide({"a": [met(1000.0)]})[0].ledger
    running = Attempt(2, Phase.ACTIVE, True, started=100.0, claim=Claim("codex"), fallback="codex")
    found, started, explained = decide({"a": [met(1000.0), running]}, prior=first)
    assert (dict(found.acting), started) == (limit, [])
    assert "role codex runs it: the limit of role coder is used up for too long" in explained("a")
    done = running._replace(phase=Phase.SUCCEEDED, running=False, ended=101.0)
    found, started, _ = decide({"a": [met(1000.0), done]}, prior=found.ledger)
    assert (dict(found.acting), started) == (limit, ["b"])
    found, started, explained = decide({"a": [met(1000.0), done]}, 500.0, prior=found.ledger)
    assert (dict(found.acting), started) == ({}, []), "the rest of the wait is short"
    assert "none of its tasks starts until 1970-01-01T00:16:40Z" in explained("c")
    assert decide({"a": [met(1000.0), done]}, 1000.0, prior=found.ledger)[1] == ["b", "c"]


def test_a_running_fallback_holds_its_role_and_not_the_one_of_the_task() -> None:
    running = Attempt(2, Phase.ACTIVE, True, started=100.0, claim=Claim("codex"), fallback="codex")
    _, started, explained = decide({"a": [met(1000.0), running], "b": [met(1000.0)]})
    assert started == []
    assert explained("c").startswith("role codex has maxConcurrent 1 and that many are running: a (")


@pytest.mark.parametrize(("until", "acting"), [(700.0, {}), (701.0, {"coder": "codex"})])
def test_a_short_wait_is_no_reason(until: float, acting: dict[str, str]) -> None:
    found, _, explained = decide({"a": [met(until)]})
    assert dict(found.acting) == acting
    assert ("the wait is not longer than 10 min" in explained("b")) == (not acting)


def test_the_next_fallback_runs_them_where_the_first_is_used_up_as_well() -> None:
    attempts = {"a": [met(1000.0)], "b": [met(1000.0, 1, "codex")]}
    found, started, _ = decide(attempts)
    assert (dict(found.acting), started) == ({"coder": "gemini"}, ["a", "b", "c"])
    found, started, explained = decide({**attempts, "c": [met(900.0, 1, "gemini")]})
    assert (dict(found.acting), started, found.wake_at) == ({}, [], 1000.0)
    assert "the fallbacks of role coder wait for a limit as well: codex, gemini" in explained("c")


def test_one_of_the_same_limit_is_none() -> None:
    roles = [{**role, "limit": "all"} for role in ROLES[:2]] + ROLES[2:]
    found, _, _ = decide({"a": [met(1000.0)]}, roles=roles, limits=[{"name": "all"}])
    assert dict(found.acting) == {"coder": "gemini"}


def test_a_fallback_whose_key_is_refused_is_not_used_again() -> None:
    refused = Attempt(2, Phase.FAILED, False, False, 9.0, 10.0, Reason.AGENT_AUTH, 1, fallback="codex")
    found, started, _ = decide({"a": [met(1000.0)], "b": [refused]}, failurePolicy="Continue")
    assert (dict(found.acting), started) == ({"coder": "gemini"}, ["a", "c"])


def test_the_status_says_which_role_it_was() -> None:
    found, _, _ = decide({"a": [met(1000.0, 1, "codex")]})
    graph, spec = compiled(**SPEC)
    status = render_status(graph, spec, found, {}, 1, 100.0, name="p")
    assert status["tasks"][0]["fallback"] == "codex"
    read = read_status(status)
    assert (read.records["a"], read.met) == (found.ledger.records["a"], found.ledger.met)


@pytest.mark.parametrize("names", [["nobody"], ["coder"], ["codex", "codex"], ["plain"]])
def test_wrong_ones_are_refused(names: list[str]) -> None:
    roles = [{**ROLES[0], "fallbacks": names}, *ROLES[1:], {"name": "plain"}]
    with pytest.raises(ProblemsError, match=r"spec\.roles\[0\]\.fallbacks\["):
        compiled(**(SPEC | {"roles": roles}))


def test_a_retry_ends_the_limit_also_where_a_fallback_has_taken_over() -> None:
    first = decide({"a": [met(1000.0)]})[0].ledger
    running = Attempt(2, Phase.ACTIVE, True, started=100.0, claim=Claim("codex"), fallback="codex")
    retries = [{"id": "a", "forgiveDeferrals": 1}]
    found, started, _ = decide({"a": [met(1000.0), running]}, prior=first, retries=retries)
    assert (dict(found.acting), started) == ({}, ["b", "c"])
