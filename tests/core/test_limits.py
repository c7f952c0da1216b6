"""Limits of providers: what one task meets parks its pool; what the provider refuses lowers an adaptive limit."""

import heapq
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parallelproject.core.graph.graph import compile_graph
from parallelproject.core.planner.attempt import Attempt, Phase
from parallelproject.core.planner.constraints.adaptive import risen
from parallelproject.core.planner.constraints.pools import PoolWindow
from parallelproject.core.planner.constraints.shared_limits import Share
from parallelproject.core.planner.plan import Ledger, Plan, plan
from parallelproject.core.planner.simulation import makespan
from parallelproject.core.report.eta import seconds_left
from parallelproject.core.report.status import read_status, render_status
from parallelproject.core.report.why.why import why
from parallelproject.model.names import EX_TEMPFAIL
from parallelproject.model.problem import ProblemsError
from parallelproject.model.spec import Limit, Spec
from parallelproject.model.status import Reason, TaskState
from tests.core.examples import examples
from tests.core.projects import compiled, specs
from tests.core.simulation import Chaos, simulate

CLAUDE, CODEX = {"type": "ClaudeCode"}, {"type": "Codex"}
ROLES = [
    {"name": "coder", "agent": CLAUDE, "limit": "anthropic"},
    {"name": "tester", "agent": CODEX, "limit": "anthropic"},
    {"name": "writer", "agent": CLAUDE},
    {"name": "reader", "agent": CLAUDE},
]
TASKS = [{"id": role["name"][0], "role": role["name"], "estimateSeconds": 10} for role in ROLES]
LIMITS = [{"name": "anthropic"}]


def met(
    reason: str = Reason.RATE_LIMITED, until: float | None = 5000.0, number: int = 1, ended: float = 10.0
) -> Attempt:
    return Attempt(number, Phase.FAILED, False, False, ended - 1, ended, reason, EX_TEMPFAIL, retry_at=until)


def decide(attempts: dict[str, list[Attempt]], now: float, **more: Any) -> tuple[Spec, Plan, list[str]]:
    graph, spec = compiled(**({"tasks": TASKS, "roles": ROLES, "limits": LIMITS, "scheduling": "Graph"} | more))
    found = plan(graph, spec, Ledger(start_time=0.0), attempts, now)
    return spec, found, [graph.ids[launch.task] for launch in found.launches]


@pytest.mark.parametrize("reason", [Reason.RATE_LIMITED, Reason.QUOTA_EXHAUSTED])
def test_a_limit_that_one_task_meets_parks_its_pool_and_no_other(reason: str) -> None:
    _, found, started = decide({"c": [met(reason)]}, 100.0)
    assert started == ["w", "r"]
    assert found.reasons[:2] == [Reason.WAITING_FOR_LIMIT, Reason.WAITING_FOR_LIMIT]
    assert found.wake_at == 5000.0
    assert decide({"c": [met(reason)]}, 5000.0)[2] == ["c", "t", "w", "r"]


def test_without_a_limit_the_tasks_of_one_agent_are_a_pool() -> None:
    assert decide({"w": [met()]}, 100.0)[2] == ["c", "t"]
    agents = [{**role, "limit": None} for role in ROLES]
    assert decide({"w": [met()]}, 100.0, roles=agents, limits=[])[2] == ["t"]


def test_without_roles_all_tasks_are_a_pool() -> None:
    tasks = [{"id": "a"}, {"id": "b"}]
    assert decide({"a": [met()]}, 100.0, tasks=tasks, roles=[], limits=[])[2] == []
    assert decide({"a": [met("ExitCode", None)]}, 10.5, tasks=tasks, roles=[], limits=[])[2] == ["b"]


def test_of_several_limits_the_last_to_end_counts_and_one_without_an_end_doubles() -> None:
    assert decide({"c": [met(until=5000.0)], "t": [met(until=7000.0)]}, 100.0)[1].wake_at == 7000.0
    defaults = {"backoffSeconds": 20}
    assert decide({"c": [met(until=None)]}, 11.0, defaults=defaults)[1].wake_at == 30.0
    again = {"c": [met(until=None), met(until=None, number=2, ended=40.0)]}
    assert decide(again, 41.0, defaults=defaults)[1].wake_at == 80.0


def test_a_limit_of_concurrency_holds_for_all_roles_that_name_it() -> None:
    limits = [{"name": "anthropic", "maxConcurrent": 1}]
    _, found, started = decide({}, 100.0, limits=limits)
    assert started == ["c", "w", "r"]
    assert found.reasons[1] == Reason.WAITING_FOR_LIMIT
    running = Attempt(1, Phase.ACTIVE, True, started=50.0)
    assert decide({"t": [running]}, 100.0, limits=limits)[2] == ["w", "r"]
    graph, spec = compiled(tasks=TASKS, roles=ROLES, limits=limits, scheduling="Graph")
    assert makespan(graph, spec, 4) == 20
    shared = plan(graph, spec, Ledger(), {}, 100.0, Share(0))
    assert set(shared.reasons) == {Reason.WAITING_FOR_CAPACITY}, "what another limit blocks takes no place in a pool"


@examples(40)
@given(
    specs().filter(lambda spec: bool(spec.roles)),
    st.integers(1, 2),
    st.integers(0, 2**32),
    st.sampled_from([Chaos(0.3, 4), Chaos(0.2, 2, restarts=(5, 20))]),
)
def test_no_more_tasks_of_a_limit_run_than_its_cap_at_any_moment(spec: Spec, cap: int, seed: int, chaos: Chaos) -> None:
    roles = [role.model_copy(update={"limit": "all"}) for role in spec.roles]
    spec = spec.model_copy(update={"roles": roles, "limits": [Limit(name="all", max_concurrent=cap)]})
    for launched in simulate(spec, seed, chaos).launches:
        assert len(launched.running) < cap


def test_the_expected_end_counts_the_wait_for_a_limit() -> None:
    graph, spec = compiled(tasks=TASKS, roles=ROLES, limits=LIMITS, scheduling="Graph")
    made = plan(graph, spec, Ledger(start_time=0.0), {"c": [met(until=400.0)]}, 100.0)
    started = {graph.ids[launch.task]: 100.0 for launch in made.launches}
    assert seconds_left(graph, spec, made, started, 100.0) == 310.0
    assert seconds_left(graph, spec, plan(graph, spec, Ledger(), {}, 0.0), {}, 0.0) == 10.0


def answer(task: str, attempts: dict[str, list[Attempt]], now: float, **more: Any) -> str:
    spec, made, _ = decide(attempts, now, **more)
    graph = compile_graph(spec)
    found = why(graph, spec, render_status(graph, spec, made, {}, 1, now, name="p"), task, now)
    return " ".join([found.answer, *found.more])


def test_why_says_which_limit_who_met_it_and_until_when() -> None:
    parked = {"c": [met()]}
    assert answer("t", parked, 1400.0) == (
        "attempt 1 of c met limit anthropic (RateLimited), which costs no attempt none of its tasks starts until "
        "1970-01-01T01:23:20Z, in 1 h 0 min (as its provider said)"
    )
    assert answer("c", parked, 1400.0).startswith("attempt 1 met limit anthropic (RateLimited)")
    assert answer("r", {"w": [met()]}, 1400.0).startswith("attempt 1 of w met a limit of ClaudeCode (RateLimited)")
    assert "(its provider did not say for how long)" in answer("t", {"c": [met(until=None)]}, 11.0)
    full = answer("t", {}, 100.0, limits=[{"name": "anthropic", "maxConcurrent": 1}])
    assert full == "limit anthropic has maxConcurrent 1 and that many are running: c (pending: Starting)"


def test_what_is_wrong_with_a_limit_is_said_with_its_place() -> None:
    limits = [{"name": "a", "maxConcurrent": 2, "adaptive": {"min": 3}}, {"name": "a"}]
    with pytest.raises(ProblemsError) as found:
        compiled(tasks=[{"id": "x"}], roles=[{"name": "r", "limit": "b"}], limits=limits)
    assert [str(problem).split(":")[0] for problem in found.value.problems] == [
        "spec.limits[0].adaptive.min", "spec.limits[1].name", "spec.roles[0].limit",
    ]  # fmt: skip


# -- adaptive


def test_a_window_rises_fast_to_what_was_refused_and_slowly_beyond() -> None:
    window = PoolWindow(base=3, ceiling=6, lowered=0.0, seen=0.0)
    assert [risen(window, n) for n in (0, 1, 2, 3, 51, 52, 57, 58, 59)] == [3, 4, 5, 5, 5, 6, 6, 7, 8]


def test_an_adaptive_pool_is_lowered_and_not_parked_where_the_end_of_a_limit_is_not_known() -> None:
    limits, defaults = [{"name": "anthropic", "adaptive": {}}], {"backoffSeconds": 20}
    refused = [met(until=None), met(until=None, number=2, ended=40.0)]
    _, found, started = decide({"c": refused}, 41.0, limits=limits, defaults=defaults)
    assert started == ["t", "w", "r"]
    assert found.wake_at == 60.0, "its own wait does not double: the pool is lowered instead"
    assert decide({"c": [met()]}, 41.0, limits=limits)[2] == ["w", "r"], "the provider said when its limit is over"


def test_a_refusal_lowers_an_adaptive_limit_once_however_often_it_is_observed() -> None:
    ids = [f"t{i}" for i in range(9)]
    graph, spec = compiled(
        tasks=[{"id": id} for id in ids], parallelism=9,
        roles=[{"name": "r", "agent": CLAUDE, "limit": "p"}], limits=[{"name": "p", "adaptive": {}}],
    )  # fmt: skip
    running = Attempt(1, Phase.ACTIVE, True, started=5.0)
    observed = {id: [running] for id in ids[1:]} | {"t0": [met(until=None)]}
    lowered = plan(graph, spec, Ledger(), observed, 11.0).ledger
    assert lowered.windows["p"].base == 4
    fewer = {id: [Attempt(1, Phase.STOPPED, started=5.0, ended=12.0)] for id in ids[3:]}
    assert plan(graph, spec, lowered, observed | fewer, 13.0).ledger.windows == lowered.windows


class Provider:
    """A world of one pool: each attempt runs for a while, unless the provider refuses it."""

    def __init__(self, count: int, seconds: int, limit: dict[str, Any], parallelism: int = 40) -> None:
        tasks = [{"id": f"t{i}"} for i in range(count)]
        self.graph, self.spec = compiled(
            tasks=tasks,
            parallelism=parallelism,
            roles=[{"name": "r", "agent": CLAUDE, "limit": "p"}],
            limits=[{"name": "p", **limit}],
        )
        self.seconds = seconds
        self.asked: list[tuple[float, bool]] = []
        """When each attempt started, and whether the provider refused it."""

    def run(self, refuses: Callable[[float, int], float | bool | None], reason: str = Reason.RATE_LIMITED) -> float:
        """Runs to the end; gives the time that it took.

        Args:
            refuses: By time and number of those that run: False, or when it said that its limit is over, or None.
            reason: Why it refuses.
        """
        ledger, now = Ledger(), 0.0
        seen: dict[str, tuple[Attempt, ...]] = {}
        queue: list[tuple[float, int, int, Attempt | None]] = []
        while True:
            made = plan(self.graph, self.spec, ledger, seen, now)
            ledger = made.ledger
            if made.completed:
                assert all(state is TaskState.SUCCEEDED for state in made.states)
                return now
            for task, number in made.launches:
                running = sum(attempts[-1].running for attempts in seen.values())
                said = refuses(now, running)
                began = Attempt(number, Phase.ACTIVE, True, started=now)
                if said is False:
                    took, end = self.seconds + task % 7, began._replace(phase=Phase.SUCCEEDED, running=False)
                else:
                    took = 2 + task / 1000
                    until = None if said is True else said
                    end = began._replace(phase=Phase.FAILED, running=False, reason=reason)
                    end = end._replace(exit_code=EX_TEMPFAIL, retry_at=until)
                self.asked.append((now, said is not False))
                seen[self.graph.ids[task]] = (*seen.get(self.graph.ids[task], ()), began)
                heapq.heappush(queue, (now + took, len(self.asked), task, end._replace(ended=now + took)))
            if made.wake_at is not None:
                heapq.heappush(queue, (made.wake_at, -1, -1, None))
            now, _, task, end = heapq.heappop(queue)
            if end is not None:
                seen[self.graph.ids[task]] = (*seen[self.graph.ids[task]][:-1], end)


ADAPTIVE = {"maxConcurrent": 40, "adaptive": {"min": 1}}


@pytest.mark.sampled(3)
@pytest.mark.parametrize("reason", [Reason.RATE_LIMITED, Reason.TRANSIENT])
@pytest.mark.parametrize("allowed", [1, 5, 13])
@pytest.mark.parametrize("limit", [ADAPTIVE, {"adaptive": {}}], ids=["with a maximum", "without"])
def test_an_adaptive_limit_finds_what_a_silent_provider_allows(
    allowed: int, reason: str, limit: dict[str, Any]
) -> None:
    count, seconds = 40 * allowed, 60
    best = Provider(count, seconds, {"maxConcurrent": allowed}).run(lambda _, running: False)
    world = Provider(count, seconds, limit)
    took = world.run(lambda _, running: running >= allowed, reason)
    later = [refused for at, refused in world.asked if at > 60]
    assert best / took >= 0.9
    assert sum(later) <= 0.05 * len(later)


def test_an_adaptive_limit_is_as_good_as_the_best_fixed_one_for_forty_tasks() -> None:
    def refuses(_: float, running: int) -> bool:
        return running >= 5

    fixed = [Provider(40, 60, {"maxConcurrent": most}).run(refuses) for most in range(3, 8)]
    world = Provider(40, 60, ADAPTIVE)
    assert min(fixed) / world.run(refuses) >= 0.9
    later = [refused for at, refused in world.asked if at > 60]
    assert sum(later) <= 0.05 * len(later)


def test_an_adaptive_limit_rises_again_when_the_provider_allows_more() -> None:
    world = Provider(400, 60, ADAPTIVE)
    took = world.run(lambda now, running: running >= (3 if now < 300 else 40))
    assert took < Provider(400, 60, {"maxConcurrent": 8}).run(lambda *_: False)


@pytest.mark.parametrize("limit", [ADAPTIVE, {"maxConcurrent": 8}, {}])
def test_a_provider_that_says_when_is_asked_nothing_until_then(limit: dict[str, Any]) -> None:
    world = Provider(60, 30, limit, parallelism=8)
    world.run(lambda now, _: 290.0 if 200 <= now < 290 else False)
    refused = [at for at, was_refused in world.asked if was_refused]
    assert refused
    assert not [at for at, _ in world.asked if refused[0] + 3 < at < 290]
    assert len(refused) <= 8


def test_an_adaptive_limit_is_never_lowered_below_its_least() -> None:
    world = Provider(10, 30, {"maxConcurrent": 8, "adaptive": {"min": 3}})
    most: dict[float, int] = {}

    def refuses(now: float, running: int) -> bool:
        most[now] = max(most.get(now, 0), running + 1)
        return now < 300

    world.run(refuses)
    refused = {at for at, was_refused in world.asked if was_refused}
    assert max(count for at, count in most.items() if at in refused and at > 100) == 3


def test_a_retry_ends_the_limit_for_all_until_it_is_met_again() -> None:
    retries = [{"id": "c", "forgiveDeferrals": 1}]
    assert decide({"c": [met()]}, 100.0, retries=retries)[2] == ["c", "t", "w", "r"]
    assert decide({"c": [met(), met(number=2)]}, 100.0, retries=retries)[2] == ["w", "r"]
    later = [met(Reason.TRANSIENT, None)]
    assert decide({"c": later}, 10.0, retries=retries)[2] == ["c", "t", "w", "r"]
    assert decide({"c": later}, 10.0)[2] == ["t", "w", "r"]


def test_a_lowered_limit_is_read_from_the_status_after_a_restart() -> None:
    ids = [f"t{i}" for i in range(9)]
    graph, spec = compiled(
        tasks=[{"id": id} for id in ids], parallelism=9,
        roles=[{"name": "r", "agent": CLAUDE, "limit": "p"}], limits=[{"name": "p", "adaptive": {}}],
    )  # fmt: skip
    running = Attempt(1, Phase.ACTIVE, True, started=5.25)
    observed = {id: [running] for id in ids[1:]} | {"t0": [met(until=None, ended=10.5)]}
    made = plan(graph, spec, Ledger(start_time=0.0), observed, 11.75)
    before = read_status(render_status(graph, spec, made, {}, 1, 11.75, name="p"))
    assert before.windows["p"][:2] == made.ledger.windows["p"][:2] == (4, 9)
    again = plan(graph, spec, before, observed, 13.0)
    assert again.ledger.windows == before.windows, "what has lowered it does not lower it again"
    assert not again.launches
    late = met(until=None, ended=12.5)._replace(started=10.25)  # in the second in which it was lowered, and before that
    for prior in (made.ledger, before):
        found = plan(graph, spec, prior, observed | {"t1": [late]}, 13.0).ledger.windows["p"]
        assert (found.base, found.ceiling) == (4, 8), "it shows more exactly how many were too many"
        assert found.lowered == prior.windows["p"].lowered, "it had started before, so it does not lower it again"
