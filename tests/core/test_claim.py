"""What an attempt holds, as text and as a sum."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parallelproject.core.planner.attempt import Attempt, Phase
from parallelproject.core.planner.claim import Claim, claim_of
from parallelproject.core.planner.plan import Ledger, plan
from parallelproject.core.planner.snapshot import Snapshot
from tests.core.projects import compiled

claims = st.builds(
    Claim,
    st.none() | st.from_regex(r"[a-z]([-a-z0-9]{0,20}[a-z0-9])?", fullmatch=True),
    st.lists(st.text(min_size=1, max_size=20).map(lambda text: text.replace("\r", "")).filter(bool), max_size=4).map(
        tuple
    ),
    st.integers(0, 9),
    st.booleans(),
    st.sampled_from(["", "review", "unit-tests"]),
)


@given(claims)
def test_a_claim_is_what_its_text_says(claim: Claim) -> None:
    assert Claim.from_json(claim.to_json()) == claim


def test_a_claim_says_only_what_is_not_as_always() -> None:
    assert Claim().to_json() == "{}"
    assert Claim("coder", ("src/ä.py",)).to_json() == '{"role":"coder","files":["src/ä.py"]}'


@pytest.mark.parametrize(
    ("text", "claim"),
    [
        ("coder\nsrc/a.py\ndocs/**", Claim("coder", ("src/a.py", "docs/**"))),
        ("coder", Claim("coder")),
        ("\nsrc/a.py", Claim(None, ("src/a.py",))),
        ("", None),
    ],
)
def test_the_text_of_a_job_of_the_last_release_is_still_read(text: str, claim: Claim | None) -> None:
    assert Claim.from_json(text) == claim


@pytest.mark.parametrize(
    ("text", "claim"),
    [
        ("{", None),
        ("[" * 100_000, Claim()),
        ("r" * 64, Claim()),
        ('{"role": 1, "files": "x", "slots": "y"}', Claim()),
        ('{"files": [1, "", "x", null], "slots": 0, "pool": "gpu"}', Claim(None, ("x",), 0)),
        ('{"slots": 1e99}', Claim()),
        ('{"slots": -5, "role": "r"}', Claim("r")),
    ],
)
def test_what_others_have_made_of_a_claim_does_no_harm(text: str, claim: Claim | None) -> None:
    assert Claim.from_json(text) == claim


def test_a_claim_cannot_hold_more_than_ours_do() -> None:
    many = Claim.from_json(Claim("r", tuple(f"f{i}" for i in range(1000)), 5000).to_json())
    assert many is not None
    assert (len(many.files), many.slots) == (100, 1)


def active(claim: Claim | None) -> tuple[Attempt, ...]:
    return (Attempt(1, Phase.ACTIVE, running=True, started=1.0, claim=claim),)


TASKS = [
    {"id": "a", "role": "x", "files": ["src/"]},
    {"id": "b", "role": "x", "files": ["docs/x.md"]},
    {"id": "c", "role": "y"},
]
ROLES = [{"name": "x", "maxConcurrent": 2}, {"name": "y"}]


def usage(seen: dict[str, tuple[Attempt, ...]]) -> tuple[int, dict[Any, int], set[str]]:
    graph, _ = compiled(tasks=TASKS, roles=ROLES)
    found = Snapshot.of(graph, {}, seen).usage
    return found.slots, found.roles, {graph.locks.patterns[pattern] for pattern in found.patterns}


def test_usage_is_the_sum_of_the_claims_of_active_attempts() -> None:
    graph, _ = compiled(tasks=TASKS, roles=ROLES)
    own = {task: active(claim_of(graph, i)) for i, task in enumerate(graph.ids)}
    assert usage(own) == usage({task: active(None) for task in graph.ids}) == (3, {"x": 2, "y": 1}, set())
    assert usage({"c": active(Claim("x", ("docs/*.md",), 4))}) == (4, {"x": 4}, {"docs/x.md"})
    assert usage({"gone": active(Claim("x", ("src/a.py", "docs/x.md")))}) == (1, {"x": 1}, {"src/**", "docs/x.md"})
    assert usage({"gone": active(None)}) == (1, {None: 1}, set())


def test_an_attempt_of_more_slots_leaves_less_to_others() -> None:
    graph, spec = compiled(tasks=TASKS, roles=ROLES, parallelism=3)
    made = plan(graph, spec, Ledger(), {"c": active(Claim("y", (), 2))}, 10.0)
    assert [graph.ids[launch.task] for launch in made.launches] == ["a"]
    assert (made.running, made.reasons[1]) == (3, "WaitingForSlot")
