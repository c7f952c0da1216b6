"""The ends of attempts that agents make, as the engine asks for them: in this session and of earlier ones."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from parallelproject.agents.catalog import PRESETS
from parallelproject.agents.preset import Preset
from parallelproject.agents.record import AgentOutcome
from parallelproject.local.agents.call import AgentCall
from parallelproject.local.agents.judgement import (
    end_of,
    judge_log,
    read_record,
    record_file,
    write_record,
)
from parallelproject.local.agents.spending import Spending
from parallelproject.local.state.directory import StateDirectory
from parallelproject.local.state.store import FAILED, SUCCEEDED, AttemptRow
from parallelproject.model.agents import AgentType

_EXIT_CODE = "ExitCode"
_FIXES: Mapping[str, Callable[[Preset], str]] = {
    AgentOutcome.AUTH.value: lambda preset: preset.login,
    AgentOutcome.DENIED.value: lambda preset: preset.allow,
}


class AgentEnds:
    """What the records of agents say of attempts."""

    def __init__(
        self, call_of: Callable[[str], AgentCall | None], directory: StateDirectory, *, are_judged_before: bool
    ) -> None:
        """Describes them.

        Args:
            call_of: By task id, the agent that makes its attempts; None: a command that is no agent.
            directory: The state.
            are_judged_before: Whether an attempt's own process judges it, before its work lands.
        """
        self._call_of = call_of
        self._directory = directory
        self._are_judged_before = are_judged_before
        self._spent: dict[str, dict[int, Spending]] = {}

    def reported(self, row: AttemptRow) -> AttemptRow:
        """How an attempt ended, by the output of its agent rather than by its exit code alone."""
        found = self._reported(row)
        record = self._record(row.key.task, row.key.attempt)
        if record:
            self._spent.setdefault(row.key.task, {})[row.key.attempt] = Spending.of(record)
        return found

    def spent(self, task: str) -> Spending:
        """What all attempts of a task have used, of those that were ``reported``."""
        return Spending.sum_of(self._spent.get(task, {}).values())

    def spent_in_all(self) -> Spending:
        """What all of them have used, also of tasks that are no longer there."""
        return Spending.sum_of(each for task in self._spent.values() for each in task.values())

    def _reported(self, row: AttemptRow) -> AttemptRow:
        if self._are_judged_before or not (
            row.phase == SUCCEEDED or (row.phase == FAILED and row.reason == _EXIT_CODE)
        ):
            return row
        code = row.exit_code or 0
        file = record_file(self._directory.path, row.key.task, row.key.attempt)
        found = read_record(file)
        if found is None:
            call = self._call_of(row.key.task)
            if call is None or not Path(self._directory.prompt_file(row.key.task, row.key.attempt)).exists():
                return row  # no agent made it: an earlier session may have had a command
            log, outputs = self._directory.log(row.key.task, row.key.attempt), self._directory.outputs(row.key.task)
            record = judge_log(call, log, 0, outputs, code)
            file.parent.mkdir(exist_ok=True)
            write_record(file, record, end_of(record, code))
            found = read_record(file) or {}
        if found.get("success"):
            return row
        return row._replace(phase=FAILED, reason=found.get("reason") or _EXIT_CODE, exit_code=found.get("exitCode"))

    def retry_at(self, row: AttemptRow) -> float | None:
        """When the limit that an attempt met is over, where its agent said that."""
        found = self._record(row.key.task, row.key.attempt) if row.phase == FAILED else None
        at = found.get("resetAt") if found else None
        return float(at) if isinstance(at, int | float) else None

    def notes(self, row: AttemptRow) -> tuple[str, ...]:
        """Why an attempt failed, in the agent's words; where its own process has judged it, its log has them."""
        has_none = self._are_judged_before or row.phase != FAILED
        found = None if has_none else self._record(row.key.task, row.key.attempt)
        return (f"{found['outcome']}: {found['message']}",) if found and found.get("message") else ()

    def remarks(self, failed: Mapping[str, int]) -> list[str]:
        """What a person has to do about tasks that have failed for good, each fix once.

        Args:
            failed: By task, the number of its last attempt.
        """
        lines: dict[str, None] = {}
        for task, number in failed.items():
            found = self._record(task, number) or {}
            fix = _FIXES.get(str(found.get("outcome")))
            if fix:
                preset = PRESETS[AgentType(found["agent"])]
                lines[f"{preset.short}: {found['outcome']}: {found['message']} (fix: {fix(preset)})"] = None
        return list(lines)

    def feedback(self, task: str, number: int) -> str | None:
        """A file that says to the next attempt how this one ended; None where no agent made it.

        Raises:
            OSError: it cannot be written.
        """
        found = self._record(task, number)
        if found is None:
            return None
        lines: Sequence[str] = [f"Attempt {number} ended with {found['outcome']}: {found['message']}"]
        if found.get("lastMessage"):
            lines = [*lines, "", "Its last message:", "", str(found["lastMessage"])]
        file = self._directory.path / "tasks" / f"{task}.{number}.feedback"
        file.write_text("\n".join(lines) + "\n", errors="replace")
        return str(file)

    def _record(self, task: str, number: int) -> Mapping[str, Any] | None:
        return read_record(record_file(self._directory.path, task, number))
