"""An attempt of an agent whose work is to land: whether it may, by the agent's output and by what has changed."""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from parallelproject.git.plumbing.delivery import Delivery
from parallelproject.local.agents.call import AgentCall, record_file
from parallelproject.local.delivery.result import FAILED, DeliveryResult


class AgentJudge:
    """Judges the attempts of one task, each twice: by its output before it lands, by its change when it has."""

    def __init__(self, call: AgentCall, log: str, state: Path, outputs: str) -> None:
        self._call, self._log, self._state, self._outputs = call, log, state, outputs

    @classmethod
    def of(cls, settings: Mapping[str, Any], state: Path, outputs: str) -> "AgentJudge | None":
        """For an instruction; None where its command is no agent."""
        call = settings.get("agent")
        return cls(AgentCall(*call), settings["log"], state, outputs) if call else None

    def judge(
        self, delivery: Delivery, offset: int, code: int, overdue: tuple[str, int] | None = None
    ) -> tuple[str, int]:
        """The reason and the exit code of an attempt whose command has ended: 0 where its work may land.

        Args:
            delivery: The attempt.
            offset: Where its output begins in the log.
            code: The exit code of its command.
            overdue: The reason and the exit code where the command was stopped at its deadline: they stay.
        """
        # Here, because most attempts are no agent's, and each is a process that has to start fast.
        from parallelproject.agents.judge import end_of
        from parallelproject.local.agents.judgement import document, judge_log, write_record

        record = judge_log(self._call, self._log, offset, self._outputs, code, time.time())
        end = overdue or end_of(record, code)
        write_record(record_file(self._state, delivery.task, delivery.attempt), document(record, end))
        if record.message and not overdue:
            print(f"pproj: {record.outcome}: {record.message}", flush=True)  # noqa: T201 - the task's own log
        return end

    def accept(self, delivery: Delivery, result: DeliveryResult) -> DeliveryResult:
        """The result of a landing, which is a failure where nothing has changed and the agent did not say why."""
        if not result.changed_nothing:
            return result
        from parallelproject.local.agents.judgement import ending, note_no_change

        end = ending(self._call, self._outputs, 0, time.time(), changed=False)
        if end.changed:
            return result
        reason, code, line = note_no_change(record_file(self._state, delivery.task, delivery.attempt), end)
        print(f"pproj: {line}", flush=True)  # noqa: T201 - the task's own log
        return result if not code else result._replace(outcome=FAILED, reason=reason, exit_code=code)
