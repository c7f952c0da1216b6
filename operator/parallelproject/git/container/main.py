"""The command that containers run: ``pproj-git STEP [FILE]``.

The steps are ``prepare``, ``after-setup``, ``deliver``, ``land``, ``salvage``, ``checkout``, ``prepare-check``,
``report-check``, ``revert``, ``prepare-reading`` and ``read``.
Its instruction is JSON: the fields of ``Delivery`` in camelCase, with ``workspace`` and ``private``, in FILE or in
``PPROJ_GIT``. Its result is JSON of at most 4 KiB, as a container's termination message may be. Exit codes: 0, and
those of ``outcome``; an error in the program itself is 25, since the work is unchanged. ``deliver`` is ``land`` for
the container next to a task's: it waits for the command to end, and keeps the work of a command that failed.
``after-setup`` is for the container that follows the one with ``spec.workspace.setup``, see ``pod_setup``.
``prepare-reading`` and ``read`` are ``prepare`` and ``deliver`` for an agent without a repository, see ``reading``.
``checkout`` is for a container of which nothing lands. ``prepare-check`` and ``report-check`` are the two steps of a
check of what has landed, see ``checking``; ``revert`` takes work off the branch, see ``reverting``.
"""

import argparse
import json
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from parallelproject.agents.attempt_files import usage_of
from parallelproject.core.planner.agent_usage import report_trouble
from parallelproject.core.steps.step import OWN, StepVerdict
from parallelproject.core.verification.check_message import said_in
from parallelproject.git.container import instructions, sidecar
from parallelproject.git.container.agent import AgentVerdict, PodAgent
from parallelproject.git.container.asking import CommandVerdict, EndVerdict
from parallelproject.git.container.checking import PodCheck, check_out_pod, report_check
from parallelproject.git.container.pod_setup import PodSetup
from parallelproject.git.container.pod_step import PodStep, StepEnded
from parallelproject.git.container.reading import CommandEnded, prepare_reading, read_end
from parallelproject.git.container.reverting import PodRevert, revert_in_pod
from parallelproject.git.container.short_text import end_of, start_of
from parallelproject.git.container.sidecar import Failed, Judge, SidecarFolder
from parallelproject.git.landing.land import Landed, land
from parallelproject.git.landing.salvage import Salvaged, salvage
from parallelproject.git.plumbing.delivery import Delivery, Place
from parallelproject.git.plumbing.failure import GitFailedError
from parallelproject.git.plumbing.outcome import AGENT_FAILED, GATE_REJECTED, PolicyError, TransientError
from parallelproject.git.workspace.added import with_added
from parallelproject.git.workspace.prepare import Prepared, check_out_tip, prepare
from parallelproject.model.names import USAGE
from parallelproject.model.problem import listed
from parallelproject.output_folder import read_outputs

VARIABLE = "PPROJ_GIT"
_SIGNING_KEY = "signing-key"
"""In the folder of credentials: the key that commits on the branch are signed with."""
_LEFT_OUT = {
    "notLanded": "it is never part of a task's work",
    "hidden": "rules of the base, or rules that the task added, ignore it",
}
_NOT_IN_RESULT = frozenset({"report", "is_printed"})
"""Fields of an end that its result does not have: the report of a gate is below it."""
_UNITS_MAX = 8
"""Maximum number of units of a report: it shares the bytes of the result."""
_IGNORED_SHOWN = 5
_STEPS = ("prepare", "after-setup", "deliver", "land", "salvage", "checkout", "prepare-check", "report-check",
          "revert", "prepare-reading", "read")  # fmt: skip
_OF_READING = ("prepare-reading", "read")
_OF_CHECKS = ("prepare-check", "report-check")


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
    if asked.step in ("deliver", *_OF_CHECKS, *_OF_READING) and not asked.state:
        parser.error(f"{asked.step} needs --state")
    if asked.step in ("prepare", "prepare-check", "prepare-reading") and bool(asked.state) != bool(asked.tools):
        parser.error("--state and --tools go together")
    if asked.step in ("land", "salvage", "revert"):
        # Stopping half-way has no benefit: work that is not safe yet would be lost.
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if asked.step in _OF_CHECKS:
        return _check(asked)
    if asked.step == "revert":
        return _revert(asked)
    verdicts: list[EndVerdict] = []
    folder: Path | None = None
    reads_usage = False
    outputs: dict[str, str] = {}
    report: Callable[[int], str] | None = None
    try:
        text = instructions.asked(asked.file, VARIABLE)
        instruction = read_only(text) if asked.step in _OF_READING else read(text)
        folder, reads_usage = instruction.outputs, instruction.reads_usage
        judge = partial(_judge, instruction.agent, instruction.outputs, verdicts)
        ended: CommandEnded | Prepared | Landed | Salvaged | Failed | StepEnded
        step: PodStep | None = None
        if isinstance(instruction, PodInstruction):
            step = instruction.step
            ended = _step(asked, instruction, judge)
        else:
            ended = _read(asked, instruction, judge)
        code = 0
        if isinstance(ended, Failed) and verdicts and verdicts[-1].exit_code:
            code = AGENT_FAILED
        elif isinstance(ended, Failed) and ended.exit_code is None:
            # If the end of a command is not known, the result must not look as if its work had landed.
            code = TransientError.exit_code
        elif isinstance(ended, StepEnded) and ended.outcome is StepVerdict.REJECTED:
            code, report = GATE_REJECTED, partial(_report, ended, step)
        if isinstance(ended, CommandEnded) or (asked.step == "deliver" and _puts_out(step, ended)):
            outputs = _outputs(folder)
        fields = asdict(ended) | {"kept": tuple(map(str, getattr(ended, "kept", ())))}
        result = instructions.shown({name: value for name, value in fields.items() if name not in _NOT_IN_RESULT})
    except sidecar.StoppedError:
        return sidecar.STOPPED
    except Exception as error:
        code, result = instructions.of_error(error)
    if folder and reads_usage and asked.step in ("deliver", "read") and (reported := _usage(folder)):
        result["usage"] = dict(sorted(reported.items())[:_UNITS_MAX])
    if verdicts:
        result["agent"] = instructions.shown(verdicts[-1].result())
        _say(verdicts[-1].message)
        _say(verdicts[-1].question)
    _log(result)
    instructions.answer(result, asked.result, outputs=outputs, report=report)
    return code


def _check(asked: argparse.Namespace) -> int:
    """One step of a check; its report is a text of its own form, unless it fails."""
    code = 0
    try:
        content = instructions.parse(instructions.asked(asked.file, VARIABLE))
        check = instructions.as_type(PodCheck, content.pop("check", {}))
        instruction = read(json.dumps(content))
        state = SidecarFolder(asked.state)
        if asked.step == "prepare-check":
            place = instruction.place
            message = check_out_pod(instruction.delivery, place, check, state, asked.tools, asked.wrapper)
            for line in instruction.setup.begin(instruction.delivery, place) if instruction.setup else ():
                _say(line)
        else:
            answer = partial(instructions.answer_text, file=asked.result)
            message = report_check(instruction.place, state, check.message_max, answer)
    except sidecar.StoppedError:
        return sidecar.STOPPED
    except Exception as error:
        code, result = instructions.of_error(error.as_outcome() if isinstance(error, GitFailedError) else error)
        message = instructions.encode(result)
    _say(said_in(message))
    instructions.answer_text(message, asked.result)
    return code


def _revert(asked: argparse.Namespace) -> int:
    """Takes work off the branch; its report is a text of its own form, unless it fails."""
    try:
        content = instructions.parse(instructions.asked(asked.file, VARIABLE))
        wanted = instructions.as_type(PodRevert, content.pop("revert", {}))
        instruction = read(json.dumps(content))
        code, message = revert_in_pod(instruction.delivery, instruction.place, wanted)
    except Exception as error:
        code, result = instructions.of_error(error)
        message = instructions.encode(result)
        _say(said_in(message))
    instructions.answer_text(message, asked.result)
    return code


def _outputs(folder: Path | None) -> dict[str, str]:
    """The outputs of the task that may be used as values. What is none costs nothing, and is named in the log."""
    if folder is None:
        return {}
    try:
        found = read_outputs(str(folder))
    except OSError as error:
        _say(f"the outputs cannot be read: {error.strerror}")
        return {}
    if found.ignored:
        _say(f"not used as outputs: {listed(found.ignored, _IGNORED_SHOWN)}")
    return found.values


def _puts_out(step: PodStep | None, ended: object) -> bool:
    """Whether the outputs of an attempt are those of its task: of its own work, not of what judges it."""
    if step is not None and step.name != OWN:
        return False
    return isinstance(ended, Landed | StepEnded)


def _report(ended: StepEnded, step: PodStep | None, taken: int) -> str:
    """The report of a gate, as far as it fits below a result of so many bytes."""
    most = (step.message_max if step else instructions.MESSAGE_MAX) - taken
    return end_of(ended.report, most) if ended.is_printed else start_of(ended.report, most)


def _usage(outputs: Path) -> Mapping[str, str]:
    """What the task reports to have used. What does not count is named in the log."""
    found = usage_of(outputs / USAGE)
    _say(report_trouble(found.unusable, found.amounts, found.ignored))
    return found.amounts


def _read(asked: argparse.Namespace, instruction: "PodReading", judge: Judge) -> Prepared | CommandEnded | Failed:
    place, state = instruction.place, SidecarFolder(asked.state)
    if asked.step == "read":
        return read_end(place, state, judge)
    return prepare_reading(place, state, asked.tools, instruction.agent, asked.wrapper)


def _judge(
    agent: PodAgent | None, outputs: Path | None, verdicts: list[EndVerdict], output: Path, exit_code: int
) -> EndVerdict | None:
    found: EndVerdict | None = (
        AgentVerdict(agent, output, exit_code) if agent else CommandVerdict.of(outputs, exit_code)
    )
    verdicts += [found] if found else []
    return found


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
    asked: argparse.Namespace, instruction: "PodInstruction", judge: Judge
) -> Prepared | Landed | Salvaged | Failed | StepEnded:
    delivery, place, setup = instruction.delivery, instruction.place, instruction.setup
    match asked.step:
        case "deliver":
            return sidecar.deliver(
                with_added(delivery, place), place, SidecarFolder(asked.state), is_init=not asked.not_init, judge=judge,
                step=instruction.step, outputs=instruction.outputs,
            )  # fmt: skip
        case "after-setup":
            if setup is None:
                raise PolicyError("InvalidInstruction", "the instruction names no setup")
            return setup.note(delivery, place)
        case "prepare" if asked.state:
            state = SidecarFolder(asked.state)
            prepared = sidecar.prepare_pod(
                delivery, place, state, asked.tools, asked.wrapper, instruction.agent, instruction.step
            )
            notes = setup.begin(delivery, place) if setup else ()
            return replace(prepared, notes=(*prepared.notes, *notes))
        case "prepare":
            return prepare(delivery, place)
        case "checkout":
            return check_out_tip(delivery, place)
        case "land":
            return land(delivery, place)
        case _:
            return salvage(delivery, place)


class PodReading(NamedTuple):
    """What a container is to do that only reads."""

    place: Place
    agent: PodAgent | None
    outputs: Path | None
    reads_usage: bool


class PodInstruction(NamedTuple):
    """What a container is to do."""

    delivery: Delivery
    place: Place
    agent: PodAgent | None
    """The coding agent that makes the attempt; None: a command."""
    outputs: Path | None
    """The folder of its outputs, if that is known."""
    reads_usage: bool
    """Whether what the task reports to have used is read."""
    setup: PodSetup | None = None
    """What runs in the workspace before the command, if anything does."""
    step: PodStep | None = None
    """The step of the task that it is at, where the task has steps."""


def read_only(text: str) -> PodReading:
    """Reads an instruction for the steps of an agent without a repository.

    Raises:
        PolicyError: it is invalid; the message names the fields.
    """
    content = instructions.parse(text)
    found = _taken(content)
    if content:
        raise PolicyError("InvalidInstruction", f"the instruction has unknown fields: {', '.join(sorted(content))}")
    return found


def _taken(content: dict[str, Any]) -> PodReading:
    """What all instructions have; it is removed from the content."""
    place = {name: content.pop(name, None) for name in ("workspace", "private")}
    agent, outputs = content.pop("agent", None), content.pop("outputs", None)
    return PodReading(
        instructions.as_type(Place, place),
        instructions.as_type(PodAgent, {**agent, "outputs": outputs}) if agent else None,
        Path(outputs) if outputs else None,
        content.pop("reads_usage", None) is True,
    )


def read(text: str) -> PodInstruction:
    """Reads an instruction.

    Raises:
        PolicyError: it is invalid; the message names the fields.
    """
    content = instructions.parse(text)
    content.pop("check", None)
    common = _taken(content)
    setup, step = content.pop("setup", None), content.pop("step", None)
    delivery = instructions.as_type(Delivery, content)
    if delivery.credentials and not delivery.signing_key and (delivery.credentials / _SIGNING_KEY).is_file():
        delivery = replace(delivery, signing_key=delivery.credentials / _SIGNING_KEY)
    return PodInstruction(
        delivery,
        *common,
        instructions.as_type(PodSetup, setup) if setup else None,
        instructions.as_type(PodStep, step) if step else None,
    )


if __name__ == "__main__":
    sys.exit(main())
