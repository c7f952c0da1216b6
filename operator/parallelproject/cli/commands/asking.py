"""How commands that ask something of a project say what became of it: in words, or as JSON."""

import os
import shlex
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from parallelproject.cli.input.arguments import TextOrJson
from parallelproject.cli.output import terminal
from parallelproject.cli.output.failure import Failure
from parallelproject.cli.reader import RequestAnswer

if TYPE_CHECKING:
    from parallelproject.cli.reader import ProjectKeeper

Json = dict[str, Any]


class Asking:
    """One request and its answer."""

    def __init__(self, keeper: "ProjectKeeper", name: str, output: TextOrJson, *, starts: bool = False) -> None:
        self._keeper = keeper
        self._name = name
        self._output = output
        self._starts = starts
        """Whether a run that is not running is started again."""

    async def change(
        self,
        patch_of: Callable[[Json], Json | None],
        message: Callable[[], str | Sequence[str]],
        tasks: Callable[[], Sequence[str]] = tuple,
        unchanged: Callable[[str], None] = terminal.say,
    ) -> None:
        """Asks for a change, and says what happens then.

        Args:
            patch_of: A merge patch for the project as it is; None: there is nothing to change.
            message: What happens, or why nothing does; asked for after ``patch_of``.
            tasks: The tasks that it is about; asked for after ``patch_of``.
            unchanged: Says why nothing happens.
        """
        answer = None
        if await self._keeper.change(self._name, patch_of, tasks):
            answer = await self._keeper.taken_up(self._name)
        found = message()
        lines = [found] if isinstance(found, str) else list(found)
        again = ""
        if answer is RequestAnswer.RECORDED:
            again = self._keeper.command_to_continue(await self._keeper.get(self._name))
        if self._output is TextOrJson.JSON:
            known = answer.name.capitalize() if answer else "Unchanged"
            about = {"project": self._name, "answer": known, "message": "; ".join(lines), "tasks": list(tasks())}
            terminal.show_data(about | ({"next": [again]} if again else {}), as_json=True)
            return
        *notes, last = lines
        for note in notes:
            terminal.say(note)
        (terminal.show if answer else unchanged)(last)
        if answer is RequestAnswer.RECORDED and self._starts:
            become(self._keeper.start_again(await self._keeper.get(self._name)))
        if answer is RequestAnswer.RECORDED:
            terminal.say(f"recorded: {self._name} is not running, so this takes effect when it is started again")
            terminal.show_next([again])
        elif answer is RequestAnswer.OPEN:
            terminal.say("recorded: the run has not answered yet; it applies this as soon as it can")


def become(words: Sequence[str]) -> None:
    """Continues as another program; does nothing where there are no words."""
    if not words:
        return
    terminal.say_command("starting", shlex.join(words))
    sys.stdout.flush()
    sys.stderr.flush()
    try:
        os.execvp(words[0], list(words))
    except OSError as error:
        raise Failure(f"cannot start {words[0]}: {error.strerror}", hint="type the command yourself") from None
