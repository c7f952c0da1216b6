"""One case: a run that is killed, once or twice, and run again to its end. And which cases there are."""

import fcntl
import os
import random
import re
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.local.disk import can_mount, make_room, small_disk
from tests.local.faults import laws, scenario
from tests.local.faults.points import GUARD, ROOM, SUPERVISOR, VICTIMS, Kill, Plan, watch_engine
from tests.local.runner import Runner, until

PREFIX = "pproj-faults-"
SECONDS = 60
"""Longest time that a session may take; undisturbed it is well below one."""

Points = Mapping[tuple[str, str], int]
"""By process and point: how often."""

_KILL = re.compile(r"([\w ]+?) (after|before) (\w+) (\d+) of the (\w+)")


@dataclass(frozen=True)
class Case:
    """What is done to a run, by the sessions in which it happens; after these it is left alone."""

    sessions: tuple[tuple[Kill, ...], ...]

    def __str__(self) -> str:
        return "; ".join(" + ".join(map(str, kills)) for kills in self.sessions)

    @property
    def nobody_left(self) -> bool:
        """Whether both are killed who could learn how tasks end."""
        return any({SUPERVISOR, GUARD} <= _roles(kills) for kills in self.sessions)

    @property
    def fills(self) -> bool:
        """Whether the disk is filled."""
        return any(kill.victim == ROOM for kills in self.sessions for kill in kills)

    @classmethod
    def parse(cls, text: str) -> "Case":
        """Reads what ``str`` gives."""
        if not text:
            return cls(())
        sessions = [[_KILL.fullmatch(kill.strip()) for kill in part.split("+")] for part in text.split(";")]
        return cls(tuple(tuple(Kill(m[5], m[3], int(m[4]), m[2] == "after", m[1]) for m in s if m) for s in sessions))


@dataclass
class Outcome:
    """What came of a case."""

    case: Case
    struck: int = 0
    """Kills that happened; others came too late, or their moment never came."""
    violations: list[str] = field(default_factory=list)
    repeated: list[str] = field(default_factory=list)
    """Tasks that came to a good end twice, where nobody was left to write down the first: each with its story."""
    said: str = ""


def carry_out(case: Case, folder: Path, bug: str = "") -> Outcome:
    """Runs a case in an empty folder, and judges it; with a bug planted where one is named."""
    if not case.fills:
        return _carry_out(case, folder, folder, bug)
    with small_disk(folder / "disk") as disk:
        return _carry_out(case, folder, disk, bug)


def _carry_out(case: Case, folder: Path, disk: Path, bug: str) -> Outcome:
    (folder / "locks").mkdir()
    source = folder / "project.yaml"
    source.touch()
    state_dir = disk / ".pproj" / "demo"
    options = {"source": source, "state_dir": state_dir}
    run = Runner(folder, scenario.spec(), scenario.command(folder), options)
    outcome = Outcome(case)
    states = []
    state = laws.State([], False)
    for kills in (*case.sessions, ()):
        plan = Plan(list(kills), str(folder / "trace"), str(disk) if case.fills else "", bug)
        process = run.start(before=lambda plan=plan: watch_engine(plan))
        said = process.finish(None, SECONDS)
        until(lambda: _is_free(state_dir / "lock"), what="the end of the supervisor")
        if case.fills:
            make_room(disk)
        state = laws.read_state(state_dir / "state.db")
        states.append(state)
        outcome.said += said
        if "Traceback" in said or ("supervisor of the tasks died" in said and not _roles(kills) & {SUPERVISOR, GUARD}):
            outcome.violations.append(f"it says {said[-1000:]}")
        if state.completed:
            break  # to run it again would be to ask for another try of what failed
    if kills == () and process.returncode != 1:
        outcome.violations.append(f"exit code {process.returncode}")
    _judge(outcome, run.journal(), states, (folder / "trace").read_text().splitlines(), left(folder))
    return outcome


def _judge(outcome: Outcome, journal: list[str], states: list[laws.State], trace: list[str], left: list[int]) -> None:
    outcome.violations += laws.violations(journal, states[:-1], states[-1], left)
    words = [line.split() for line in trace]
    struck = [int(time) for what, time, *_ in words if what == "struck"]
    known = {(rest[0], int(rest[1])) for what, *rest in words if what == "known"}
    outcome.struck = len(struck)
    for task, number, time in laws.repeated(journal):
        if struck and (task, number) not in known:
            outcome.repeated.append("before the supervisor had noted its process")
        elif outcome.case.nobody_left:
            outcome.repeated.append("in the instant" if time < struck[-1] else "when all were gone")
        else:
            outcome.violations.append(f"{task} came to a good end twice")


def _roles(kills: Iterable[Kill]) -> set[str]:
    return {role for kill in kills for role in VICTIMS.get(kill.victim, ())}


def points(folder: Path) -> Points:
    """How often each process comes to each point: the guard when the supervisor is killed, the others undisturbed."""
    (folder / "whole").mkdir()
    (folder / "killed").mkdir()
    whole = _points(Case(()), folder / "whole")
    midway = Kill(SUPERVISOR, "spawn", 10, True, SUPERVISOR)
    killed = _points(Case(((midway,),)), folder / "killed")
    return whole | {(where, point): count for (where, point), count in killed.items() if where == GUARD}


def _points(case: Case, folder: Path) -> Counter[tuple[str, str]]:
    outcome = carry_out(case, folder)
    assert not outcome.violations, outcome.violations
    lines = [line.split() for line in (folder / "trace").read_text().splitlines()]
    return Counter((rest[0], rest[1]) for what, *rest in lines if what == "point")


def single(counts: Points) -> Iterator[Case]:
    """Every single kill."""
    for kill in _kills(counts):
        if kill.where != GUARD:  # which does nothing unless somebody else was killed before
            yield Case(((kill,),))


def no_room(counts: Points) -> Iterator[Case]:
    """The disk is full from any point of a session on."""
    for (where, point), count in sorted(counts.items()):
        if where != GUARD:
            yield from (Case(((Kill(where, point, k, False, ROOM),),)) for k in range(1, count + 1))


def pairs(counts: Points, seed: int) -> Iterator[Case]:
    """Random pairs without end: two kills in one session, or the second one in the session that follows.

    A fifth of them is killed on a full disk.
    """
    chance = random.Random(seed)
    kills = _kills(counts)
    firsts = [kill for kill in kills if kill.where != GUARD]
    late = [kill for kill in kills if kill.where == GUARD]
    full = [kill._replace(victim=ROOM) for kill in firsts] if can_mount() else firsts
    while True:
        first, second = chance.choice(firsts), chance.choice(kills)
        kind = chance.random()
        if kind < 0.2:  # while the guard takes over
            yield Case(((first._replace(victim=SUPERVISOR), chance.choice(late)),))
        elif kind < 0.4:
            yield Case(((chance.choice(full), second),))
        else:
            yield Case(((first, second),)) if chance.random() < 0.5 else Case(((first,), (second,)))


def _kills(counts: Points) -> list[Kill]:
    return [
        Kill(where, point, k, after, victim)
        for (where, point), count in sorted(counts.items())
        for k in range(1, count + 1)
        for after in (False, True)
        for victim in VICTIMS
    ]


def sample(all_cases: Iterable[Case], size: int, seed: int) -> list[Case]:
    """Cases of as many kinds as possible, each at a random moment."""
    chance = random.Random(seed)
    cases = list(all_cases)
    chance.shuffle(cases)
    kinds: dict[tuple[object, ...], list[Case]] = {}
    for case in cases:
        kill = case.sessions[0][0]
        kinds.setdefault((kill.where, kill.point, kill.after, kill.victim), []).append(case)
    one_of_each = [some[0] for some in kinds.values()]
    rest = [case for some in kinds.values() for case in some[1:]]
    return (one_of_each + rest)[:size]


def left(folder: Path) -> list[int]:
    """Processes of a case: its tasks and its supervisors have its folder in their command lines."""
    found = []
    for entry in os.scandir("/proc"):
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                words = Path(entry.path, "cmdline").read_bytes()
            except OSError:
                continue
            if str(folder).encode() in words:
                found.append(int(entry.name))
    return found


def attempt(case: Case, bug: str = "") -> Outcome:
    """A case in a folder of its own; what goes wrong with it counts as a violation."""
    with tempfile.TemporaryDirectory(dir=fast(), prefix=PREFIX) as folder:
        try:
            return carry_out(case, Path(folder), bug)
        except Exception as error:  # told with its case, and the sweep goes on
            return Outcome(case, violations=[f"{type(error).__name__}: {error}"])


def fast() -> str | None:
    """A folder in memory where there is one: what a kill leaves is the same, and the disk is spared."""
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else None


def _is_free(lock: Path) -> bool:
    if not lock.exists():
        return True
    with lock.open("r+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
    return True
