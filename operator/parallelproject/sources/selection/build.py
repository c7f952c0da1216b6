"""Makes the project and its report from what was chosen: ids, texts, roles and files within their bounds. Pure."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from parallelproject.core.graph.graph import compile_graph
from parallelproject.model.conditions import CONDITIONS_MAX, EndState, When
from parallelproject.model.problem import ProblemsError, quoted
from parallelproject.model.project import ParallelProject
from parallelproject.model.spec import Spec, Task
from parallelproject.sources.selection.choose import Selection
from parallelproject.sources.selection.item import Item
from parallelproject.sources.selection.options import Format, Options
from parallelproject.sources.selection.report import NO_WORD, ChosenRole, Imported, ImportReport, LeftOut
from parallelproject.sources.selection.roles import RoleTable, default_roles
from parallelproject.sources.text import texts
from parallelproject.sources.text.bounds import (
    DEPENDENCIES_MAX,
    DESCRIPTION_MAX,
    EDGES_MAX,
    FILES_MAX,
    TASKS_MAX,
    TITLE_MAX,
)
from parallelproject.sources.text.findings import Findings
from parallelproject.sources.text.ids import label_values
from parallelproject.sources.text.paths import find_paths

_TASK = re.compile(r"spec\.tasks\[(\d+)\]")


def build(
    selection: Selection, format: Format, name: str, options: Options, findings: Findings, **more: object
) -> Imported:
    """The project of the tasks taken, and the account of all found.

    Args:
        selection: What is taken.
        format: What it was read as.
        name: Name of the project, where the options give none.
        options: What is inferred.
        findings: Gets what does not fit into a task.
        more: Further fields of the report.

    Raises:
        ProblemsError: everything noted so far; more tasks than a project holds; more dependencies than a
            task can have.
    """
    count = len(selection.taken)
    if count > TASKS_MAX:
        found = f"holds {count:,} tasks to run; a project has at most {TASKS_MAX:,}"
        findings.error(findings.file, found, "split it, or remove tasks that can wait")
    others = [row.id for row in selection.left_out]
    ids = label_values([*(item.id for item in selection.taken), *others, *selection.because.values()])
    maker = _Maker(ids, selection, options, findings)
    tasks = [maker.task(item) for item in selection.taken[: TASKS_MAX + 1]]
    if findings.errors:
        _add_errors_of_graph(selection, tasks[:TASKS_MAX], findings)
    findings.stop_if_errors()
    project = ParallelProject(metadata={"name": options.name or name}, spec=Spec(tasks=tasks))
    report = ImportReport(
        format=format,
        found=selection.found,
        taken=count,
        done=selection.done,
        left_out=tuple(LeftOut(ids[row.id], row.why) for row in selection.left_out),
        because={ids[id]: ids[other] for id, other in selection.because.items()},
        containers=selection.containers,
        places={ids[item.id]: item.place for item in selection.taken},
        roles=maker.roles,
        files=maker.files,
        renamed={ids[item.id]: item.id for item in selection.taken if ids[item.id] != item.id},
    )
    return Imported(project, replace(report, warnings=tuple(findings.warnings), **more))  # type: ignore[arg-type]


def _add_errors_of_graph(selection: Selection, tasks: list[Task], findings: Findings) -> None:
    """Problems of the whole graph, which other errors must not hide; without them the compiled graph reports it."""
    try:
        compile_graph(Spec(tasks=tasks))
    except ProblemsError as error:
        for problem in error.problems:
            found = _TASK.match(problem.place)
            place = selection.taken[int(found[1])].place if found else findings.file
            findings.error(place, problem.found, problem.hint, problem.reason)


class _Maker:
    """Makes tasks, and remembers what was chosen for them."""

    def __init__(self, ids: Mapping[str, str], selection: Selection, options: Options, findings: Findings) -> None:
        self.roles: dict[str, ChosenRole] = {}
        self.files: dict[str, tuple[str, ...]] = {}
        self._ids = ids
        self._selection = selection
        self._options = options
        self._findings = findings
        self._edges = 0
        self._table: RoleTable = options.roles or default_roles()

    def task(self, item: Item) -> Task:
        """The item as our task."""
        id = self._ids[item.id]
        if id != item.id:
            self._findings.warn(item.place, f"{quoted(item.id)} cannot be a label value; it becomes {quoted(id)}")
        title, cut = texts.cut_title(item.title)
        if cut:
            self._findings.warn(item.place, f"the title is longer than {TITLE_MAX} characters; it is cut")
        body = texts.sections(item.sections)
        whole = self._within(item) + texts.sections([*item.sections, *item.context])
        description, cut = texts.cut_description(whole, self._findings.file)
        if cut:
            found = f"its texts are longer than {DESCRIPTION_MAX:,} characters; they are cut"
            self._findings.warn(item.place, found, "move a part of them into a file of the repository")
        needs = self._selection.needs[item.id]
        if len(needs) > DEPENDENCIES_MAX:
            found = f"waits for {len(needs):,} tasks; a task can wait for at most {DEPENDENCIES_MAX}"
            self._findings.error(item.place, found, "put a task between that waits for them")
            needs = needs[:DEPENDENCIES_MAX]
        self._edges += len(needs)
        if self._edges > EDGES_MAX:
            if self._edges - len(needs) <= EDGES_MAX:  # reported once
                found = f"with this task the file has more than {EDGES_MAX:,} dependencies"
                self._findings.error(item.place, found, "put a task between large groups that waits for the first")
            needs = []
        return Task(
            id=id,
            title=title,
            description=description,
            dependencies=[self._ids[need] for need in needs],
            files=list(self._files_of(item, id, body)),
            priority=item.priority,
            group=item.group,
            role=self._role_of(item, id),
            estimate_seconds=item.estimate_seconds,
            when=self._conditions(item, needs),
        )

    def _conditions(self, item: Item, needs: Sequence[str]) -> list[When]:
        named = [id for id in dict.fromkeys(item.after_failure) if id in needs]
        if len(named) > CONDITIONS_MAX:
            found = f"runs only if {len(named)} others fail; a task has at most {CONDITIONS_MAX} conditions"
            self._findings.error(item.place, found, "name fewer")
        return [When(task=self._ids[id], end=EndState.FAILED) for id in named[:CONDITIONS_MAX]]

    def _within(self, item: Item) -> str:
        """A line that says what the task is a part of."""
        parent = next((id for id in item.parents if id in self._selection.titles), None)
        if parent is None:
            return ""
        id, title = texts.one_line(parent), texts.one_line(self._selection.titles[parent])
        return f"Part of {id}: {title[:TITLE_MAX]}\n\n" if title != id else f"Part of {id}.\n\n"

    def _role_of(self, item: Item, id: str) -> str | None:
        if item.role is not None or not self._options.infer_roles:
            return item.role
        description = " ".join(text for heading, text in item.sections if not heading)
        role, word = self._table.choose([item.title, " ".join(item.labels), description])
        self.roles[id] = ChosenRole(role, word or NO_WORD)
        return role

    def _files_of(self, item: Item, id: str, body: str) -> tuple[str, ...]:
        files = item.files
        if not files and self._options.infer_files:
            files = find_paths(f"{item.title}\n{body}")
            if files:
                self.files[id] = files[:FILES_MAX]
        if len(files) > FILES_MAX:
            found = f"names {len(files):,} files; only the first {FILES_MAX} keep it apart from other tasks"
            self._findings.warn(item.place, found, "give globs")
        return files[:FILES_MAX]
