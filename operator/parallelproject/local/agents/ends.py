"""The ends of attempts that agents make, as the engine asks for them: in this session and of earlier ones."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from parallelproject.agents.catalog import PRESETS
from parallelproject.agents.judge import end_of
from parallelproject.agents.preset import Preset
from parallelproject.agents.record import AgentOutcome
from parallelproject.core.planner.agent_usage import AgentUsage
from parallelproject.local.agents.call import AgentCall, noted_call, record_file
from parallelproject.local.agents.judgement import document, judge_log, read_record, write_record
from parallelproject.local.agents.sessions import SessionToResume, session_to_resume
from parallelproject.local.agents.spending import Spending
from parallelproject.local.state.directory import StateDirectory
from parallelproject.local.state.store import FAILED, SUCCEEDED, AttemptRow
from parallelproject.model.agents import AgentType
from parallelproject.model.status import Reason
from parallelproject.model.work import WorkKey

_EXIT_CODE, _OVERDUE = Reason.EXIT_CODE, Reason.DEADLINE_EXCEEDED
_FIXES: Mapping[str, Callable[[Preset], str]] = {
    AgentOutcome.AUTH.value: lambda preset: preset.login,
    AgentOutcome.DENIED.value: lambda preset: preset.allow,
}


class AgentEnds:
    """What the records of agents say of attempts."""

    def __init__(
        self,
        call_of: Callable[[str, str, str | None], AgentCall | None],
        directory: StateDirectory,
        *,
        are_judged_before: bool,
    ) -> None:
        """Describes them.

        Args:
            call_of: By task id, step and fallback, the agent that makes its next attempts; None: it is a command.
            directory: The state.
            are_judged_before: Whether an attempt's own process judges it, before its work lands.
        """
        self._call_of = call_of
        self._directory = directory
        self._are_judged_before = are_judged_before
        self._spent: dict[str, dict[int, Spending]] = {}
        self._unwritten: dict[WorkKey, Mapping[str, Any]] = {}  # records that could not be written

    def reported(self, row: AttemptRow) -> AttemptRow:
        """How an attempt ended, by the output of its agent rather than by its exit code alone."""
        found = self._record(row.key) if self._are_judged_before else self._judged(row)
        if found is None:
            return row
        self._spent.setdefault(row.key.task, {})[row.key.attempt] = Spending.of(found)
        if self._are_judged_before or found.get("success") or not _is_by_exit_code(row):
            return row
        return row._replace(phase=FAILED, reason=found.get("reason") or _EXIT_CODE, exit_code=found.get("exitCode"))

    def spent(self, task: str) -> Spending:
        """What all attempts of a task have used, of those that were ``reported``."""
        return Spending.sum_of(self._spent.get(task, {}).values())

    def spent_in_all(self) -> Spending:
        """What all of them have used, also of tasks that are no longer there."""
        return Spending.sum_of(each for task in self._spent.values() for each in task.values())

    def usage(self, key: WorkKey) -> AgentUsage | None:
        """What an attempt has used that was ``reported``; None: no agent made it."""
        found = self._spent.get(key.task, {}).get(key.attempt)
        return found.usage if found else None

    def _judged(self, row: AttemptRow) -> Mapping[str, Any] | None:
        """The record of an attempt, made of its log unless it exists; None: no agent made it."""
        task, number = row.key.task, row.key.attempt
        call = noted_call(self._directory.path, task, number)
        if call is None:
            return None
        found = self._record(row.key)
        if found is None:
            code, log = row.exit_code or 0, self._directory.log(task, number)
            record = judge_log(
                call, log, 0, self._directory.outputs(task, row.key.step), code, row.ended or row.started
            )
            end = end_of(record, code) if _is_by_exit_code(row) else (row.reason or "", code)
            self._unwritten[row.key] = found = document(record, end)
            with suppress(OSError):  # the next session makes it again
                write_record(record_file(self._directory.path, task, number), found)
                del self._unwritten[row.key]
        return found

    def retry_at(self, row: AttemptRow) -> float | None:
        """When the limit that an attempt met is over, if its agent said that. Another agent has other limits."""
        then = noted_call(self._directory.path, row.key.task, row.key.attempt)
        now = self._call_of(row.key.task, row.key.step, then.fallback if then else None)
        is_another = then is None or now is None or (then.type, then.model) != (now.type, now.model)
        found = None if is_another or row.phase != FAILED else self._record(row.key)
        at = found.get("resetAt") if found else None
        return float(at) if isinstance(at, int | float) else None

    def fallback(self, row: AttemptRow) -> str | None:
        """The role that made an attempt in place of the role of its task."""
        call = noted_call(self._directory.path, row.key.task, row.key.attempt)
        return call.fallback if call else None

    def notes(self, row: AttemptRow) -> tuple[str, ...]:
        """Why an attempt failed, in the agent's words; where its own process has judged it, its log has them."""
        has_none = self._are_judged_before or row.phase != FAILED
        found = None if has_none else self._record(row.key)
        return (_said(found),) if found and found.get("message") else ()

    def remarks(self, failed: Mapping[str, int]) -> list[str]:
        """What a person has to do about tasks that have failed for good, each fix once.

        Args:
            failed: By task, the number of its last attempt.
        """
        lines: dict[str, None] = {}
        for task, number in failed.items():
            found = self._record(WorkKey.of_task(task, number)) or {}
            fix = _FIXES.get(str(found.get("outcome")))
            if fix:
                preset = PRESETS[AgentType(found["agent"])]
                lines[f"{preset.short}: {found['outcome']}: {found['message']} (fix: {fix(preset)})"] = None
        return list(lines)

    def session(self, task: str, number: int, call: AgentCall, *, has_steps: bool = False) -> SessionToResume | None:
        """The session of a failed attempt that the next one continues; None: it starts one.

        Args:
            task: The task.
            number: Of the failed attempt.
            call: Who makes the next one.
            has_steps: Whether the task has steps: then it is the last attempt up to that one at the same step.
        """
        then = noted_call(self._directory.path, task, number)
        while has_steps and number > 1 and (then is None or then.step != call.step):
            number -= 1
            then = noted_call(self._directory.path, task, number)
        if then is not None and then.step != call.step:
            return None  # another step has a session of its own
        found = [self._record(WorkKey.of_task(task, n)) for n in (number - 1, number)]
        if found[-1] is None:
            return None
        records = [record for record in found if record is not None]
        return session_to_resume(call, then, records, same_folder=not self._are_judged_before)

    def feedback(self, task: str, number: int, kept: str = "") -> str | None:
        """A file that says to the next attempt how this one ended; None where no agent made it.

        Args:
            task: The task.
            number: Of the attempt.
            kept: Where its work is kept, in words.

        Raises:
            OSError: it cannot be written.
        """
        found = self._record(WorkKey.of_task(task, number))
        if found is None:
            return None
        lines: Sequence[str] = [f"Attempt {number} ended with {_said(found)}"]
        if kept:
            lines = [*lines, kept]
        if found.get("lastMessage"):
            lines = [*lines, "", "Its last message:", "", str(found["lastMessage"])]
        file = self._directory.path / "tasks" / f"{task}.{number}.feedback"
        file.write_text("\n".join(lines) + "\n", errors="replace", encoding="utf-8")
        return str(file)

    def _record(self, key: WorkKey) -> Mapping[str, Any] | None:
        return self._unwritten.get(key) or read_record(record_file(self._directory.path, key.task, key.attempt))


def _said(found: Mapping[str, Any]) -> str:
    """How an attempt ended, for people and for the next attempt."""
    if found.get("reason") == _OVERDUE:
        return f"{_OVERDUE}: it was stopped at its deadline"
    return f"{found['outcome']}: {found['message']}"


def _is_by_exit_code(row: AttemptRow) -> bool:
    """Whether an attempt ended by itself, so that its agent says how."""
    return row.phase == SUCCEEDED or (row.phase == FAILED and row.reason == _EXIT_CODE)
