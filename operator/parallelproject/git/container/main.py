"""The command that containers run: ``pproj-git prepare|deliver|land|salvage [FILE]``.

Its instruction is JSON: the fields of ``Delivery`` in camelCase, with ``workspace`` and ``private``, in FILE or in
``PPROJ_GIT``. Its result is JSON of at most 4 KiB, as a container's termination message may be. Exit codes: 0, and
those of ``outcome``; an error in the program itself is 25, since the work is unchanged. ``deliver`` is ``land`` for
the container next to a task's: it waits for the command to end, and keeps the work of a command that failed.
"""

import argparse
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

from parallelproject.agents.attempt_files import usage_of
from parallelproject.git.container import instructions, sidecar
from parallelproject.git.container.agent import AgentVerdict, PodAgent
from parallelproject.git.container.sidecar import Failed, SidecarFolder
from parallelproject.git.landing.land import Landed, land
from parallelproject.git.landing.salvage import Salvaged, salvage
from parallelproject.git.plumbing.delivery import Delivery, Place
from parallelproject.git.plumbing.outcome import AGENT_FAILED, TransientError
from parallelproject.git.workspace.prepare import Prepared, prepare

VARIABLE = "PPROJ_GIT"
_SIGNING_KEY = "signing-key"
"""In the folder of credentials: the key that commits on the branch are signed with."""
_LEFT_OUT = {
    "notLanded": "it is never part of a task's work",
    "hidden": "rules of the base, or rules that the task added, ignore it",
}
_UNITS_MAX = 8
"""Maximum number of units of a report: it shares the bytes of the result."""
_STEPS = ("prepare", "deliver", "land", "salvage")


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one step, and returns its exit code."""
    parser = argparse.ArgumentParser(prog="pproj-git", description="Deliver the work of one attempt with git.")
    parser.add_argument("step", choices=_STEPS)
    parser.add_argument("file", nargs="?", type=Path, help=f"the instruction; by default the content of {VARIABLE}")
    parser.add_argument("--result", type=Path, help="the file for the result; by default standard output")
    parser.add_argument("--state", type=Path, help="in a pod: the folder shared with the task's container")
    parser.add_argument(
        "--tools", type=Path, help="in a pod: the folder where prepare puts the program that runs the task's command"
    )
    parser.add_argument("--wrapper", type=Path, default=sidecar.WRAPPER, help="the program that prepare puts there")
    text = "in a pod: the wrapper is not the first process of its container, as in a Workflow of Argo"
    parser.add_argument("--not-init", action="store_true", help=text)
    asked = parser.parse_args(arguments)
    if asked.step == "deliver" and not asked.state:
        parser.error("deliver needs --state")
    if asked.step == "prepare" and bool(asked.state) != bool(asked.tools):
        parser.error("--state and --tools go together")
    if asked.step in ("land", "salvage"):
        # Stopping half-way has no benefit: work that is not safe yet would be lost.
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    verdicts: list[AgentVerdict] = []
    usage: Any = None
    try:
        text = instructions.asked(asked.file, VARIABLE)
        delivery, place, agent = read(text)
        usage = instructions.parse(text).get("usage")
        ended = _step(asked, delivery, place, agent, partial(_judge, agent, verdicts) if agent else None)
        code = 0
        if isinstance(ended, Failed) and verdicts:
            code = AGENT_FAILED
        elif isinstance(ended, Failed) and ended.exit_code is None:
            # If the end of a command is not known, the result must not look as if its work had landed.
            code = TransientError.exit_code
        result = instructions.shown(asdict(ended) | {"kept": tuple(map(str, getattr(ended, "kept", ())))})
    except sidecar.StoppedError:
        return sidecar.STOPPED
    except Exception as error:
        code, result = instructions.of_error(error)
    if usage and asked.step == "deliver" and (reported := usage_of(Path(usage))):
        result["usage"] = dict(sorted(reported.items())[:_UNITS_MAX])
    if verdicts:
        result["agent"] = instructions.shown(verdicts[-1].result())
        _say(verdicts[-1].message)
    _log(result)
    instructions.answer(result, asked.result)
    return code


def _judge(agent: PodAgent, verdicts: list[AgentVerdict], output: Path, exit_code: int) -> AgentVerdict:
    verdicts.append(AgentVerdict(agent, output, exit_code))
    return verdicts[-1]


def _log(result: Mapping[str, Any]) -> None:
    """Writes what people may look for to the container's log."""
    lines = [*result.get("notes", ()), *result.get("kept", ())]
    for name, why in _LEFT_OUT.items():
        lines += [f"{path} has not landed: {why}" for path in result.get(name, ())]
    for line in (result.get("message"), *lines):
        _say(line)


def _say(line: str | None) -> None:
    if line:
        print(line, file=sys.stderr, flush=True)  # noqa: T201


def _step(
    asked: argparse.Namespace,
    delivery: Delivery,
    place: Place,
    agent: PodAgent | None,
    judge: Callable[[Path, int], AgentVerdict] | None,
) -> Prepared | Landed | Salvaged | Failed:
    match asked.step:
        case "deliver":
            state = SidecarFolder(asked.state)
            return sidecar.deliver(delivery, place, state, is_init=not asked.not_init, judge=judge)
        case "prepare" if asked.state:
            return sidecar.prepare_pod(delivery, place, SidecarFolder(asked.state), asked.tools, asked.wrapper, agent)
        case "prepare":
            return prepare(delivery, place)
        case "land":
            return land(delivery, place)
        case _:
            return salvage(delivery, place)


def read(text: str) -> tuple[Delivery, Place, PodAgent | None]:
    """Reads an instruction: of the third part only what a coding agent makes has one.

    Raises:
        PolicyError: it is invalid; the message names the fields.
    """
    content = instructions.parse(text)
    place = {name: content.pop(name, None) for name in ("workspace", "private")}
    agent = content.pop("agent", None)
    content.pop("usage", None)  # the file in which the task reports what it has used
    delivery = instructions.as_type(Delivery, content)
    if delivery.credentials and not delivery.signing_key and (delivery.credentials / _SIGNING_KEY).is_file():
        delivery = replace(delivery, signing_key=delivery.credentials / _SIGNING_KEY)
    called = instructions.as_type(PodAgent, agent) if agent else None
    return delivery, instructions.as_type(Place, place), called


if __name__ == "__main__":
    sys.exit(main())
