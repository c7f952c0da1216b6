"""The bounds of a task, as the model has them, for what must be cut or refused before it is made."""

from typing import get_args

from annotated_types import MaxLen
from pydantic import BaseModel

from parallelproject.model.spec import FilePattern, Spec, Task


def _most(model: type[BaseModel], field: str) -> int:
    return next(mark.max_length for mark in model.model_fields[field].metadata if isinstance(mark, MaxLen))


TASKS_MAX = _most(Spec, "tasks")
TITLE_MAX = _most(Task, "title")
DESCRIPTION_MAX = _most(Task, "description")
DEPENDENCIES_MAX = _most(Task, "dependencies")
EDGES_MAX = 1_000_000
"""Dependencies in all: groups that wait for whole groups make many, and each takes time and memory."""
FILES_MAX = _most(Task, "files")
PATH_MAX = next(
    mark.max_length for part in get_args(FilePattern)[1:] for mark in part.metadata if isinstance(mark, MaxLen)
)
