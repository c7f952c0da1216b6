"""The program of an attempt whose work lands: it prepares a workspace, runs the command in it, and lands what it left.

All of it is one running attempt, as the three containers of a pod are. It may be killed at any moment: the refs of
the repository, and what it has left in its place, tell the next attempt what is still to do. Standard library only,
to start fast.
"""

import fcntl
import json
import os
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from io import TextIOWrapper
from pathlib import Path
from typing import Any

from parallelproject.core.steps.gate_verdict import GATE_FAILED
from parallelproject.core.steps.step import StepVerdict
from parallelproject.folder_removal import try_to_remove
from parallelproject.git.landing.hold import forget_held, hold, land_held, set_aside
from parallelproject.git.landing.land import Landed, land
from parallelproject.git.landing.salvage import Salvaged, salvage
from parallelproject.git.plumbing.delivery import Delivery, Person, Place, Policy
from parallelproject.git.plumbing.outcome import DeliveryError, Outcome, PolicyError, TransientError
from parallelproject.git.workspace.added import with_added
from parallelproject.git.workspace.prepare import prepare
from parallelproject.git.workspace.work_tree import WORKSPACE_GONE
from parallelproject.local.agents.call import AgentCall
from parallelproject.local.delivery import result as delivery_result
from parallelproject.local.delivery.agent import AgentJudge
from parallelproject.local.delivery.command import Runner
from parallelproject.local.delivery.gate import rejection
from parallelproject.local.delivery.place import Places
from parallelproject.local.delivery.ready_workspace import OVERDUE, ReadyWorkspace
from parallelproject.local.delivery.result import FAILED, DeliveryResult
from parallelproject.local.delivery.setup import was_setting_up
from parallelproject.local.delivery.step_note import StepNote, note_step, step_note
from parallelproject.local.delivery.step_order import StepOrder
from parallelproject.local.state.questions import take_question
from parallelproject.local.workspace.copied_secrets import secret_values
from parallelproject.model.names import ASKING_CODES, ENV_OUTPUTS, RESERVED_OUTPUTS
from parallelproject.model.problem import listed

STOPPED = 143
"""Exit code of an attempt that was asked to end before its command had started, as a shell has it for SIGTERM."""
_SHOWN = 10
"""Most paths that are named in one line."""
_PAUSES = (0.5, 3.0)
"""Seconds before landing is tried again in the same attempt, where the trouble may pass."""
_PRINTED_MAX = 64 * 1024
"""Most bytes of what a check has printed that the next attempt is given; the whole is in the log."""
_NEEDS_INPUT = "NeedsInput"
"""A reason, as in ``model.status``, which would be slow to load."""
_AGAIN = frozenset({Outcome.TRANSIENT, Outcome.EXHAUSTED, Outcome.AUTH_OR_PROTECTED})
"""Ends after which the work still has to land."""


def main(file: str) -> int:
    """Carries out the instruction in a file, and gives the exit code of the attempt."""
    if isinstance(sys.stdout, TextIOWrapper):  # an agent may say anything, and the log is for whatever it says
        sys.stdout.reconfigure(errors="backslashreplace")
    attempt = LandingAttempt(json.loads(Path(file).read_bytes()), dict(os.environ))
    try:
        result = attempt.deliver()
    except DeliveryError as error:
        result = delivery_result.of_error(error)
    except Exception as error:
        traceback.print_exc()  # to the task's log
        result = delivery_result.of_error(TransientError("InternalError", f"{type(error).__name__}: {error}"))
    if result is None:
        return STOPPED
    delivery_result.write(attempt.result_file, result, is_synced=attempt.has_steps)
    if result.changed_nothing:
        attempt.forget_held()
    if result.is_good or result.moves_on:
        attempt.clear()
    _say(result)
    return result.exit_code


def instruction(
    *,
    state: Path,
    argv: list[str],
    deadline: float | None,
    grace: float,
    delivery: Mapping[str, Any],
    agent: AgentCall | None = None,
    check: str | None = None,
    log: str = "",
    workspace: Mapping[str, Any] | None = None,
    sandbox: Sequence[str] = (),
    step: StepOrder | None = None,
) -> dict[str, Any]:
    """The settings of ``main``, as plain data.

    Args:
        state: The state directory of the run.
        argv: The task's command.
        deadline: Seconds that the command may take.
        grace: Seconds that it then has to end by itself.
        delivery: The fields of ``Delivery``, without those that are always the same here.
        agent: The coding agent that the command starts, if it does.
        check: For the shell: what must succeed before the work lands.
        log: The file that the attempt's output goes to.
        workspace: What the workspace has beyond the files of the branch, as ``Deliveries`` lists it.
        sandbox: The words before each command that runs in the workspace.
        step: The step of the task that it is at, where the task has steps. Without a command, work that is held lands.
    """
    path = os.environ.get("PATH", os.defpath)  # where git is; the command has its own
    return {
        "state": str(state), "argv": argv, "deadline": deadline, "grace": grace, "path": path, "delivery": delivery,
        "agent": agent, "check": check, "log": log, "workspace": workspace or {},
        "sandbox": sandbox, "step": step,
    }  # fmt: skip


class LandingAttempt:
    """One attempt, from its start to its end."""

    def __init__(self, settings: Mapping[str, Any], environment: dict[str, str]) -> None:
        self._settings = settings
        self._environment = environment
        os.environ["PATH"] = settings["path"]
        self._delivery = delivery_of(settings["delivery"])
        self._number = self._delivery.attempt
        self._state = Path(settings["state"])
        self._places = Places(self._state, self._delivery.task)
        self._place = self._places.make(self._number)
        self.result_file = self._places.result(self._number)
        self._runner = Runner()
        self._ready = ReadyWorkspace(settings, self._delivery, self._place, environment, self._runner, _print)
        self._agent = AgentJudge.of(settings, self._state, self._environment[ENV_OUTPUTS])
        self._step = StepOrder(*settings["step"]) if settings["step"] else None
        self._gate = self._step if self._step and self._step.is_gate else None
        self._only_lands = not settings["argv"]
        self._note = (
            StepNote(self._step.name, self._step.is_gate, self._delivery.continues) if self._step else StepNote()
        )

    @property
    def has_steps(self) -> bool:
        """Whether its task has steps."""
        return self._step is not None

    def deliver(self) -> DeliveryResult | None:
        """Does what is left to do. None: it was asked to end before there was anything to keep.

        Raises:
            DeliveryError: it did not reach its end.
        """
        if self._step:
            note_step(self._place, self._note)
            self._set_aside(self._step)
        done = self._take_over()
        if done:
            return done
        if self._only_lands:
            return self._land_held()
        prepared = prepare(self._delivery, self._place)
        if prepared.outcome is Outcome.ALREADY_LANDED:
            return self._without_held(delivery_result.of_landed(prepared))
        if prepared.outcome is Outcome.LAND_ONLY:
            return self._land(self._delivery, self._place)
        if self._runner.is_stopping:
            return None
        settings = self._settings
        self._make_outputs()
        self._ready.add_files()
        began = time.monotonic()
        if self._ready.needs_setup:
            failed = self._ready.set_up(settings["deadline"])
            if failed and (failed.reason == OVERDUE or not self._runner.is_stopping):
                return failed
            if self._runner.is_stopping:
                return None
        offset = _log_size()
        failed = self._ready.run(settings["argv"], self._left(began))
        if self._agent:
            failed = self._judged(self._agent, failed, offset)
        failed = self._asked(failed)
        if self._gate:
            return self._judge(self._gate, failed, offset)
        if failed is None and settings["check"]:
            failed = self._checked(settings["check"], self._left(began))
        self._places.note_end(self._number, failed.exit_code if failed else 0)
        if failed is None:
            return self._finish(self._delivery, self._place)
        kept = salvage(self._without_added(self._delivery, self._place), self._place)
        return failed._replace(ref=kept.ref, kept=tuple(map(str, kept.kept)))

    def _judge(self, gate: StepOrder, failed: DeliveryResult | None, offset: int) -> DeliveryResult:
        """How a gate has ended; what it left in its workspace is no work."""
        if self._runner.is_stopping:
            return failed or DeliveryResult(FAILED, "ExitCode", exit_code=STOPPED)
        printed = "" if self._agent else printed_since(Path(self._settings["log"]), offset)
        outputs = Path(self._environment[ENV_OUTPUTS])
        rejected = rejection(gate, failed, outputs, printed, by_agent=self._agent is not None)
        if rejected:
            return rejected._replace(ref=self._delivery.continues)
        return failed or self._accepted(gate)

    def _accepted(self, gate: StepOrder) -> DeliveryResult:
        """The result of a gate that has accepted the work. It is noted first: what is accepted is not judged again."""
        note_step(self._place, self._note._replace(has_accepted=True))
        return self._land_held() if gate.is_last else DeliveryResult(StepVerdict.PASSED)

    def _set_aside(self, step: StepOrder) -> None:
        """Of the work that waits in the repository to land, only what lands now may wait there.

        An attempt before has put it there, by the steps that the task had then.
        """
        if step.is_gate or self._only_lands or not step.is_last:
            kept = set_aside(self._delivery, self._place)
            if kept:
                _print(f"work that waited to land has not passed all steps; it is kept in {kept}")

    def _finish(self, delivery: Delivery, place: Place) -> DeliveryResult:
        """Work that is done lands, or is held for the next step."""
        if self._step is None or self._step.is_last:
            return self._land(delivery, place)
        held = hold(self._without_added(delivery, place), place, self._number)
        if self._agent and not held.has_changed:
            accepted = self._agent.accept(delivery, DeliveryResult(Outcome.NO_CHANGE))
            if not accepted.is_good:
                return accepted
        kept = tuple(map(str, held.kept))
        return DeliveryResult(StepVerdict.HELD, ref=held.ref, kept=kept)

    def _land_held(self) -> DeliveryResult:
        """Lands the work that has passed all gates."""
        landed = self._landed(lambda: land_held(self._delivery, self._place))
        return self._without_held(landed)

    def _without_held(self, landed: DeliveryResult) -> DeliveryResult:
        """The result of a task that has landed: nothing needs to be held for it any more. The repository does not show
        that one has ended that changed nothing, so what is held for it may be asked for again."""
        if landed.is_good and not landed.changed_nothing:
            self.forget_held()
        return landed

    def forget_held(self) -> None:
        """Removes what is held for the task, which needs nothing more. To be called when the repository, or the result,
        shows that."""
        if self._step is None:
            return
        try:
            forget_held(self._delivery, self._place)
        except DeliveryError as error:  # the work has landed all the same
            _print(f"held work is not needed any more, and could not be removed: {error}")

    def _left(self, began: float) -> float | None:
        """Seconds that are left of those that the attempt may take."""
        deadline = self._settings["deadline"]
        return max(0.001, deadline - (time.monotonic() - began)) if deadline else None

    def _judged(self, agent: AgentJudge, failed: DeliveryResult | None, offset: int) -> DeliveryResult | None:
        """How the attempt of an agent failed, by its output since an offset in the log, if it did."""
        code = failed.exit_code if failed else 0
        # What an agent says when it is cut off is no reason to run it again for nothing.
        overdue = (OVERDUE, code) if failed and failed.reason == OVERDUE else None
        reason, code = agent.judge(self._delivery, offset, code, overdue)
        return DeliveryResult(FAILED, reason, exit_code=code) if code else None

    def _asked(self, failed: DeliveryResult | None) -> DeliveryResult | None:
        """How an attempt failed, also with a question to a person: then its work is kept and does not land.

        That is so also if it is being stopped: its command has ended by itself.
        """
        code = failed.exit_code if failed else 0
        is_later = failed is not None and failed.reason == "ExitCode" and code in ASKING_CODES
        if not (failed is None or is_later or failed.reason == _NEEDS_INPUT):
            return failed
        outputs = Path(self._environment[ENV_OUTPUTS])
        question = take_question(self._state, self._delivery.task, self._number, outputs)
        if question is None:
            return failed
        if not self._agent:
            _print(f"asks a person: {' '.join(question.split())}")
        return DeliveryResult(FAILED, _NEEDS_INPUT, exit_code=code or 1)

    def _checked(self, check: str, deadline: float | None) -> DeliveryResult | None:
        """Runs what must succeed before the work lands; how it failed, if it did."""
        if self._runner.is_stopping:
            return DeliveryResult(FAILED, "ExitCode", exit_code=STOPPED)
        _print(f"check: {check}")
        log = Path(self._settings["log"])
        start = log.stat().st_size
        failed = self._ready.run(["/bin/sh", "-c", check], deadline)
        if failed is None:
            _print("the check passed")
            return None
        if failed.reason == OVERDUE or self._runner.is_stopping:
            return failed
        printed = printed_since(log, start)
        found = f"the check failed with exit code {failed.exit_code}: {check}"
        _print(found)
        return failed._replace(reason=GATE_FAILED, message=found, printed=printed)

    def _without_added(self, delivery: Delivery, place: Place) -> Delivery:
        """A delivery that lands nothing of what we have put into the workspace, nor secret values of it."""
        asked = self._settings["workspace"]
        names = [*asked["copied"], *asked["linked"]] if asked.get("checkout") else []
        secrets = secret_values(Path(asked["checkout"], name) for name in names)
        return replace(with_added(delivery, place), known_secrets=secrets)

    def _make_outputs(self) -> None:
        """Empty, as a new pod finds them; where work continues, with the outputs of that work."""
        folder = Path(self._environment[ENV_OUTPUTS])
        continues = (self._delivery.repair or self._delivery.continues) and not self._gate
        if continues and not folder.is_symlink():
            for name in RESERVED_OUTPUTS:  # what the attempt before has said
                _remove(folder / name)
        else:
            _remove(folder)
        folder.mkdir(parents=True, exist_ok=True)

    def clear(self) -> None:
        """Removes the workspace: all that matters of it has landed."""
        _say_kept(self._places.remove(self._number))

    def _take_over(self) -> DeliveryResult | None:
        """Deals with what earlier attempts have left: work that was done lands, other work is kept.

        Returns:
            What became of work that was done: then there is nothing to run.
        """
        is_accepted = False
        for number in range(1, self._number):
            if self._places.is_there(number):
                before = delivery_result.read(self._places.result(number))
                delivery, place = replace(self._delivery, attempt=number), self._places.of(number)
                note = step_note(place)
                if note.is_gate:
                    is_accepted = is_accepted or note == self._note._replace(has_accepted=True)
                elif before is None or before.outcome in _AGAIN:
                    try:
                        if self._places.has_ended_well(number) and self._finishes(note):
                            return self._finish_earlier(delivery, place)
                        if not was_setting_up(place):
                            _say_salvaged(number, salvage(self._without_added(delivery, place), place))
                    except PolicyError as error:
                        if error.reason != WORKSPACE_GONE:
                            raise
                        _print(f"nothing is kept of attempt {number}: its workspace was removed or replaced")
            if is_accepted:
                note_step(self._place, self._note._replace(has_accepted=True))
            _say_kept(self._places.remove(number))
        return self._accepted(self._gate) if self._gate and is_accepted else None

    def _finishes(self, left: StepNote) -> bool:
        """Whether work that is left is of the same step, so that what follows on it is the same.

        Other work is kept and does not land: the steps of the task have changed since, and gates have not judged it.
        """
        return self._step is None or (left == self._note and not self._only_lands)

    def _finish_earlier(self, delivery: Delivery, place: Place) -> DeliveryResult:
        try:
            result = self._finish(delivery, place)
        except DeliveryError as error:
            if error.outcome not in _AGAIN:
                self._places.remove(delivery.attempt)
            raise
        self._places.remove(delivery.attempt)
        return result

    def _land(self, delivery: Delivery, place: Place) -> DeliveryResult:
        """Lands what is in a workspace."""
        landed = self._landed(lambda: land(self._without_added(delivery, place), place))
        return self._without_held(self._agent.accept(delivery, landed) if self._agent else landed)

    def _landed(self, land_now: Callable[[], Landed]) -> DeliveryResult:
        """Lands, one after the other: on one machine nobody gains by being refused."""
        for pause in (*_PAUSES, None):
            try:
                with _turn(self._state):
                    return delivery_result.of_landed(land_now())
            except TransientError as error:
                if pause is None or self._runner.is_stopping:
                    raise
                _print(f"{error}; trying again in {pause:g} s")
                time.sleep(pause)
        raise AssertionError


def delivery_of(fields: Mapping[str, Any]) -> Delivery:
    """The delivery that plain fields describe.

    Raises:
        PolicyError: one of them is not allowed.
    """
    made = dict(fields)
    if "author" in made:
        made["author"] = made["committer"] = Person(**made["author"])
    if "policy" in made:
        policy = made["policy"]
        made["policy"] = Policy(**policy | {name: tuple(policy[name]) for name in ("files", "not_landed")})
    return Delivery(**made, local=True)


def printed_since(log: Path, start: int) -> str:
    """The end of what a check has printed after an offset in the log, in whole lines; the first line says what was
    cut."""
    size = log.stat().st_size
    cut = max(0, size - start - _PRINTED_MAX)
    with log.open("rb") as file:
        file.seek(start + cut)
        found = file.read(_PRINTED_MAX)
    if not cut:
        return found.decode(errors="replace")
    at = found.find(b"\n") + 1
    kept = found[at:] or found
    note = f"[cut: these are the last {len(kept):,} of {size - start:,} bytes; all of it is in {log}]"
    return f"{note}\n{kept.decode(errors='replace')}"


def _remove(folder: Path) -> None:
    kept = try_to_remove(folder)
    _say_kept([kept] if kept else [])


def _say_kept(kept: Sequence[str]) -> None:
    for what in kept:
        _print(f"cannot remove {what}")


def _say_salvaged(number: int, kept: Salvaged) -> None:
    if kept.ref:
        _print(f"what attempt {number} left is kept in {kept.ref}")
    if kept.left_out:
        _print(f"not kept of attempt {number}: {listed(kept.left_out, _SHOWN)}")
    for other in kept.kept:
        _print(f"of attempt {number}, {other}")


def _print(line: str) -> None:
    """Says it in the task's log."""
    print(f"pproj: {line}", flush=True)  # noqa: T201


def _log_size() -> int:
    """Where what is printed next begins in the task's log."""
    try:
        return os.fstat(1).st_size
    except OSError:
        return 0


@contextmanager
def _turn(state: Path) -> Iterator[None]:
    lock = os.open(state / "git" / "landing", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


def _say(result: DeliveryResult) -> None:
    """What has become of the work, in the task's log."""
    if result.commit:
        text = f"landed as {result.commit[:10]}"
    elif result.outcome == StepVerdict.REJECTED:
        text = result.message
    elif result.outcome == StepVerdict.PASSED:
        text = "accepts the work"
    elif result.outcome == StepVerdict.HELD:
        text = f"its work is held for the next step, in {result.ref}"
    elif result.is_good:
        text = "changed nothing, so there is nothing to land"
    elif result.is_delivery:
        text = f"{result.outcome}: {result.message}" + (f" (the work is kept in {result.ref})" if result.ref else "")
    elif result.ref:
        text = f"what it left is kept in {result.ref}"
    else:
        text = ""
    lines = [text] if text else []
    lines += [f"not landed: {what}" for what in result.kept]
    if result.hidden:
        rules = "the base's rules or rules that the task has added"
        lines.append(f"not landed, since {rules} ignore it: {listed(result.hidden, _SHOWN)}")
    if result.not_landed:
        lines.append(f"not landed, since it is no task's work: {listed(result.not_landed, _SHOWN)}")
    for line in lines:
        _print(line)
