"""Bugs planted in a run, to show that the sweep would tell them: each is one line that somebody could get wrong.

``CASES`` has for each the kind of fault that brings it to light. They are planted in the engine's
process, or in the supervisor's before that parts from its guard.
"""

from collections import Counter
from collections.abc import Callable
from typing import Any


def let_go_before_it_is_written() -> None:
    """An exit code is taken from the kernel and only then written down."""
    from parallelproject.local.supervisor.children import Children

    ended = Children.ended

    def eager(self: Any) -> Any:
        found = ended(self)
        self.release()
        return found

    Children.ended = eager  # type: ignore[method-assign]


def started_before_it_is_written() -> None:
    """An attempt is started that is not written down."""
    from parallelproject.local.state.record import AttemptLog

    write = AttemptLog.write

    def without(self: Any, ended: Any = (), intended: Any = ()) -> bool:
        return write(self, ended)

    AttemptLog.write = without  # type: ignore[method-assign]


def being_cut_off_is_a_failure() -> None:
    """An attempt that was stopped since its engine had died counts against its task."""
    from parallelproject.local.supervisor.children import Children

    Children.stop_all = lambda self, reason, grace: [  # type: ignore[method-assign]
        self._terminate(child, grace, 0) for child in self._by_pid.values()
    ]


def the_guard_does_nothing() -> None:
    """Nobody takes over when the supervisor is lost."""
    from parallelproject.local.supervisor import guard as local_guard

    local_guard._take_over = lambda *_: None


def the_guard_takes_any_end_for_a_success() -> None:
    """The exit code is not looked at."""
    from parallelproject.local.supervisor.orphans import Orphans

    end = Orphans._end
    Orphans._end = lambda self, row, code: end(self, row, 0)  # type: ignore[method-assign]


def failures_are_forgotten_with_the_session() -> None:
    """A task that has failed before the run was cut off has all its attempts again."""
    from parallelproject.local import start

    recover = start.recover

    def forgetful(store: Any, *rest: Any) -> Any:
        store._db.execute("update attempts set phase = 'Stopped' where phase = 'Failed'")
        return recover(store, *rest)

    start.recover = forgetful


def what_is_left_is_not_looked_for() -> None:
    """Tasks go on whose run was killed as a whole."""
    from parallelproject.local.engine import earlier_sessions as history

    history.clean_up = lambda *_: []


def what_is_being_started_holds_no_slot() -> None:
    """The cap counts only what is known to be there."""
    from parallelproject.core.planner.attempt import Attempt, Phase
    from parallelproject.local.engine import engine

    def attempt(number: int, phase: Phase, **more: Any) -> Attempt:
        return Attempt(number, phase, **(more | {"running": phase is not Phase.LAUNCHING}))

    engine.Attempt = attempt  # type: ignore[assignment,misc]


def a_start_is_a_success() -> None:
    """What depends on a task starts with it."""
    from parallelproject.local.engine.engine import Engine

    take = Engine._take

    def hasty(self: Any, report: Any) -> None:
        take(self, report._replace(ended=[*report.ended, *(r._replace(phase="Succeeded") for r in report.started)]))

    Engine._take = hasty  # type: ignore[method-assign]


def a_success_is_only_remembered_in_memory() -> None:
    """The next session knows nothing of it."""
    from parallelproject.local import start

    recover = start.recover

    def forgetful(store: Any, *rest: Any) -> Any:
        store._db.execute("delete from attempts where phase = 'Succeeded'")
        return recover(store, *rest)

    start.recover = forgetful


def attempts_are_numbered_from_memory() -> None:
    """The first attempt of a session is attempt 1."""
    from parallelproject.local.engine.executor import ProcessExecutor

    started = ProcessExecutor.task
    counts: Counter[int] = Counter()

    def counted(self: Any, task: int, number: int, *rest: Any) -> Any:
        counts[task] += 1
        return started(self, task, counts[task], *rest)

    ProcessExecutor.task = counted  # type: ignore[method-assign]


ENGINE: dict[str, Callable[[], None]] = {
    bug.__name__: bug
    for bug in (
        failures_are_forgotten_with_the_session,
        what_is_left_is_not_looked_for,
        what_is_being_started_holds_no_slot,
        a_start_is_a_success,
        a_success_is_only_remembered_in_memory,
        attempts_are_numbered_from_memory,
    )
}
SUPERVISOR: dict[str, Callable[[], None]] = {
    bug.__name__: bug
    for bug in (
        let_go_before_it_is_written,
        started_before_it_is_written,
        being_cut_off_is_a_failure,
        the_guard_does_nothing,
        the_guard_takes_any_end_for_a_success,
    )
}

NO_FAULT = ""
CASES = {
    "let_go_before_it_is_written": "supervisor before commit {} of the supervisor",
    "started_before_it_is_written": "engine and supervisor after spawn {} of the supervisor",
    "being_cut_off_is_a_failure": "engine after spawn {} of the supervisor",
    "the_guard_does_nothing": "engine and supervisor after spawn {} of the supervisor",
    "the_guard_takes_any_end_for_a_success": "engine and supervisor after spawn {} of the supervisor",
    "failures_are_forgotten_with_the_session": "engine after receive {} of the engine",
    "what_is_left_is_not_looked_for": "all after spawn {} of the supervisor",
    "what_is_being_started_holds_no_slot": NO_FAULT,
    "a_start_is_a_success": NO_FAULT,
    "a_success_is_only_remembered_in_memory": "engine after receive {} of the engine",
    "attempts_are_numbered_from_memory": "engine after spawn {} of the supervisor",
}
"""For each bug the case that shows it, at one moment or another of the run."""


def plant(bugs: dict[str, Callable[[], None]], name: str) -> None:
    """Plants it if it is one of these."""
    if name in bugs:
        bugs[name]()
