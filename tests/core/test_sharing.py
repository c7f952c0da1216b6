"""The laws of what projects share: no limit broken, nothing left unused, nobody starved."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from parallelproject.core.planner.constraints.shared_limits import Demand, Limits, Share, shares
from parallelproject.model.status import Reason

NAMESPACES = ("a", "b", "c")

demands = st.dictionaries(
    st.integers(0, 30),
    st.builds(
        Demand,
        namespace=st.sampled_from(NAMESPACES),
        priority=st.integers(0, 4),
        since=st.integers(0, 9).map(str),
        running=st.integers(0, 6),
        wanted=st.integers(0, 8),
        name=st.just("p"),
        suspends_others=st.booleans().filter(lambda on: not on) | st.integers(0, 9).map(lambda n: n == 0),
    ),
    max_size=12,
)
most = st.none() | st.integers(0, 20)
limits = st.builds(
    Limits,
    total=most,
    namespace=most,
    namespaces=st.dictionaries(st.sampled_from(NAMESPACES), st.integers(0, 9)),
    priorities=st.dictionaries(st.sampled_from(NAMESPACES), st.integers(0, 4)),
)
gone = st.dictionaries(st.sampled_from(NAMESPACES), st.integers(0, 4))


def loads(found: dict[int, Demand], given: dict[int, Share], gone: dict[str, int]) -> Counter[str]:
    """By namespace, what is running when all start what they may."""
    load = Counter(gone)
    for key, demand in found.items():
        load[demand.namespace] += demand.running + given[key].room
    return load


def suspended(found: dict[int, Demand], limits: Limits, key: int) -> bool:
    mine = found[key]
    own = limits.priority(mine.namespace, mine.priority)
    return any(
        other.suspends_others and limits.priority(other.namespace, other.priority) < own
        for other in found.values()
        if other.namespace == mine.namespace
    )


@given(demands, limits, gone)
def test_no_limit_is_broken_by_what_starts(found: dict[int, Demand], limits: Limits, gone: dict[str, int]) -> None:
    given_ = shares(found, limits, gone)
    before, after = loads(found, dict.fromkeys(found, Share(0)), gone), loads(found, given_, gone)
    for key, demand in found.items():
        assert 0 <= given_[key].room <= demand.wanted
        if suspended(found, limits, key):
            assert given_[key][:2] == (0, Reason.WAITING_FOR_PROJECT)
    for name in NAMESPACES:
        limit = limits.of(name)
        assert limit is None or after[name] <= max(limit, before[name])
    assert limits.total is None or after.total() <= max(limits.total, before.total())


@given(demands, limits, gone)
def test_nothing_that_is_free_is_left_unused(found: dict[int, Demand], limits: Limits, gone: dict[str, int]) -> None:
    given_ = shares(found, limits, gone)
    load = loads(found, given_, gone)
    for key, demand in found.items():
        if given_[key].room < demand.wanted and not suspended(found, limits, key):
            limit = limits.of(demand.namespace)
            full = limit is not None and load[demand.namespace] >= limit
            assert full or (limits.total is not None and load.total() >= limits.total)
            assert given_[key].reason is Reason.WAITING_FOR_CAPACITY
            assert given_[key].message


@given(demands, limits, gone)
def test_who_goes_without_has_no_lower_priority_and_no_less_than_who_gets(
    found: dict[int, Demand], limits: Limits, gone: dict[str, int]
) -> None:
    given_ = shares(found, limits, gone)
    load = loads(found, given_, gone)

    def rank(key: int) -> int:
        return limits.priority(found[key].namespace, found[key].priority)

    short = [k for k, d in found.items() if given_[k].room < d.wanted and not suspended(found, limits, k)]
    for poor in short:
        limit = limits.of(found[poor].namespace)
        is_kept_by_namespace = limit is not None and load[found[poor].namespace] >= limit
        for rich in (key for key in found if given_[key].room):
            if is_kept_by_namespace and found[rich].namespace != found[poor].namespace:
                continue
            assert rank(rich) <= rank(poor)
            if rank(rich) == rank(poor):
                assert found[rich].running + given_[rich].room <= found[poor].running + given_[poor].room + 1


@given(demands, limits, gone)
def test_the_same_facts_give_the_same_shares(found: dict[int, Demand], limits: Limits, gone: dict[str, int]) -> None:
    assert shares(found, limits, gone) == shares(dict(found), limits, dict(gone))


def demand(name: str, wanted: int, running: int = 0, **fields: object) -> Demand:
    return Demand("a", **{"priority": 2, "since": "1", "running": running, "wanted": wanted, "name": name, **fields})  # type: ignore[arg-type]


def room(limits: Limits, **found: Demand) -> dict[str, int]:
    return {name: share.room for name, share in shares(found, limits).items()}


def test_a_large_project_does_not_starve_small_ones():
    small = {f"s{i}": demand(f"s{i}", 10, since="2") for i in range(50)}
    assert room(Limits(51), large=demand("large", 500), **small) == dict.fromkeys(["large", *small], 1)
    assert room(Limits(60), large=demand("large", 450, running=50), **small)["large"] == 0


def test_the_highest_priority_goes_first_and_the_oldest_of_equals():
    urgent = demand("urgent", 5, priority=0, since="9")
    assert room(Limits(6), urgent=urgent, other=demand("other", 5)) == {"urgent": 5, "other": 1}
    assert room(Limits(1), new=demand("new", 1, since="2"), old=demand("old", 1, since="1")) == {"new": 0, "old": 1}


def test_a_namespace_may_bound_the_priority_of_its_projects():
    bold = Demand("b", 0, "0", 0, 4)
    assert room(Limits(4, priorities={"b": 3}), bold=bold, modest=demand("modest", 4)) == {"bold": 0, "modest": 4}


def test_a_project_that_suspends_others_stands_alone_until_it_is_done():
    first = demand("first", 1, priority=0, suspends_others=True)
    told = shares({"first": first, "other": demand("other", 3), "far": Demand("b", 2, "1", 0, 3)}, Limits())
    assert {name: share.room for name, share in told.items()} == {"first": 1, "other": 0, "far": 3}
    assert told["other"].message == "project first goes first (suspendOthers)"
