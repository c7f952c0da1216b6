"""What agents used is counted once, however often an attempt is observed, and survives in the status."""

from collections import Counter
from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from parallelproject.core.graph.graph import compile_graph
from parallelproject.core.planner.agent_usage import AgentUsage, sum_of
from parallelproject.core.planner.attempt import NEW, Attempt, Phase, Record, settle
from parallelproject.core.planner.plan import Ledger, plan
from parallelproject.core.report.status import read_status, rejected_status, render_row, render_status
from parallelproject.model.problem import Problem
from parallelproject.model.project import parse_spec
from parallelproject.model.status import Reason, Status, TaskStatus

COUNTS = st.none() | st.integers(0, 10**9)
USAGES = st.none() | st.builds(
    AgentUsage,
    COUNTS,
    COUNTS,
    st.none() | st.integers(0, 10**6).map(lambda n: Decimal(n) / 4),
    st.lists(st.sampled_from(["tokens", "gpu-hours", *(f"n{i:02}" for i in range(20))]), max_size=20, unique=True).map(
        lambda names: tuple((name, Decimal("0.5")) for name in sorted(names))
    ),
)

JSON = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.floats().map(str)


def ended(number: int, phase: Phase, usage: AgentUsage | None, **more: Any) -> Attempt:
    return Attempt(number, phase, started=1.0, ended=2.0, usage=usage, **more)


@given(st.lists(USAGES, min_size=1, max_size=5), st.data())
def test_each_attempt_counts_once_in_any_order_of_observations(
    used: list[AgentUsage | None], data: st.DataObject
) -> None:
    phases = [data.draw(st.sampled_from([Phase.FAILED, Phase.STOPPED])) for _ in used[1:]] + [Phase.SUCCEEDED]
    attempts = [
        ended(i, phase, usage, reason="x") for i, (phase, usage) in enumerate(zip(phases, used, strict=True), 1)
    ]
    record = NEW
    for i in range(1, len(attempts) + 1):
        first = data.draw(st.integers(0, i - 1))  # those before may be gone, or be observed again
        for _ in range(data.draw(st.integers(1, 2))):
            record = settle(record, attempts[first:i])
    assert record.usage == sum_of(used)


MANY = {f"n{i:02}": i + 1 for i in range(20)}


@given(st.lists(st.dictionaries(st.sampled_from(["usd", "tokens", "zzz", *MANY]), st.integers(1, 9)), max_size=6))
def test_the_units_of_budgets_never_fall_and_the_status_stays_valid_however_many_are_reported(
    reports: list[dict[str, int]],
) -> None:
    budgets = [{"unit": unit, "limit": "1000000"} for unit in ("usd", "tokens", "zzz")]
    spec = parse_spec({"tasks": [{"id": f"t{i}"} for i in range(len(reports) + 1)], "budgets": budgets})
    graph, ledger, seen = compile_graph(spec), Ledger(), dict[str, list[Attempt]]()
    total: Counter[str] = Counter()
    for i, report in enumerate(reports):
        seen[f"t{i}"] = [ended(1, Phase.SUCCEEDED, AgentUsage.reported(report))]
        total.update(report)
        status = render_status(graph, spec, plan(graph, spec, ledger, seen, 3.0), {}, 1, 3.0, name="shop")
        assert Status.model_validate(status)
        assert {row["unit"]: int(row["spent"]) for row in status["budgets"]} == {
            unit: total[unit] for unit in ("usd", "tokens", "zzz")
        }
        ledger = read_status(status)
    rejected = rejected_status([Problem("spec", "is wrong")], status, {}, 2, 4.0) if reports else {}
    assert Status.model_validate(rejected)
    spent = [row for row in rejected.get("spending", ()) if "tokens" in row.get("usage", {})]
    assert sum(int(row["usage"]["tokens"]) for row in spent) == total["tokens"]


def test_what_a_task_has_spent_stays_when_it_reports_many_units() -> None:
    first, second = AgentUsage.reported({"tokens": 900, "zzz": 7}), AgentUsage.reported(MANY | {"zzz": 1})
    record = settle(NEW, [ended(1, Phase.FAILED, first, reason="x"), ended(2, Phase.SUCCEEDED, second)])
    assert record.usage is not None
    assert (record.usage.amount("tokens"), record.usage.amount("zzz")) == (900, 8)
    row = render_row("a", record.state, 0, None, record)
    assert TaskStatus.model_validate(row).usage == row["usage"]
    assert row["usage"]["tokens"] == "900"


def test_one_that_is_deferred_counts_too() -> None:
    first = ended(1, Phase.FAILED, AgentUsage(5, 6, Decimal("0.25")), reason=Reason.RATE_LIMITED, exit_code=75)
    assert settle(NEW, [first]).usage == AgentUsage(5, 6, Decimal("0.25"))


def test_what_is_known_with_a_late_commit_counts_once() -> None:
    done = Record(settle(NEW, [ended(1, Phase.SUCCEEDED, None)]).state, 1)
    late = ended(1, Phase.SUCCEEDED, AgentUsage(1, 2, None), commit="abc")
    found = settle(settle(done, [late]), [late])
    assert (found.commit, found.usage) == ("abc", AgentUsage(1, 2, None))


def test_the_status_has_it_by_task_and_in_all_and_a_restart_goes_on_from_there() -> None:
    spec = parse_spec({"tasks": [{"id": "a"}, {"id": "b"}, {"id": "c"}]})
    graph = compile_graph(spec)
    attempts = {
        "a": [ended(1, Phase.SUCCEEDED, AgentUsage(100, 10, Decimal("0.5")))],
        "b": [ended(1, Phase.FAILED, AgentUsage(7, None, None), reason="ExitCode", exit_code=1)],
    }
    status = render_status(graph, spec, plan(graph, spec, Ledger(), attempts, 3.0), {}, 1, 3.0, name="p")
    rows = {row["id"]: row for row in status["tasks"]}
    assert (rows["a"]["inputTokens"], rows["a"]["outputTokens"], rows["a"]["costUsd"]) == (100, 10, "0.5000")
    assert (rows["b"]["inputTokens"], "costUsd" in rows["b"], "inputTokens" in rows["c"]) == (7, False, False)
    metrics = status["metrics"]
    assert (metrics["inputTokens"], metrics["outputTokens"], metrics["costUsd"]) == (107, 10, "0.5000")
    again = read_status(status)
    assert again.records["a"].usage == AgentUsage(100, 10, Decimal("0.5"))
    later = plan(
        graph, spec, again, {"b": [*attempts["b"], ended(2, Phase.SUCCEEDED, AgentUsage(1, 1, Decimal("0.25")))]}, 9.0
    )
    assert later.ledger.records["b"].usage == AgentUsage(8, 1, Decimal("0.25"))


def test_fields_of_another_shape_count_as_absent() -> None:
    assert AgentUsage.read({"inputTokens": "many", "outputTokens": None, "costUsd": "free"}) is None
    assert AgentUsage.read({"costUsd": "0.25"}) == AgentUsage(None, None, Decimal("0.25"))


@given(st.lists(st.dictionaries(st.sampled_from(["inputTokens", "outputTokens", "costUsd"]), JSON), max_size=4))
def test_a_sum_of_anything_fits_into_the_status(rows: list[dict[str, Any]]) -> None:
    total = sum_of(AgentUsage.read(row) for row in rows)
    shown = total.shown() if total else {}
    assert all(0 <= shown[key] <= 2**53 - 1 for key in ("inputTokens", "outputTokens") if key in shown)
    assert 0 <= float(shown.get("costUsd", 0)) < 1e13


def test_a_sum_of_the_largest_counts_is_the_largest() -> None:
    most = {"inputTokens": 2**53 - 1, "outputTokens": 2**53 - 2, "costUsd": "999999999999"}
    total = sum_of([AgentUsage.read(most), AgentUsage.read(most)])
    assert total is not None
    assert total.shown() == {"inputTokens": 2**53 - 1, "outputTokens": 2**53 - 1, "costUsd": "1000000000000.0000"}
