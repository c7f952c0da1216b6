"""The containers of an agent whose work lands nowhere: one equips its pod, one reads how it ended. No git is called."""

from dataclasses import dataclass
from pathlib import Path

from parallelproject.git.container.agent import PodAgent
from parallelproject.git.container.sidecar import (
    WRAPPER,
    Failed,
    Judge,
    SidecarFolder,
    Stopping,
    equip,
    judged_end,
)
from parallelproject.git.plumbing.delivery import Place
from parallelproject.git.plumbing.outcome import Outcome
from parallelproject.git.workspace.prepare import Prepared


@dataclass(frozen=True, slots=True)
class CommandEnded:
    """The command has succeeded."""

    outcome: Outcome = Outcome.ENDED


def prepare_reading(
    place: Place, state: SidecarFolder, tools: Path, agent: PodAgent | None, wrapper: Path = WRAPPER
) -> Prepared:
    """Makes what the task's container needs to run its command.

    Args:
        place: The private folder; nothing is checked out.
        state: The folder that the two containers share.
        tools: The folder that the wrapper is copied to.
        agent: The coding agent that the command starts.
        wrapper: The wrapper.

    Raises:
        PolicyError: the template of the prompt is wrong.
    """
    equip(place, state, tools, wrapper)
    if agent:
        state.keep_output()
        agent.write_prompt(place.workspace)
    return Prepared(Outcome.PREPARED)


def read_end(place: Place, state: SidecarFolder, judge: Judge) -> CommandEnded | Failed:
    """Waits for the end of the command, and judges it.

    Args:
        place: What ``prepare_reading`` was called with.
        state: The folder that the two containers share.
        judge: Gives the verdict.

    Raises:
        StoppedError: SIGTERM came before the command had started.
    """
    found = judged_end(place, state, Stopping(), judge=judge)
    if isinstance(found, Failed):
        return found
    code, _ = found
    return CommandEnded() if code == 0 else Failed(Outcome.COMMAND_FAILED, code)
