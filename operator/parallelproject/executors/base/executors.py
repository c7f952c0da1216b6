"""The executors of one operator, and which of them runs a project: each project has one, by ``spec.executor``. Pure."""

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

from parallelproject.executors.base.acceptance import checks_of
from parallelproject.executors.base.executor import Executor
from parallelproject.model.problem import Problem
from parallelproject.model.spec import ExecutorKind, Spec


class Executors:
    """The default executor, and others that are enabled."""

    def __init__(
        self, usual: Executor[Any], others: Mapping[ExecutorKind, Executor[Any]] = MappingProxyType({})
    ) -> None:
        """Takes them.

        Args:
            usual: Runs the projects that name no other executor.
            others: Those that are enabled, by the name that specs have for them.
        """
        self.usual = usual
        self._others = others

    def __iter__(self) -> Iterator[Executor[Any]]:
        """All of them, the usual one first."""
        yield self.usual
        yield from self._others.values()

    def of(self, spec: object) -> Executor[Any]:
        """The one that a spec names, as it is on the API server; the usual one where that is not enabled."""
        name = spec.get("executor") if isinstance(spec, Mapping) else None
        return next((made for each, made in self._others.items() if each == name), self.usual)

    def problems(self, spec: Spec, project: str) -> list[Problem]:
        """What keeps a valid spec from running, in a project of this name."""
        if spec.executor is ExecutorKind.JOB or spec.executor in self._others:
            return checks_of(self.of({"executor": spec.executor.value}))(spec, project)
        found = f"{spec.executor.value} is not enabled in this operator"
        hint = "have the administrator set executors.workflow.enabled in the chart, or use Job"
        return [Problem("spec.executor", found, hint, "ExecutorNotEnabled")]
