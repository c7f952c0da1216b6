"""What a user writes of outputs: parameters whose values other tasks write, and the conditions of a task."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from parallelproject.model.base import Model
from parallelproject.model.output_values import OUTPUT_MAX, OUTPUT_PATTERN

ID_PATTERN = r"^[A-Za-z0-9]([-._A-Za-z0-9]{0,61}[A-Za-z0-9])?$"
CONDITIONS_MAX = 20
"""Maximum number of conditions of a task."""

TaskId = Annotated[str, Field(min_length=1, max_length=63, pattern=ID_PATTERN)]
OutputName = Annotated[str, Field(min_length=1, max_length=63, pattern=OUTPUT_PATTERN)]
"""The name of a file directly in PPROJ_OUTPUTS."""
ParameterName = Annotated[str, Field(min_length=1, max_length=63, pattern=r"^[A-Za-z_]([-._A-Za-z0-9]*)$")]
Value = Annotated[str, Field(max_length=OUTPUT_MAX)]


class EndState(StrEnum):
    """How a task may have ended, as a condition names it."""

    SUCCEEDED = "Succeeded"
    FAILED = "Failed"
    SKIPPED = "Skipped"


class Operator(StrEnum):
    """How a condition compares a value."""

    IN = "In"
    NOT_IN = "NotIn"


class When(Model):
    """A condition of a task: on how a task ended, on an output of a task, or on a parameter of the task itself."""

    task: TaskId | None = None
    """Id of a task that this one depends on, directly or by way of others."""
    end: Annotated[EndState | None, Field(alias="is")] = None
    """How that task must have ended: Succeeded, Failed or Skipped. A direct dependency with Failed or Skipped need not
    succeed, and no failurePolicy keeps this task from running."""
    output: OutputName | None = None
    """In place of is: name of an output of that task, which is compared. One that does not exist makes the condition
    false."""
    parameter: ParameterName | None = None
    """In place of task: name of a parameter of this task, which is compared."""
    operator: Operator | None = None
    """With output or parameter. In: the value is one of values. NotIn: it exists, and is not one of them."""
    values: Annotated[list[Value], Field(max_length=50)] = []
    """With output or parameter: what it is compared with."""


class ParameterSource(Model):
    """Where the value of a parameter comes from."""

    task: TaskId
    """Id of a task that this one depends on, directly or by way of others."""
    output: OutputName
    """Name of an output of that task: of a file in its PPROJ_OUTPUTS. Its value has at most 1 KiB, without one newline
    at the end."""
    default: Value | None = None
    """The value if that output does not exist; without one the task fails then."""
