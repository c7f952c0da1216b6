"""How much fits into the annotations of a pod: the task file, the instruction for git, and the feedback. Pure.

The API server refuses a pod whose annotations have more bytes, so a spec with such a task is refused before. What is
only known when an attempt starts (outputs, feedback) gets the space that is left.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from parallelproject.core.graph.steps import steps_by_task
from parallelproject.executors.base.delivery_instruction import BODY_MAX
from parallelproject.executors.base.pod import Json
from parallelproject.model.output_values import OUTPUT_MAX
from parallelproject.model.problem import Problem
from parallelproject.model.spec import Role, Spec, Task

ANNOTATIONS_BYTES = 262_144
"""Maximum bytes of the names and values of all annotations of a pod (metav1.ObjectMeta)."""
_MARGIN, _DEPENDENCY_BYTES = 8_192, 192
"""Bytes of what has no text of the user; of a dependency in the task file, without its id."""
_OUTPUT_BYTES, _OUTPUTS_BYTES = 6 * OUTPUT_MAX, 65_536
"""Maximum bytes of an output in JSON; of all outputs of dependencies in a task file."""
_ANSWERS_LEAST = _MARGIN // 2
"""Bytes that answers have however long the texts of their task are."""
_CUT_MIN, _START = 1_024, 4_096
"""Feedback is cut to no less than this; bytes of its start that are kept, where how the attempt failed is said."""


def known_size(spec: Spec, task: Task, role: Role | None) -> int:
    """At least as many bytes as the annotations of a task's pod have without outputs, feedback and what the project
    itself has in its metadata.

    Args:
        spec: The spec.
        task: The task.
        role: The role that runs it.
    """
    values = [text for each in task.parameters for text in (each.name, each.value)]  # in the task, and by themselves
    texts = [task.title, task.description, *task.files, *values, *values]
    if spec.git:
        texts += [task.title, task.description[:BODY_MAX], *task.files, *spec.git.not_landed, spec.git.url]
    if role is not None and role.agent is not None:
        texts.append(spec.prompt or "")
    size = _MARGIN + sum(_bytes(text) for text in texts)
    size += sum(2 * len(need) + _DEPENDENCY_BYTES for need in task.dependencies)
    for parameter in task.parameters:
        if parameter.value_from:
            size += _OUTPUT_BYTES + len(parameter.value_from.model_dump_json().encode(errors="replace"))
    size += sum(len(when.model_dump_json().encode(errors="replace")) for when in task.when)
    if role is not None:
        size += _bytes([role.instructions, role.skills])
        metadata = role.pod_template.metadata if role.pod_template else None
        size += _of_all(metadata.annotations or {}) if metadata else 0
    return size


def space_for_outputs(spec: Spec, task: Task, role: Role | None) -> int:
    """Maximum bytes of the outputs of a task's dependencies in its task file; half of the rest is for feedback."""
    return max(0, min(_OUTPUTS_BYTES, (ANNOTATIONS_BYTES - known_size(spec, task, role)) // 2))


def space_for_answers(spec: Spec, task: Task, role: Role | None) -> int:
    """Maximum bytes of the answers to a task's questions. The outputs of its dependencies may take as much."""
    return max(_ANSWERS_LEAST, (ANNOTATIONS_BYTES - known_size(spec, task, role)) // 2)


def cut_feedback(feedback: str, name: str, others: Json) -> str:
    """The feedback as far as it fits next to the other annotations: its start, and its end, which is newest.

    Args:
        feedback: The feedback.
        name: The name of its annotation.
        others: All other annotations.
    """
    left = ANNOTATIONS_BYTES - _of_all(others) - len(name)
    content = feedback.encode(errors="replace")
    if len(content) <= left:
        return feedback
    left -= 80  # for the line between
    if left < _CUT_MIN:
        return f"[{len(content):,} bytes of feedback do not fit into the annotations of the pod]\n" if left > 0 else ""
    start = content[: min(_START, left // 2)]
    end = content[len(content) - (left - len(start)) :]
    cut = f"\n[cut: {len(content) - len(start) - len(end):,} bytes]\n"
    return start.decode(errors="ignore") + cut + end.decode(errors="ignore")


def too_much(spec: Spec) -> Iterator[Problem]:
    """Tasks whose pods would have larger annotations than the API server accepts."""
    usual = spec.defaults.role or (spec.roles[0].name if len(spec.roles) == 1 else None)
    for i, (task, steps) in enumerate(zip(spec.tasks, steps_by_task(spec), strict=True)):
        roles = dict.fromkeys([task.role or usual, *(step.role for step in steps)])
        size = max(known_size(spec, task, spec.role(role)) for role in roles)
        if size > ANNOTATIONS_BYTES:
            found = (
                f"the annotations of its pod need about {size:,} bytes; the API server accepts {ANNOTATIONS_BYTES:,}"
            )
            hint = "shorten its texts and those of its roles, or put a task between it and its dependencies"
            yield Problem(f"spec.tasks[{i}]", found, hint)


def _bytes(value: object) -> int:
    return len(json.dumps(value, ensure_ascii=False).encode(errors="replace"))


def _of_all(annotations: Mapping[str, Any]) -> int:
    return sum(len(str(text).encode(errors="replace")) for pair in annotations.items() for text in pair)
