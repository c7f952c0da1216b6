"""The prompt of a task: Markdown, by a Jinja2 template that users may replace. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

DEFAULT = """\
# Task {{ task.id }}{% if task.title %}: {{ task.title }}{% endif %}


{% if task.description %}
{{ task.description }}

{% endif %}
{% if task.files %}
## Files
Change only these files, by paths or globs of the repository:
{% for file in task.files %}
- {{ file }}
{% endfor %}

{% endif %}
{% if task.parameters %}
## Parameters
{% for parameter in task.parameters %}
- {{ parameter.name }}: {{ parameter.value }}
{% endfor %}

{% endif %}
{% if instructions %}
## Instructions for the role {{ role }}
{{ instructions }}

{% endif %}
{% if skills %}
## Skills
Use these skills that you have: {{ skills | join(", ") }}.

{% endif %}
{% if step and step.hasWork %}
## Step {{ step.name or "of the task itself" }}, round {{ step.round }}
{% if step.gate %}
The work of this task is done. Judge it; you do not do the task. The work is the last commit of the current folder:
`git show HEAD` has all of it.
{% else %}
The work of this task so far is the last commit of the current folder: `git show HEAD` has all of it. What you change is
added to it.
{% endif %}

{% endif %}
{% if dependencies %}
## Done before this task
{% for dependency in dependencies %}
- {{ dependency.id }}{{ " (" ~ dependency.state ~ ")" if dependency.state in ("Failed", "Skipped") }}
{%- if dependency.commit %}: commit {{ dependency.commit }}{% endif %}

{% for name, path in dependency.outputs.items() %}
  - output {{ name }}: {{ path }}
{% endfor %}
{% endfor %}

{% endif %}
{% if feedback %}
## Feedback
This is attempt {{ attempt }}. The attempt before has left this:

{{ feedback }}

{% endif %}
## How to end
{% if step and step.gate %}
- Change nothing in the current folder: what a gate changes is discarded.
- If you accept the work, write no file.
- If you reject it, write what has to change to the file `$PPROJ_OUTPUTS/rejected.md` ({{ outputs }}/rejected.md). The
  author of the work gets that text and changes the work. Then you judge it again.
{% else %}
- Work in the current folder, a checkout of the project. Do not commit, push or switch branches: what you leave in the
  files is taken as one commit.
{% endif %}
{% if ports %}
- Other tasks run on this machine at the same time. Servers that you start must listen on one of these ports:
  {{ ports | join(", ") }}.
{% endif %}
{% if not (step and step.gate) %}
- If nothing is to be done, write the reason to the file `$PPROJ_OUTPUTS/no-change` ({{ outputs }}/no-change).
{% endif %}
- If you cannot continue without an answer of a person, write the question to `$PPROJ_OUTPUTS/needs-input.md` and stop.
  The answer is in the prompt of the next attempt.
"""

RESUMED = """\
# Task {{ task.id }}
This is attempt {{ attempt }}. The attempt before has left this:

{{ feedback }}

## How to continue
{% if step and step.gate %}
- The current folder is a new workspace, {{ workspace }}. The work as it is now is its last commit: `git show HEAD`.
  Judge it again, as before.
{% elif step and step.hasWork %}
- The current folder is a new workspace, {{ workspace }}. Its last commit has the work of this task so far.
  What you changed in an attempt that did not end well is not in it. Do the work here.
{% else %}
- The current folder is a new workspace, {{ workspace }}. It does not have the changes that you made before, except
  those that have landed. Do the work here.
{% endif %}
{% if ports %}
- The ports for servers are now {{ ports | join(", ") }}.
{% endif %}
{% if step and step.hasWork and not step.gate %}
- Write files for `$PPROJ_OUTPUTS` again that are not there any more. All else is as before.
{% else %}
- Files for `$PPROJ_OUTPUTS` have to be written again. All else is as before.
{% endif %}
"""
"""For an attempt that continues the session of the one before, which knows the rest."""
TASK_DEFAULTS: dict[str, Any] = {"title": "", "description": "", "files": [], "parameters": []}
"""What a task file lacks where a task does not set it."""


class PromptError(Exception):
    """A template cannot be rendered. The message says why."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """What a template sees."""

    task: Mapping[str, Any]
    """As in the task file: id, title, description, files, parameters."""
    attempt: int
    outputs: str
    """The folder of ``PPROJ_OUTPUTS``."""
    project: str = ""
    role: str = ""
    dependencies: Sequence[Mapping[str, Any]] = field(default_factory=list)
    """As in the task file: id, state, commit, outputs."""
    feedback: str = ""
    """What the attempt before has left to be heeded."""
    instructions: str = ""
    """Those of the role."""
    skills: Sequence[str] = ()
    """Names of the skills that the role is to use."""
    ports: Sequence[int] = ()
    """The ports of the attempt."""
    step: Mapping[str, Any] = field(default_factory=dict)
    """As in the task file, where the task has steps: name, gate, round, hasWork."""
    workspace: str = ""
    """Where the attempt works; only for ``RESUMED``."""


def render(prompt: Prompt, template: str | None = None) -> str:
    """The prompt of an attempt.

    Args:
        prompt: What it is about.
        template: By default ``DEFAULT``.

    Raises:
        PromptError: the template is wrong.
    """
    import jinja2  # here, because it is slow to load and most runs need none

    shown = {name: getattr(prompt, name) for name in prompt.__slots__}
    try:
        return str(_compiled(DEFAULT if template is None else template).render(shown))
    except (jinja2.TemplateError, TypeError, ValueError, ArithmeticError, LookupError, AttributeError) as error:
        line = f"line {error.lineno}: " if isinstance(error, jinja2.TemplateSyntaxError) else ""
        raise PromptError(f"{line}{error}") from None


def prompt_of(
    document: Mapping[str, Any],
    template: str | None,
    outputs: str,
    feedback: str = "",
    resumed_in: str | None = None,
) -> str:
    """The prompt of an attempt.

    Args:
        document: The task file of the attempt.
        template: The user's, if any.
        outputs: The folder of its outputs.
        feedback: What the attempt before has left, if anything.
        resumed_in: The workspace, where the attempt continues the session of the one before.
    """
    prompt = Prompt(
        task=TASK_DEFAULTS | document["task"] | {"parameters": _parameters(document["parameters"])},
        attempt=document["attempt"],
        outputs=outputs,
        project=document["project"],
        role=document["role"] or "",
        dependencies=[{"commit": "", **dependency} for dependency in document["dependencies"]],
        feedback=feedback,
        instructions=document.get("instructions", ""),
        skills=document.get("skills", ()),
        ports=document.get("ports", ()),
        step=document.get("step", {}),
        workspace=resumed_in or "",
    )
    return render(prompt, RESUMED if resumed_in else template)


def _parameters(values: Mapping[str, str]) -> list[Mapping[str, str]]:
    """The parameters with the values of the attempt, which other tasks may have given."""
    return [{"name": name, "value": value} for name, value in values.items()]


def check_syntax(template: str) -> None:
    """Parses a template, and evaluates nothing of it: that may need any time and memory.

    Raises:
        PromptError: it cannot be parsed.
    """
    import jinja2

    try:
        _environment().parse(template)
    except jinja2.TemplateSyntaxError as error:
        raise PromptError(f"line {error.lineno}: {error}") from None


@lru_cache(maxsize=4)
def _compiled(template: str) -> Any:
    return _environment().from_string(template)


def _environment() -> Any:
    import jinja2
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    return ImmutableSandboxedEnvironment(
        undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True
    )
