"""Attempts whose work lands in a repository: how they are started, and what became of them."""

import json
import sys
from pathlib import Path
from typing import Any

import parallelproject
from parallelproject.core.graph import CompiledGraph
from parallelproject.executors import delivery_result
from parallelproject.executors.delivery_place import Places
from parallelproject.executors.delivery_result import Result
from parallelproject.executors.local_delivery import delivery_of, instruction
from parallelproject.executors.local_processes import Order
from parallelproject.executors.local_store import FAILED, SUCCEEDED, AttemptRow
from parallelproject.executors.taskfile import conflict_feedback
from parallelproject.git.outcome import Outcome, PolicyError
from parallelproject.model.problem import Problem, ProblemsError
from parallelproject.model.spec import Spec
from parallelproject.run.directory import StateDirectory
from parallelproject.run.target import Target

SHORT = 10
"""Characters of a commit's name where people read it."""
_BOOT = (
    "import sys; sys.path.insert(0, sys.argv.pop());"
    "from parallelproject.executors.local_delivery import main; sys.exit(main(sys.argv.pop()))"
)
_SOURCE = str(Path(parallelproject.__file__).parent.parent)


class Deliveries:
    """The deliveries of one run."""

    def __init__(self, target: Target, spec: Spec, directory: StateDirectory) -> None:
        """Describe them.

        Raises:
            ProblemsError: the spec asks for what cannot be delivered.
        """
        self.target = target
        self._directory = directory
        self._enforce_files = spec.conflicts.enforce_files
        author = spec.git.author if spec.git else None
        self._common: dict[str, Any] = {
            "url": target.repository.address.url,
            "branch": target.branch,
            "base_ref": target.base.name,
            "run": target.run,
        }
        if author:
            self._common["author"] = {"name": author.name, "email": author.email}
        _check(self._common | {"task": "x"})

    def order(self, graph: CompiledGraph, task: int, order: Order) -> Order:
        """The same attempt, with a workspace made from the branch before, and a landing after its command.

        Raises:
            OSError: what it is told cannot be written.
        """
        described = graph.tasks[task]
        files = graph.claim[task].split("\n")[1:]
        delivery = self._common | {
            "task": order.task,
            "attempt": order.number,
            "title": described.title,
            "body": described.description,
            "policy": {"files": files, "enforce_files": self._enforce_files},
        }
        told = instruction(
            state=self._directory.path,
            argv=list(order.argv),
            deadline=order.deadline,
            grace=order.grace,
            delivery=delivery,
        )
        file = self._directory.path / "tasks" / f"{order.task}.{order.number}.git.json"
        file.write_text(json.dumps(told))
        argv = [sys.executable, "-S", "-I", "-c", _BOOT, str(file), _SOURCE]
        # The deadline is that of the command: once its work is done, it lands. The workspace is not there yet.
        return order._replace(argv=argv, cwd=str(self._directory.path), deadline=None)

    def workspace(self, task: str, number: int) -> str:
        """Where an attempt works."""
        return str(Places(self._directory.path, task).of(number).workspace)

    def told(self, row: AttemptRow) -> AttemptRow:
        """How an attempt ended, by its own account rather than by how its process did."""
        result = self.result(row.task, row.number)
        if result is None or row.ended is None:
            return row
        if result.is_good:
            return row._replace(phase=SUCCEEDED, reason=None, exit_code=0)
        if result.is_delivery:
            return row._replace(phase=FAILED, reason=result.outcome, exit_code=None)
        return row._replace(reason=result.reason) if row.phase == FAILED else row

    def result(self, task: str, number: int) -> Result | None:
        """What an attempt has told of its end."""
        return delivery_result.read(Places(self._directory.path, task).result(number))

    def commit(self, row: AttemptRow) -> str | None:
        """The short name of the commit that an attempt's work landed as."""
        result = self.result(row.task, row.number) if row.phase == SUCCEEDED else None
        return result.commit[:SHORT] if result and result.commit else None

    def feedback(self, task: str, number: int) -> str:
        """The file that tells the next attempt why this one failed.

        Raises:
            OSError: it cannot be written.
        """
        result = self.result(task, number)
        if result is None or result.outcome != Outcome.CONFLICT:
            return self._directory.log(task, number)
        file = self._directory.path / "tasks" / f"{task}.{number}.feedback"
        where = self.target.repository.address.url
        kept = f"What attempt {number} did: git --git-dir={where} show {result.ref}" if result.ref else ""
        file.write_text(conflict_feedback(number, result.paths, kept), errors="surrogateescape")
        return str(file)


def _check(delivery: dict[str, Any]) -> None:
    try:
        delivery_of(delivery)
    except PolicyError as error:
        raise ProblemsError([Problem("spec.git", str(error))]) from None
