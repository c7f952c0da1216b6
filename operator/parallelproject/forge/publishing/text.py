"""Titles and texts of pull requests, by templates.

Templates are Jinja2, in its sandbox: they see only the report, and all output of ``{{ }}`` is escaped. A template
that never ends or fills the memory affects only its author: it runs where publishing runs, in the author's own
namespace or on the author's own machine.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from parallelproject.forge.clients.protocol import TextLimits
from parallelproject.forge.publishing import markdown
from parallelproject.forge.publishing.request import GateLine
from parallelproject.git.plumbing.outcome import PolicyError
from parallelproject.model.problem import quoted

TITLE = (
    "{{ project }}{% if task %}: {{ task.title or task.id }}"
    "{% else %}{% if level is not none %}: L{{ level }}{% endif %} ({{ landed|length }} of {{ total }} tasks)"
    "{% endif %}"
)
BODY = """\
{% if after %}
Builds on the work of {% for task in after %}{{ code(task) }}{% if not loop.last %}, {% endif %}{% endfor %}: \
merge that first.

{% endif %}
{% if landed %}
| Task | Title | Commit | Attempts | Role |{% if gated %} Gates |{% endif %}

|---|---|---|---:|---|{% if gated %}---|{% endif %}

{% for task in landed %}
| {{ code(task.id) }} | {{ task.title }} | {{ commit(task.commit) }} | {{ task.attempts }} | {{ task.role }} |\
{% if gated %} {{ gates(task.gates) }} |{% endif %}

{% endfor %}
{% endif %}
{% if omitted %}

…and {{ omitted }} more.
{% endif %}
{% if failed %}

### Failed
{% for task in failed %}
- {{ code(task.id) }} {{ task.title }}{% if task.reason %}: {{ task.reason }}{% endif %}\
{% if task.gates %} ({{ gates(task.gates) }}){% endif %}\
{% if task.salvage %}; its work is kept in {{ code(task.salvage) }}{% endif %}

{% endfor %}
{% endif %}
{% if retried %}

### Retried
{% for task in retried %}
- {{ code(task.id) }}: {{ task.attempts }} attempts{% if task.reason %}, {{ task.reason }}{% endif %}

{% endfor %}
{% endif %}
"""


_TIMES = {1: "once", 2: "twice"}
_GATES_NAMED = 5
"""Of more gates of a task only their number is shown."""


@dataclass(frozen=True, slots=True)
class TaskLine:
    """The report on one task. Its texts are untrusted."""

    id: str
    title: str = ""
    commit: str | None = None
    """Its commit on the branch; None: it has not landed."""
    attempts: int = 1
    role: str = ""
    reason: str = ""
    """Why it failed, or was retried."""
    failed: bool = False
    salvage: str | None = None
    """The ref with the work of a failed task."""
    steps_passed: int = 0
    """How many of its attempts have only led to its next step."""
    gates: tuple[GateLine, ...] = ()
    """The gates that have judged its work, in their order."""

    @property
    def was_retried(self) -> bool:
        """Whether an attempt of it had to be made again."""
        return self.attempts - self.steps_passed > 1


@dataclass(frozen=True, slots=True)
class WorkReport:
    """What a pull request reports."""

    project: str
    tasks: tuple[TaskLine, ...] = ()
    level: int | None = None
    """Set if each level has its own pull request."""
    branch: str = ""
    base: str = ""
    after: tuple[str, ...] = ()
    """The tasks whose work it builds on, if each task has its own pull request and theirs are not merged."""
    task: TaskLine | None = None
    """Set if each task has its own pull request."""
    omitted: int = field(default=0, kw_only=True)
    """Number of landed tasks that did not fit."""

    def shown(self) -> dict[str, Any]:
        """The variables of a template."""
        landed = [task for task in self.tasks if not task.failed]
        return {
            "project": self.project,
            "level": self.level,
            "branch": self.branch,
            "base": self.base,
            "after": self.after,
            "task": self.task,
            "tasks": self.tasks,
            "landed": landed,
            "failed": [task for task in self.tasks if task.failed],
            "retried": [task for task in landed if task.was_retried],
            "gated": any(task.gates for task in landed),
            "total": len(self.tasks) + self.omitted,
            "omitted": self.omitted,
        }


def _gates(gates: Sequence[GateLine]) -> str:
    """What gates have said: ``review, test (after 2 rejections)``. It is escaped as any other text."""
    named = ", ".join(f"{gate.name}{_verdict(gate)}" for gate in gates[:_GATES_NAMED])
    return named + (f" and {len(gates) - _GATES_NAMED} more" if len(gates) > _GATES_NAMED else "")


def _verdict(gate: GateLine) -> str:
    count = f"{gate.rejections} rejection" + ("" if gate.rejections == 1 else "s")
    if not gate.accepted:
        return f" rejected it {_TIMES.get(gate.rejections, f'{gate.rejections} times')}"
    return f" (after {count})" if gate.rejections else ""


class _Safe(str):
    """Trusted Markdown."""

    __slots__ = ()


def render_title(report: WorkReport, limits: TextLimits, template: str | None = None) -> str:
    """The title of a pull request: one line.

    Raises:
        PolicyError: the template is wrong.
    """
    return (
        markdown.cut(markdown.plain(_render("title", template or TITLE, report, markdown.plain)), limits.title) or "…"
    )


def render_body(report: WorkReport, limits: TextLimits, template: str | None = None) -> str:
    """The text of a pull request, in Markdown. If it would be too long, it lists as many tasks as fit.

    Failed tasks come first: their work has to be found.

    Raises:
        PolicyError: the template is wrong.
    """

    def text(count: int) -> str:
        return _render("body", template or BODY, _shortened(report, count), markdown.escape).strip() + "\n"

    whole = text(len(report.tasks))
    if markdown.length(whole) <= limits.body:
        return whole
    least, most = 0, len(report.tasks)  # the first fits, the second does not
    while most - least > 1:
        middle = (least + most) // 2
        least, most = (middle, most) if markdown.length(text(middle)) <= limits.body else (least, middle)
    return markdown.cut(text(least), limits.body)


def marked(body: str, run: str, commit: str, limits: TextLimits) -> str:
    """A text with the run and its last commit in a hidden comment, which identifies the pull request.

    Args:
        body: The text.
        run: The run.
        commit: The last commit of the pull request, as it landed.
        limits: Of the forge.
    """
    mark = f"<!-- parallelproject run {run} at {commit} -->"
    return f"{markdown.cut(body, limits.body - markdown.length(mark) - 2).rstrip()}\n\n{mark}"


def proposed_commit(body: str, run: str) -> str | None:
    """The last commit of a pull request with this text; None: it does not belong to this run."""
    found = re.search(rf"<!-- parallelproject run {re.escape(run)} at ([0-9a-f]*) -->", body)
    return found[1] if found else None


def _shortened(report: WorkReport, count: int) -> WorkReport:
    """The report with the first tasks, in order."""
    if count >= len(report.tasks):
        return report
    places = sorted(range(len(report.tasks)), key=lambda i: not report.tasks[i].failed)[:count]
    kept = tuple(report.tasks[i] for i in sorted(places))
    return replace(report, tasks=kept, omitted=len(report.tasks) - count)


def _render(name: str, template: str, report: WorkReport, escape: Callable[[object], str]) -> str:
    # A late import: it takes longer than all of publishing, and most runs publish nothing.
    import jinja2
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    environment = ImmutableSandboxedEnvironment(
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        # Last, so that no filter can undo it or split an escape.
        finalize=lambda value: value if isinstance(value, _Safe) else "" if value is None else escape(value),
    )
    environment.globals = {
        "code": lambda text: _Safe(markdown.code(text)),
        "commit": lambda text: _Safe(markdown.commit(text)),
        "gates": _gates,
    }
    try:
        return str(environment.from_string(template).render(report.shown()))
    except (jinja2.TemplateError, TypeError, ValueError, ArithmeticError, LookupError, AttributeError) as error:
        line = f", line {error.lineno}" if isinstance(error, jinja2.TemplateSyntaxError) else ""
        found = f"{type(error).__name__}{line}: {quoted(error, 200)}"
        raise PolicyError("InvalidTemplate", f"pullRequest.{name}: the template is wrong: {found}") from None
