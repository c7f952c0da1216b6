"""The prompts of attempts, as files; and that a template can make any, before the first task runs."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from parallelproject.model.problem import Problem, ProblemsError
from parallelproject.model.spec import Task

_FEEDBACK_MAX = 32_768
"""Bytes of the feedback of an attempt that its successor reads: the last ones."""


def write_prompt(
    file: str,
    document: Mapping[str, Any],
    template: str | None,
    outputs: str,
    feedback: str | None,
    resumed_in: str | None = None,
) -> None:
    """Writes the prompt of an attempt.

    Args:
        file: Where.
        document: The task file of the attempt.
        template: The user's, if any.
        outputs: The folder of its outputs.
        feedback: The file that the attempt before has left, if any.
        resumed_in: The workspace, where the attempt continues the session of the one before.

    Raises:
        OSError: it cannot be written.
    """
    from parallelproject.agents.prompt import prompt_of  # here, because few runs need it

    text = prompt_of(document, template, outputs, _text(feedback) if feedback else "", resumed_in)
    Path(file).write_text(text, encoding="utf-8", errors="replace")


def check_template(template: str, tasks: Sequence[Task]) -> None:
    """Renders a template for each task, so that none fails when its turn has come.

    Raises:
        ProblemsError: it is wrong.
    """
    from parallelproject.agents.prompt import TASK_DEFAULTS, Prompt, PromptError, render

    done = {"id": "other", "state": "Succeeded", "attempts": 1, "outputs": {"name": "/path"}, "commit": "0123456789"}
    try:
        for task in tasks:
            shown = TASK_DEFAULTS | task.model_dump(by_alias=True, exclude_defaults=True, mode="json")
            shown["parameters"] = [{"name": each.name, "value": each.value} for each in task.parameters]
            for dependencies, feedback in (([], ""), ([done], "feedback")):
                render(Prompt(shown, 1, "/outputs", "project", "role", dependencies, feedback), template)
    except PromptError as error:
        names = "task, attempt, outputs, project, role, instructions, skills, ports, step, dependencies and feedback"
        hint = f"it sees {names}"
        raise ProblemsError([Problem("spec.prompt", f"the template is wrong: {error}", hint)]) from None


def _text(file: str) -> str:
    try:
        with Path(file).open("rb") as opened:
            opened.seek(max(0, opened.seek(0, 2) - _FEEDBACK_MAX))
            return opened.read().decode(errors="replace")
    except OSError:
        return ""
