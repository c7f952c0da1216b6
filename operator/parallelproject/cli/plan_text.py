"""The words and tables of ``pproj plan`` for people: short enough for one screen, wide as the terminal is."""

import shlex
from collections import defaultdict
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from parallelproject.cli.terminal import one_line
from parallelproject.core.outline import Outline, enough
from parallelproject.core.times import duration
from parallelproject.model.spec import Scheduling
from parallelproject.sources import Format, Imported

_LEVELS_SHOWN = 24
_PATH_SHOWN = 12
_CONFLICTS_SHOWN = 6
_BAR = 12


def show_plan(console: Console, file: str, imported: Imported, plan: Outline, verbose: bool) -> None:
    """Prints the plan."""
    _headline(console, imported, plan)
    if not plan.tasks:
        if imported.report.done:
            console.print("\nNothing is left to run. --all plans as if nothing were done yet.")
        return
    _levels(console, plan, verbose)
    _waves(console, plan)
    _critical_path(console, imported, plan, verbose)
    _bottlenecks(console, imported, plan)
    _roles(console, imported, plan, verbose)
    _speedup(console, plan)
    _next(console, file, imported, plan)


def _headline(console: Console, imported: Imported, plan: Outline) -> None:
    name = one_line(imported.project.name)
    widest = max(map(len, plan.levels), default=0)
    text = f"{_count(plan.tasks, 'task')} in {_count(len(plan.levels), 'level')}, at most {widest:,} side by side"
    console.print(Text.assemble((name, "bold"), ": ", text))
    if imported.report.format is not Format.MANIFEST:
        for line in imported.report.lines():
            if not line.startswith("roles "):  # they have a part of their own
                console.print(Text(f"  {line}", style="dim"))


def _levels(console: Console, plan: Outline, verbose: bool) -> None:
    _heading(console, "Levels", "by dependencies alone")
    table = _table()
    for column in ("level", "tasks"):
        table.add_column(column, justify="right", style="dim" if column == "level" else "")
    table.add_column("", no_wrap=True)
    table.add_column("ids", no_wrap=not verbose, overflow="fold" if verbose else "ellipsis", ratio=1)
    widest = max(map(len, plan.levels))
    shown = list(enumerate(plan.levels))
    cut = len(shown) - _LEVELS_SHOWN
    if cut > 0 and not verbose:
        shown = shown[: _LEVELS_SHOWN - 4]
    room = 1_000_000 if verbose else console.width
    for index, tasks in shown:
        bar = "█" * max(1, round(_BAR * len(tasks) / widest))
        table.add_row(str(index), f"{len(tasks):,}", Text(bar, style="cyan"), _ids(tasks, room))
    console.print(table)
    if len(shown) < len(plan.levels):
        rest = plan.levels[len(shown) :]
        console.print(f"  … {len(rest):,} more levels with {sum(map(len, rest)):,} tasks; -v shows all")


def _waves(console: Console, plan: Outline) -> None:
    if not plan.conflicts:
        return
    told = _count(len(plan.conflicts), "path") + " written by more than one task: they run one after another"
    _heading(console, "File conflicts", told)
    table = _table()
    table.add_column("path", no_wrap=True, overflow="ellipsis", max_width=max(20, console.width // 2))
    table.add_column("tasks", no_wrap=True, overflow="ellipsis", ratio=1)
    worst = sorted(plan.conflicts, key=lambda conflict: -len(conflict[1]))
    for path, tasks in worst[:_CONFLICTS_SHOWN]:
        table.add_row(one_line(path), _ids(tasks, console.width))
    console.print(table)
    if len(worst) > _CONFLICTS_SHOWN:
        console.print(f"  … {len(worst) - _CONFLICTS_SHOWN:,} more")
    if plan.set_back:
        later = f"{_count(len(plan.waves), 'wave')} instead of {_count(len(plan.levels), 'level')}"
        same = len(plan.waves) == len(plan.levels)
        line = f"  {_count(len(plan.set_back), 'task')} set back by that" + ("" if same else f": {later}")
        console.print(line + ": " + _ids(plan.set_back[:8], 60) if same else line)


def _critical_path(console: Console, imported: Imported, plan: Outline, verbose: bool) -> None:
    path = plan.critical_path
    length = duration(plan.critical_path_seconds) if plan.estimated else _count(len(path), "task")
    share = plan.critical_path_seconds / plan.work_seconds
    _heading(console, "Critical path", f"{length} of {_work(plan)}; the run cannot be shorter")
    if verbose or len(path) <= _PATH_SHOWN:
        shown = list(path)
    else:
        middle = f"… {len(path) - _PATH_SHOWN + 1} more …"
        shown = [*path[: _PATH_SHOWN - 3], middle, *path[-2:]]
    console.print(Text("  " + " → ".join(shown)), soft_wrap=False)
    if share > 0.99 and len(path) == plan.tasks > 1:
        console.print("  every task waits for the one before it: there is nothing to run in parallel")


def _bottlenecks(console: Console, imported: Imported, plan: Outline) -> None:
    if not plan.bottlenecks:
        return
    _heading(console, "Bottlenecks", "most work waits for these; do them first, and well")
    titles = {task.id: task.title for task in imported.project.spec.tasks}
    table = _table()
    table.add_column("id", no_wrap=True)
    table.add_column("waiting", justify="right", no_wrap=True)
    table.add_column("title", no_wrap=True, overflow="ellipsis", ratio=1, style="dim")
    for bottleneck in plan.bottlenecks:
        waiting = _count(bottleneck.tasks, "task")
        if plan.estimated:
            waiting += f", {duration(bottleneck.seconds)}"
        table.add_row(bottleneck.id, waiting, one_line(titles.get(bottleneck.id, "")))
    console.print(table)


def _roles(console: Console, imported: Imported, plan: Outline, verbose: bool) -> None:
    if not plan.roles:
        return
    chosen = imported.report.roles
    note = "chosen by words in the text" if chosen else ""
    if chosen and not verbose:
        note += "; -v shows which"
    _heading(console, "Roles", note)
    console.print(Text("  " + ", ".join(f"{role} {count:,}" for role, count in plan.roles.items())))
    if verbose and chosen:
        by_reason: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
        for id, choice in chosen.items():
            by_reason[(choice.role, choice.why)].append(id)
        table = _table()
        for column in ("role", "because of"):
            table.add_column(column, no_wrap=True)
        table.add_column("tasks", overflow="fold", ratio=1)
        for (role, why), ids in sorted(by_reason.items()):
            table.add_row(role, one_line(why), ", ".join(ids))
        console.print(table)


def _speedup(console: Console, plan: Outline) -> None:
    units = "" if plan.estimated else ", if all tasks take equally long"
    _heading(console, "Predicted speedup", f"scheduling {plan.scheduling}{units}")
    table = _table()
    table.add_column("", style="dim")
    rows: list[list[Text | str]] = [["parallelism"], ["speedup"]]
    if plan.estimated:
        rows.append(["time"])
    for parallelism, factor in plan.speedup.items():
        table.add_column("", justify="right")
        here = "bold" if parallelism == plan.parallelism else ""
        rows[0].append(Text(f"{parallelism:,}", style=here))
        rows[1].append(Text(f"{factor:.1f}×", style=here))
        if plan.estimated:
            rows[2].append(Text(duration(plan.seconds[parallelism]), style=here))
    for row in rows:
        table.add_row(*row)
    console.print(table)
    now, best = plan.speedup.get(plan.parallelism, 1.0), enough(plan.speedup)
    if best > plan.parallelism:
        console.print(f"  parallelism is {plan.parallelism} here; beyond {best:,} little is gained")
    if plan.scheduling is Scheduling.LEVELS and plan.other_speedup > now * 1.05:
        console.print(f"  --scheduling Graph gives {plan.other_speedup:.1f}× at {plan.parallelism}: no level waits for another")


def _next(console: Console, file: str, imported: Imported, plan: Outline) -> None:
    name = shlex.quote(file)
    runnable = any(role.pod_template for role in imported.project.spec.roles)
    command = "" if runnable else " --command 'CMD'"
    console.print()
    console.print(Text.assemble(("Next: ", "bold"), f"pproj run {name}{command}"), soft_wrap=True)
    if imported.report.format is Format.MANIFEST:
        console.print(f"      pproj submit {name} --watch", soft_wrap=True)
    else:
        console.print(f"      pproj import {name} | kubectl apply --server-side -f -", soft_wrap=True)


def _heading(console: Console, title: str, note: str = "") -> None:
    console.print()
    console.print(Text.assemble((title, "bold"), (f"  {note}" if note else "", "dim")))


def _table() -> Table:
    return Table(box=None, show_header=False, pad_edge=True, padding=(0, 1), collapse_padding=True)


def _work(plan: Outline) -> str:
    return f"{duration(plan.work_seconds)} of work" if plan.estimated else f"{plan.tasks:,}"


def _ids(ids: Sequence[str], room: int) -> str:
    """Ids up to about what fits, and how many more there are."""
    shown: list[str] = []
    length = 0
    for id in ids:
        length += len(id) + 2
        if shown and length > room:
            break
        shown.append(id)
    return ", ".join(shown)


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"
