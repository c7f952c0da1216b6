"""``pproj get``: one project in full, or one of its tasks."""

from collections.abc import Collection, Mapping
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer
from pydantic import ValidationError

from parallelproject.cli.cluster.groups import group_data, group_named, groups_in
from parallelproject.cli.cluster.state import rows
from parallelproject.cli.input.arguments import GetOutput, NameOrOnly, TaskToShow
from parallelproject.cli.input.project_options import on_project
from parallelproject.cli.output import terminal
from parallelproject.cli.output.failure import Failure
from parallelproject.cli.output.program import typed
from parallelproject.cli.output.tables import age, show_table, span
from parallelproject.core.graph.groups import UNMARKED
from parallelproject.core.hooks.hook_runs import rows_by_occasion
from parallelproject.core.report.attention import needs_of_status
from parallelproject.core.report.bar import bar, states_of
from parallelproject.core.report.budget_status import budgets_shown
from parallelproject.core.report.deletion import deletion_of
from parallelproject.core.report.groups import TaskGroup
from parallelproject.core.report.status import condition, read_row
from parallelproject.core.times import epoch
from parallelproject.model.branches import landing_branch
from parallelproject.model.names import level_name
from parallelproject.model.spec import Git
from parallelproject.model.status import ConditionType, HookRunState, TaskState

if TYPE_CHECKING:
    from parallelproject.cli.reader import ProjectReader

Json = dict[str, Any]

_INDENT = "  "
_BAR = 20
_OF_GROUP = (TaskState.SUCCEEDED, TaskState.RUNNING, TaskState.FAILED, TaskState.SKIPPED)
"""States in the table of groups, as in that of levels: the rest is pending. It fits into 80 columns."""
_HOOKS_SHOWN = 20
_NEEDS_SHOWN = 10
_PULLS_SHOWN = 10
"""Most pull requests that are named: those that are not merged, where there are any."""


@partial(on_project, name_first=True)
async def run(
    reader: "ProjectReader",
    name: NameOrOnly = "",
    task: TaskToShow = None,
    group: Annotated[
        str | None, typer.Option("--group", metavar="GROUP", help="Show only this group of its tasks ([P:Group-X]).")
    ] = None,
    output: Annotated[GetOutput | None, typer.Option("-o", "--output", help="Output format.")] = None,
) -> None:
    """Show a project: its conditions, levels and tasks; or one group or one task."""
    if group and task:
        raise Failure("--group and TASK exclude each other", hint="omit one of them", code=2)
    project = await reader.get(name)
    if group:
        _show_group(project, group_named(group, project), output)
        return
    if task:
        from parallelproject.cli.commands.get_task import show_task

        show_task(reader, project, task, output)
        return
    if output in (GetOutput.JSON, GetOutput.YAML):
        from parallelproject.cli.cluster.projects import without_managed_fields

        terminal.show_data(without_managed_fields(project), output is GetOutput.JSON)
        return
    show_project(reader, project, wide=output is GetOutput.WIDE)


def show_project(reader: "ProjectReader", project: Json, wide: bool) -> None:
    """Prints a project for people."""
    status, spec = project.get("status") or {}, project["spec"]
    for label, value in _header(project, reader.place_of(project), spec, status):
        terminal.show(f"{label + ':':<13} {terminal.one_line(value)}")
    conditions = status.get("conditions") or []
    if not conditions:
        terminal.show(f"\n{reader.planner.capitalize()} has not seen it yet.")
        return
    terminal.show("\nConditions")
    headings = ["TYPE", "STATUS", "REASON", "SINCE", "MESSAGE"]
    show_table(
        headings,
        [
            [c.get("type", ""), c.get("status", ""), c.get("reason", ""), age(c.get("lastTransitionTime")),
             c.get("message", "")]
            for c in conditions
        ],
        _INDENT,
    )  # fmt: skip
    _show_needs(reader, project)
    _show_levels(status)
    _show_groups(project)
    _show_hooks(status)
    _show_tasks(project, spec, wide)


def _show_group(project: Json, group: TaskGroup, output: GetOutput | None) -> None:
    """One group and its tasks."""
    if output in (GetOutput.JSON, GetOutput.YAML):
        found = [row for row in rows(project) if row["id"] in group.tasks]
        terminal.show_data({**group_data(project, group), "rows": found}, output is GetOutput.JSON)
        return
    about = {"Group": group.name, "State": group.state, "Phase": group.phase, "Tasks": group.counted}
    for label, value in about.items():
        if value:
            terminal.show(f"{label + ':':<13} {terminal.one_line(value)}")
    _show_tasks(project, project["spec"], output is GetOutput.WIDE, group.tasks)


def _show_needs(reader: "ProjectReader", project: Json) -> None:
    """What waits for a person, each with its command."""
    needs = needs_of_status(project.get("status") or {}, ((row, read_row(row)) for row in rows(project)))
    if not needs:
        return
    terminal.show("\nNeeds attention")
    name = project["metadata"]["name"]
    for need in needs[:_NEEDS_SHOWN]:
        terminal.show_wrapped(f"{_INDENT}{need.sentence}")
        terminal.show(f"{_INDENT}  {need.command(name, reader.options, typed())}")
    if len(needs) > _NEEDS_SHOWN:
        terminal.show(f"{_INDENT}and {len(needs) - _NEEDS_SHOWN} more")


def _header(project: Json, place: tuple[str, str], spec: Json, status: Json) -> list[tuple[str, str]]:
    metadata = project["metadata"]
    found = [
        ("Name", metadata["name"]),
        place,
        ("Scheduling", f"{spec.get('scheduling', 'Levels')}, parallelism {spec.get('parallelism', 4)}"),
    ]
    deletion = deletion_of(metadata)
    if deletion is not None:
        found.append(("Deleted", f"{deletion.at}, kept by finalizers {', '.join(deletion.held_by)}"))
    if spec.get("failurePolicy"):
        found.append(("On failure", spec["failurePolicy"]))
    counts = status.get("counts")
    if counts:
        shown = [f"{counts[key]} {key}" for key in ("succeeded", "running", "pending", "failed", "skipped")
                 if counts.get(key)]  # fmt: skip
        found.append(("Tasks", f"{counts.get('total', 0)} ({', '.join(shown)})" if shown else "0"))
    metrics = status.get("metrics")
    if status.get("startTime"):
        took = f", took {span(metrics.get('wallSeconds', 0))}" if metrics and status.get("completionTime") else ""
        found.append(("Started", f"{status['startTime']}{took}"))
    if metrics:
        found.append(
            ("Speedup", f"{metrics.get('speedup')} (work {span(metrics.get('workSeconds', 0))}, "
             f"critical path {span(metrics.get('criticalPathSeconds', 0))}, retries {metrics.get('retries', 0)})")
        )  # fmt: skip
        if metrics.get("peakParallelism"):
            of_peak = f"speedup / peak of {metrics['peakParallelism']} running"
            found.append(("Efficiency", f"{metrics.get('efficiency')} ({of_peak})"))
        if used := _used(metrics):
            found.append(("Agents used", used))
        if "conflictRate" in metrics:
            found.append(("Conflicts", f"{metrics['conflictRate']} (conflicts / landings)"))
    found += [("Budget", budget) for budget in budgets_shown(status)]
    git = spec.get("git") or {}
    if git:
        found.append(("Lands on", f"{_landing_branch(git, metadata['name'])} of {git.get('url')}"))
    pulls = (status.get("publication") or {}).get("pullRequests") or []
    waiting = [pull for pull in pulls if pull.get("state") != "merged"]
    for pull in (waiting or pulls)[-_PULLS_SHOWN:]:
        about = f"{level_name(pull['level'])}, " if "level" in pull else f"{pull['task']}, " if "task" in pull else ""
        found.append(("Pull request", f"{pull['url'] or pull['number']} ({about}{pull['state']})"))
    if reviewed := condition(status, ConditionType.REVIEWED):
        found.append(("Review", f"{reviewed.get('reason')}: {reviewed.get('message')}".removesuffix(": ")))
    return found


def _used(figures: Json) -> str:
    """Tokens and cost, of a row or of all tasks; empty where nothing is known."""
    parts = []
    if "inputTokens" in figures:
        parts.append(f"{figures['inputTokens']:,} tokens in, {figures.get('outputTokens', 0):,} out")
    if "costUsd" in figures:
        parts.append(f"${figures['costUsd']}")
    return ", ".join(parts)


def _landing_branch(git: Json, project: str) -> str:
    try:
        return landing_branch(Git.model_validate(git, by_name=False), project)
    except ValidationError:  # of a newer version than ours
        return str(git.get("branch") or "a branch")


def _show_levels(status: Json) -> None:
    levels = status.get("levels") or []
    if not levels:
        return
    keys = ("total", "succeeded", "running", "failed", "skipped")
    terminal.show("\nLevels")
    show_table(
        ["LEVEL", *(key.upper() for key in keys), "BAR"],
        [
            [level_name(level.get("index", 0)), *(str(level.get(key, 0)) for key in keys), _bar(level)]
            for level in levels
        ],
        _INDENT,
    )


def _show_groups(project: Json) -> None:
    """The groups, and the phase of each."""
    groups = groups_in(project)
    if not groups or not (project.get("status") or {}).get("groups"):
        return
    terminal.show("\nGroups")
    show_table(
        ["GROUP", "PHASE", "TASKS", *(state.value.upper() for state in _OF_GROUP)],
        [
            [group.name, group.phase, str(len(group.tasks)), *(str(group.counts[state]) for state in _OF_GROUP)]
            for group in groups
        ],
        _INDENT,
    )


def _show_hooks(status: Json) -> None:
    """The hooks that have run: first those that run or have failed."""
    found = list(rows_by_occasion(status.get("hooks")).items())
    if not found:
        return
    found.sort(key=lambda each: each[1].get("state") == HookRunState.SUCCEEDED)
    terminal.show("\nHooks")
    table = [[str(each), str(row.get("state")), _text(row.get("attempts")), _cause(row)] for each, row in found]
    show_table(["HOOK", "STATE", "RUNS", "REASON"], table[:_HOOKS_SHOWN], _INDENT)
    if len(found) > _HOOKS_SHOWN:
        terminal.show(f"{_INDENT}and {len(found) - _HOOKS_SHOWN} more")


def _cause(row: Mapping[str, Any]) -> str:
    return f"ExitCode {row['exitCode']}" if "exitCode" in row else str(row.get("reason") or "")


def _bar(level: Json) -> str:
    return "".join(part.text for part in bar(states_of(level), _BAR))


def _show_tasks(project: Json, spec: Json, wide: bool, only: Collection[str] | None = None) -> None:
    found = [row for row in rows(project) if only is None or row["id"] in only]
    if not found:
        return
    tasks = {task["id"]: task for task in spec.get("tasks") or ()}
    default_role = (spec.get("defaults") or {}).get("role", "")
    if not default_role and len(spec.get("roles") or ()) == 1:
        default_role = spec["roles"][0]["name"]
    terminal.show("\nTasks")
    headings = ["ID", "STATE", "REASON", "LEVEL", "ATTEMPTS", "TIME"]
    has_cost = any("costUsd" in row for row in found)
    headings += ["COST"] if has_cost else []
    has_groups = any(tasks.get(row["id"], {}).get("group") not in (None, "", UNMARKED) for row in found)
    headings += ["GROUP"] if has_groups else []
    headings += ["ROLE", "EXIT", "COMMIT", "JOB", "TOKENS"] if wide else []
    table = []
    for row in found:
        cells = [row["id"], row.get("state", ""), _reason(row), _level(row)]
        cells += [_text(row.get("attempts")), _time(row)]
        cells += [_cost(row)] if has_cost else []
        cells += [_group(tasks.get(row["id"], {}))] if has_groups else []
        if wide:
            role = tasks.get(row["id"], {}).get("role") or default_role
            cells += [role, _text(row.get("exitCode")), row.get("commit", ""), row.get("jobName", "")]
            cells += [_tokens(row)]
        table.append([*cells, terminal.one_line(tasks.get(row["id"], {}).get("title", ""))])
    show_table([*headings, "TITLE"], table, _INDENT)


def _group(task: Json) -> str:
    group = str(task.get("group") or "")
    return "" if group == UNMARKED else group


def _reason(row: Json) -> str:
    if row.get("removed"):
        return "Removed"
    reason = str(row.get("reason") or "")
    return f"{reason} {row['exitCode']}" if reason == "ExitCode" and "exitCode" in row else reason


def _time(row: Json) -> str:
    started, ended = epoch(row.get("startTime")), epoch(row.get("completionTime"))
    if started is None:
        return ""
    return span(ended - started) if ended is not None else age(row.get("startTime"))


def _cost(row: Json) -> str:
    return f"${row['costUsd']}" if "costUsd" in row else ""


def _tokens(row: Json) -> str:
    """Those in and those out."""
    return f"{row['inputTokens']:,}/{row.get('outputTokens', 0):,}" if "inputTokens" in row else ""


def _level(row: Json) -> str:
    return level_name(row["level"]) if isinstance(row.get("level"), int) else ""


def _text(value: object) -> str:
    return "" if value is None else str(value)
