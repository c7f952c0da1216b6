"""A status, as the explanations read it."""

from collections.abc import Mapping
from typing import Any

from parallelproject.core.followups.publishing import merged_levels
from parallelproject.core.graph.graph import CompiledGraph
from parallelproject.core.hooks.hook_runs import rows_by_occasion
from parallelproject.core.planner.explanation import ConditionText, Parked, Row, View
from parallelproject.core.report.budget_status import read_spending
from parallelproject.core.report.status import read_limits, read_row
from parallelproject.model.spec import Spec
from parallelproject.model.status import TaskState


def rows_of(status: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """By task id, the rows of a status."""
    return {row["id"]: row for row in _mappings(status.get("tasks")) if "id" in row}


def view_of(graph: CompiledGraph, spec: Spec, status: Mapping[str, Any], now: float) -> View:
    """The state of the tasks of a graph by a status. Parts that cannot be read are ignored."""
    rows = {
        graph.index[task]: Row(
            str(row.get("state") or TaskState.PENDING.value),
            str(row.get("reason") or ""),
            read_row(row),
            row.get("queued") is True,
        )
        for task, row in rows_of(status).items()
        if task in graph.index
    }
    conditions = {
        str(each.get("type")): ConditionText(str(each.get("reason") or ""), str(each.get("message") or ""))
        for each in reversed(_mappings(status.get("conditions")))  # of two of one type the first counts
    }
    pulls = {
        level: str(pull.get("url"))
        for level, row in enumerate(_mappings(status.get("levels")))
        if isinstance(pull := row.get("pullRequest"), dict)
    }
    limits = {
        pool: Parked(met.until, graph.index[met.task], met.is_known)
        for pool, met in read_limits(status).items()
        if met.task in graph.index
    }
    merged = merged_levels(status.get("publication"))
    hooks = {each.step: str(row.get("state")) for each, row in rows_by_occasion(status.get("hooks")).items()}
    return View(graph, spec, now, rows, conditions, merged, pulls, limits, read_spending(status), hooks)


def _mappings(found: object) -> list[Mapping[str, Any]]:
    return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []
