"""Questions that attempts ask a person: the file that says so, kept after the outputs of the attempt are deleted.

An attempt asks by ``needs-input.md`` among its outputs, where its command ended with one of ``ASKING_CODES``. Its
folder of outputs is emptied before the next attempt, so the text is kept under the number of the attempt. Little is
imported, because the program of an attempt has to start fast.
"""

import os
from pathlib import Path

from parallelproject.model.names import NEEDS_INPUT
from parallelproject.whole_file import write_whole

_FOLDER, _SUFFIX = "results", ".question.md"


def question_file(state: Path, task: str, number: int) -> Path:
    """Where the question of an attempt is kept, below a state directory."""
    return state / _FOLDER / f"{task}.{number}{_SUFFIX}"


def question_of(state: Path, task: str, number: int) -> str | None:
    """What an attempt has asked; None: it has not."""
    try:
        return question_file(state, task, number).read_text(errors="replace", encoding="utf-8")
    except OSError:
        return None


def take_question(state: Path, task: str, number: int, outputs: Path) -> str | None:
    """Keeps the question of an attempt that has just ended, and gives it; None: it asks nothing.

    Raises:
        OSError: it cannot be written.
    """
    if not os.path.lexists(outputs / NEEDS_INPUT):
        return None
    from parallelproject.agents.attempt_files import question_in  # here, because few attempts ask

    text = question_in(outputs)
    if text is None:
        return None
    file = question_file(state, task, number)
    file.parent.mkdir(exist_ok=True)
    write_whole(file, text)
    return text
