"""The words and tables of ``pproj plan`` for people: short enough for a screen, wide as the terminal is."""

from collections import defaultdict

from parallelproject.cli.output.layout import Page, count, listed
from parallelproject.cli.output.program import typed
from parallelproject.cli.output.terminal import one_line
from parallelproject.core.report.overview import Outline, enough
from parallelproject.core.times import duration
from parallelproject.model.names import level_name
from parallelproject.model.spec import FileOverlap, Scheduling
from parallelproject.sources import Format, Imported
from parallelproject.sources.selection.report import NO_WORD

_LEVELS_SHOWN = 24
_PATH_SHOWN = 12
_CONFLICTS_SHOWN = 6
_BAR = 12


def plan_text(page: Page, file: str, options: str, imported: Imported, plan: Outline, verbose: bool) -> str:
    """The whole text.

    Args:
        page: Where it is laid out.
        file: What to type for FILE, with the options that belong to it.
        options: What pproj run needs in addition to that; it starts with a blank, if it is not empty.
        imported: The project, and the account of its file.
        plan: What there is to tell.
        verbose: Every level and every role in full.
    """
    _headline(page, imported, plan)
    if not plan.tasks:
        page.add()
        page.add("Nothing is left to run." if imported.report.found else "There are no tasks in it.")
        if imported.report.done:
            page.add("--all plans as if nothing were done yet.")
        return page.text()
    if len(plan.skipped) == plan.tasks:
        page.add()
        page.add("Nothing is left to run: spec.skip names every task.")
        return page.text()
    if not plan.critical_path:
        page.add()
        page.add("Nothing is expected to run: spec.skip or a condition skips every task.")
        return page.text()
    _levels(page, plan, verbose)
    _conflicts(page, imported, plan, verbose)
    _critical_path(page, plan, verbose)
    _bottlenecks(page, imported, plan)
    _roles(page, imported, plan, verbose)
    _speedup(page, plan)
    _next(page, file, options, imported)
    return page.text()


def _headline(page: Page, imported: Imported, plan: Outline) -> None:
    widest = max(map(len, plan.levels), default=0)
    text = f"{count(plan.tasks, 'task')} in {count(len(plan.levels), 'level')}, at most {widest:,} at the same time"
    page.add(f"{one_line(imported.project.name)}: {text}", "bold")
    if imported.report.format is not Format.MANIFEST:
        for line in imported.report.lines():
            if not line.startswith("roles "):  # they have a part of their own
                page.add(f"  {one_line(line)}", "dim")
    if plan.skipped:
        text = f"  {count(len(plan.skipped), 'task')} of these skipped by request (spec.skip): "
        page.add(text + listed(plan.skipped, max(20, page.width - len(text))), "dim")
    if plan.unexpected:
        text = f"  {count(len(plan.unexpected), 'task')} of these skipped by conditions, if nothing fails: "
        page.add(text + listed(plan.unexpected, max(20, page.width - len(text))), "dim")
    if steps := imported.project.spec.steps:
        names = [f"{step.name} (gate)" if step.gate else step.name for step in steps]
        text = "  then, before a task lands: "
        page.add(text + listed(names, max(20, page.width - len(text))), "dim")


def _levels(page: Page, plan: Outline, verbose: bool) -> None:
    page.heading("Levels", "by dependencies alone: level, number of tasks, ids")
    shown = list(enumerate(plan.levels))
    if len(shown) > _LEVELS_SHOWN and not verbose:
        shown = shown[: _LEVELS_SHOWN - 4]
    widest = max(map(len, plan.levels))
    room = page.room(len(level_name(shown[-1][0])), len(f"{widest:,}"), _BAR)
    rows = []
    for index, tasks in shown:
        bar = "█" * max(1, round(_BAR * len(tasks) / widest))
        rows.append([level_name(index), f"{len(tasks):,}", bar.ljust(_BAR), listed(tasks, room)])
    if verbose:
        for index, tasks in shown:
            page.add(f"  {level_name(index)}: {', '.join(tasks)}")
    else:
        page.table(rows, right=(0, 1), styles=("dim", "", "cyan"))
    if len(shown) < len(plan.levels):
        rest = plan.levels[len(shown) :]
        page.add(f"  … {count(len(rest), 'more level')} with {count(sum(map(len, rest)), 'task')}; -v shows all", "dim")


def _conflicts(page: Page, imported: Imported, plan: Outline, verbose: bool) -> None:
    if not plan.conflicts:
        return
    policy = imported.project.spec.conflicts.on_file_overlap
    serialize = policy is FileOverlap.SERIALIZE
    what = "these tasks take turns" if serialize else f"onFileOverlap is {policy}, so they run side by side"
    page.heading("File conflicts", f"{count(len(plan.conflicts), 'path')} with several writers; {what}")
    worst = sorted(plan.conflicts, key=lambda conflict: -len(conflict[1]))
    shown = worst if verbose else worst[:_CONFLICTS_SHOWN]
    width = min(max(len(path) for path, _ in shown), max(20, page.width // 2))
    page.table([[path, listed(tasks, page.room(width))] for path, tasks in shown])
    if len(worst) > len(shown):
        page.add(f"  … {len(worst) - len(shown):,} more; -v shows all", "dim")
    if plan.set_back and serialize:
        text = f"  {count(len(plan.set_back), 'task')} in a later wave for that reason"
        if len(plan.waves) > len(plan.levels):
            text += f", which makes {count(len(plan.waves), 'wave')} of {count(len(plan.levels), 'level')}"
        page.add(f"{text}: {listed(plan.set_back, max(20, page.width - len(text) - 2))}")


def _critical_path(page: Page, plan: Outline, verbose: bool) -> None:
    path = plan.critical_path
    running = plan.tasks - len(plan.skipped) - len(plan.unexpected)
    if len(path) == running > 1:
        note = "every task waits for the one before it: there is nothing to run in parallel"
    elif plan.estimated:
        length, work = duration(plan.critical_path_seconds), duration(plan.work_seconds)
        note = f"{length} of {work} of work; no parallelism makes it shorter"
    else:
        note = f"{count(len(path), 'task')} of {running:,}; no parallelism makes it shorter"
    page.heading("Critical path", note)
    shown = list(path)
    if len(path) > _PATH_SHOWN and not verbose:
        shown = [*path[: _PATH_SHOWN - 3], f"… {len(path) - _PATH_SHOWN + 1:,} more …", *path[-2:]]
    page.add("  " + " → ".join(shown))


def _bottlenecks(page: Page, imported: Imported, plan: Outline) -> None:
    if not plan.bottlenecks:
        return
    page.heading("Bottlenecks", "most tasks wait for these")
    titles = {task.id: task.title for task in imported.project.spec.tasks}
    rows = []
    for bottleneck in plan.bottlenecks:
        waiting = count(bottleneck.tasks, "task")
        if plan.estimated:
            waiting += f", {duration(bottleneck.seconds)}"
        rows.append([bottleneck.id, waiting, titles.get(bottleneck.id, "")])
    page.table(rows, right=(1,), styles=("", "", "dim"))


def _roles(page: Page, imported: Imported, plan: Outline, verbose: bool) -> None:
    if not plan.roles:
        return
    chosen = imported.report.roles
    note = "chosen by words in the text" + ("" if verbose else "; -v shows which") if chosen else ""
    page.heading("Roles", note)
    page.add("  " + ", ".join(f"{role} {number:,}" for role, number in plan.roles.items()))
    if verbose and chosen:
        by_reason: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
        for id, choice in chosen.items():
            by_reason[(choice.role, choice.why)].append(id)
        for (role, why), ids in sorted(by_reason.items()):
            by = "" if why == NO_WORD else f' by "{one_line(why)}"'
            page.add(f"  {role}{by}: {', '.join(ids)}")


def _speedup(page: Page, plan: Outline) -> None:
    unit = "" if plan.estimated else ", if all tasks take equally long"
    page.heading("Predicted speedup", f"with scheduling {plan.scheduling}{unit}")
    rows = [["parallelism"], ["speedup"]] + ([["time"]] if plan.estimated else [])
    for parallelism, factor in plan.speedup.items():
        rows[0].append(f"{parallelism:,}")
        rows[1].append(f"{factor:.1f}×")
        if plan.estimated:
            rows[2].append(duration(plan.seconds[parallelism]))
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    per_line = max(3, (page.width - widths[0] - 2) // (max(widths[1:]) + 2))
    for start in range(1, len(rows[0]), per_line):
        part = range(start, min(start + per_line, len(rows[0])))
        for row in rows:
            page.as_is("  " + row[0].ljust(widths[0]) + "".join("  " + row[i].rjust(widths[i]) for i in part))
    now, best = plan.speedup.get(plan.parallelism, 1.0), enough(plan.speedup)
    if best > plan.parallelism:
        page.add(f"  parallelism is {plan.parallelism} here; more gains up to {best}, and little beyond")
    if plan.scheduling is Scheduling.LEVELS and plan.other_speedup > now * 1.05:
        gain = f"{plan.other_speedup:.1f}× at {plan.parallelism}"
        page.add(f"  --scheduling Graph gives {gain}: a task starts when its dependencies are done, not their level")


def _next(page: Page, file: str, options: str, imported: Imported) -> None:
    page.heading("Next")
    page.command(f"{typed()} run {file}{options}")
    if imported.report.format is Format.MANIFEST:
        page.command(f"{typed()} submit {file} --watch")
    else:
        page.command(f"{typed()} import {file}", "| kubectl apply --server-side -f -")
