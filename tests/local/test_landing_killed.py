"""kill -9 at any call of git, of whoever is there to be killed; then the run goes on: every task is one commit."""

from collections.abc import Callable
from pathlib import Path

import pytest

from parallelproject.local.delivery import attempts as delivery
from tests.local import landing_points
from tests.local.checkout import LINES, Checkout, Striker
from tests.local.runner import Runner, tasks, until

Make = Callable[..., Runner]

pytestmark = pytest.mark.timeout(1200)

_CHILD = "read {to} rest < /proc/{of}/task/{of}/children"
_GUARD = f"{_CHILD.format(to='guard', of='$engine')}; {_CHILD.format(to='supervisor', of='$guard')}"
VICTIMS = {
    "engine": "kill -9 $engine",
    "supervisor": f"{_GUARD}; kill -9 $supervisor",
    "engine and supervisor": f"{_GUARD}; kill -9 $engine $supervisor",
    "all": f"{_GUARD}; kill -STOP $engine $guard $supervisor; kill -9 $supervisor $guard $engine",
    "attempt": "kill -9 $PPID",
}
EDIT = (
    'echo "start $PPROJ_TASK_ID $PPROJ_ATTEMPT" >> $JOURNAL; '
    "echo $PPROJ_TASK_ID >> shared.txt; echo $PPROJ_TASK_ID >> $PPROJ_TASK_ID.txt"
)
# So that there is a conflict each time: neither ends before the other has begun.
BOTH = (
    "case $PPROJ_TASK_ID in [ab]) "
    "until grep -q 'start a' $JOURNAL && grep -q 'start b' $JOURNAL; do sleep 0.05; done;; esac"
)
SPEC = {
    # a and b do not declare that they write the same file.
    "tasks": [*tasks("a", "b"), {"id": "c", "dependencies": ["a", "b"]}],
    "defaults": {"backoffSeconds": 0, "maxAttempts": 5},
    "conflicts": {"maxReruns": 5},
}
CALLS = 95
"""About as many calls of git as the run makes."""


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path)


@pytest.fixture
def striker(tmp_path: Path) -> Striker:
    return Striker(tmp_path)


def check(run: Runner, checkout: Checkout) -> None:
    landed = checkout.tasks()
    assert sorted(landed) == ["a", "b", "c"]
    assert landed[-1] == "c"
    assert checkout.show("shared.txt") == LINES + "\n".join(landed)
    assert [checkout.show(f"{i}.txt") for i in "abc"] == ["a", "b", "c"]
    # What was cut off may be kept, and what met a conflict; nothing is left to land.
    left = {name for name in checkout.state() if name.split("/")[1] not in ("salvage", "conflict")}
    assert left == {"a/landed", "b/landed", "c/landed"}
    checkout.check()
    assert run.processes() == []


@pytest.mark.sampled(3)
@pytest.mark.parametrize("victim", VICTIMS)
@pytest.mark.parametrize("at", range(4, CALLS, 13))
def test_killed_at_a_call_of_git_and_run_again(
    runner: Make, checkout: Checkout, striker: Striker, victim: str, at: int
) -> None:
    run = runner(SPEC, f"{EDIT}; {BOTH}", options={"repository": checkout.path})
    striker.arm(f'{VICTIMS[victim]}; real "$@"', at=at)
    before = checkout.git("rev-parse", "main")
    run.start(before=striker.use).finish(None)
    assert striker.has_struck
    run.run()
    check(run, checkout)
    assert checkout.git("rev-parse", "main") == before


@pytest.mark.sampled(1, over="how")
@pytest.mark.parametrize("victim", VICTIMS)
@pytest.mark.parametrize("how", ["before", "after"])
def test_killed_while_it_lands_the_command_is_not_run_again(
    runner: Make, checkout: Checkout, striker: Striker, victim: str, how: str
) -> None:
    """At the second push, that of the branch."""
    run = runner(tasks("a", maxAttempts=5), EDIT, options={"repository": checkout.path})
    kill = VICTIMS[victim]
    is_second = f'test "$(grep -c push "{striker.calls}")" = 2'
    struck = f'{kill}; real "$@"' if how == "before" else f'real "$@"; code=$?; {kill}; exit $code'
    striker.arm(f'if {is_second}; then {struck}; else real "$@"; fi', command="push", times=2)
    run.start(before=striker.use).finish(None)
    output = run.run()
    assert run.journal() == ["start a 1"]
    assert checkout.tasks() == ["a"]
    assert checkout.state() == {"a/landed"}
    assert "commit" in output


@pytest.mark.sampled(3, always=lambda point, command, after: (point, command) == ("land", EDIT))
@pytest.mark.parametrize("command", [EDIT, EDIT.partition(";")[0]], ids=["edit", "no change"])
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("point", landing_points.POINTS)
def test_an_attempt_killed_between_calls_of_git(
    runner: Make, checkout: Checkout, tmp_path: Path, point: str, after: bool, command: str
) -> None:
    run = runner({**SPEC, "tasks": tasks("a")}, command, options={"repository": checkout.path})
    struck = tmp_path / "struck"
    words = f"{point!r}, {after!r}, {str(struck)!r}"
    root = Path(__file__).parents[2]

    def before() -> None:
        strike = (
            f"sys.path.insert(0, {str(root)!r}); from tests.local import landing_points; "
            f"landing_points.strike({words});"
        )
        delivery._BOOT = delivery._BOOT.replace("sys.exit(", f"{strike} sys.exit(")

    run.start(before=before).finish(0)
    assert struck.exists()
    assert checkout.tasks() == (["a"] if command is EDIT else [])
    # Once it was noted that the command had ended, it is not run again.
    not_noted = (point, after) in (("run", True), ("note_end", False))
    assert len(run.journal()) == (2 if not_noted else 1)
    left = {"a/landed"} if command is EDIT else set()
    assert checkout.state() - left <= {"a/salvage/1"}
    checkout.check()


def test_work_that_was_cut_off_is_kept(runner: Make, checkout: Checkout) -> None:
    run = runner(
        tasks("a"), "echo half > half.txt; echo x >> $JOURNAL; sleep 1000", options={"repository": checkout.path}
    )
    process = run.start()
    until(run.journal)
    run.kill_all(process)
    run.command = "echo whole > whole.txt"
    run.run()
    assert checkout.show("half.txt", checkout.ref("a/salvage/1")) == "half"
    assert checkout.git("show", "--format=", "--name-only", checkout.ref("a/landed")) == "whole.txt"


def test_a_conflict_that_was_found_as_all_were_killed_is_found_again(
    runner: Make, checkout: Checkout, striker: Striker
) -> None:
    together = 'until [ $(grep -c "start . 1" $JOURNAL) = 2 ]; do sleep 0.05; done; '
    run = runner({**SPEC, "tasks": tasks("a", "b")}, EDIT + "; " + together, options={"repository": checkout.path})
    striker.arm(f'real "$@"; code=$?; {VICTIMS["all"]}; exit $code', command="merge-tree")
    run.start(before=striker.use).finish(None)
    assert striker.has_struck
    run.command = EDIT
    run.run()
    assert sorted(checkout.tasks()) == ["a", "b"]
    assert len({name for name in checkout.state() if "conflict" in name}) == 1
    checkout.check()
