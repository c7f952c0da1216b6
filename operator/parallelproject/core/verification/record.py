"""What is recorded of a verification whose runs are objects that go away: the state, and the runs that matter. Pure.

Locally each run has its files. In a cluster a run is a Job, which is removed once its result is recorded here. Results
are kept of the work that is verified, or was verified last: these decide. Of older failures the outputs are kept that
tasks are given to repair them, as many as fit.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from parallelproject.core.graph.graph import CompiledGraph
from parallelproject.core.verification.check_message import packed_print, packed_work, read_work, work_head
from parallelproject.core.verification.check_run import CheckRun
from parallelproject.core.verification.landed_work import LandedWork
from parallelproject.core.verification.needs import with_needs
from parallelproject.core.verification.packed_lines import unpack
from parallelproject.core.verification.probe import Probe, ProbeOutcome
from parallelproject.core.verification.state import Repair, VerificationState
from parallelproject.model.verification_status import WORK_BYTES

_TIP_BYTES, _PROBE_BYTES = 3_500, 700
"""Maximum bytes of what a run has printed, packed: of one on the tip, which people and tasks read, and of one on a
part of the work, of which only the names of what failed are needed."""
_PROBE_LEAST = 250
"""The same for one on a part, where there are very many."""
PRINTED_BYTES = 150_000
"""Maximum bytes of all of that."""
RUNS_MAX = 1_000
"""Maximum number of runs. A search ends before."""


@dataclass(frozen=True, slots=True)
class EndedRun:
    """A run that has ended."""

    check: str
    number: int
    revision: str
    probe: Probe | None
    outcome: ProbeOutcome
    work: LandedWork | None = None
    printed: str = ""
    """Packed."""

    @property
    def is_whole(self) -> bool:
        """Whether it ran on a commit of the branch, such as its tip."""
        return self.probe is None or self.probe.is_commit

    def as_run(self, graph: CompiledGraph) -> CheckRun:
        """The run as it is decided on."""
        work = with_needs(graph, self.work) if self.work else None
        printed = unpack(self.printed) if self.printed else ""
        return CheckRun(self.check, self.number, self.revision, self.probe, self.outcome, work, printed)


@dataclass(frozen=True, slots=True)
class VerificationRecord:
    """All that is recorded."""

    state: VerificationState = field(default_factory=VerificationState)
    generation: int = 0
    """Generation of the spec when the state changed last."""
    numbers: Mapping[str, int] = field(default_factory=dict)
    """By check, the number of its last run that has ended: no later one has it."""
    runs: tuple[EndedRun, ...] = ()
    """In the order in which they were recorded."""

    def with_state(self, state: VerificationState, generation: int) -> "VerificationRecord":
        """The record with another state; of the repairs of a task, the last two and their number are kept.

        A repair that has not started may be cancelled: then the one before it counts.
        """
        repairs = {
            task: (*found[-2:-1] * (len(found) - 1), found[-1]) for task, found in state.repairs.items() if found
        }
        state = replace(state, repairs=repairs)
        if state == self.state:
            return self
        return replace(self, state=state, generation=generation)._trimmed()

    def with_ended(self, ended: Iterable[CheckRun]) -> "VerificationRecord":
        """The record with further runs that have ended. One without a revision only takes its number."""
        record = self
        for run in ended:
            if not record.is_to_be_recorded(run):
                continue
            numbers = {**record.numbers, run.check: max(run.number, record.numbers.get(run.check, 0))}
            more = (_ended(run),) if run.revision else ()
            record = replace(record, numbers=numbers, runs=(*record.runs, *more))
        return self if record is self else record._trimmed()

    def is_to_be_recorded(self, run: CheckRun) -> bool:
        """Whether a run has ended, and its result is needed and not recorded."""
        if run.outcome is None or any((run.check, run.number) == (known.check, known.number) for known in self.runs):
            return False
        is_of_latest = bool(self.runs) and _work_of(run) == _work_of(self.runs[-1])  # its runs end in any order
        return is_of_latest or run.number > self.numbers.get(run.check, 0)

    def as_runs(self, graph: CompiledGraph) -> list[CheckRun]:
        """The runs as they are decided on, with one for each number that is taken and whose run is not kept."""
        runs = [run.as_run(graph) for run in self.runs]
        kept = {(run.check, run.number) for run in runs}
        return runs + [
            CheckRun(check, number, "", None, ProbeOutcome.BROKEN)
            for check, number in self.numbers.items()
            if (check, number) not in kept
        ]

    def printed(self, repair: Repair) -> str | None:
        """What the run has printed because of which a task repairs its work; None: that is not known any more."""
        found = next((run for run in self.runs if (run.check, run.number) == (repair.check, repair.run)), None)
        return unpack(found.printed) if found else None

    def _trimmed(self) -> "VerificationRecord":
        """The record with what decisions need: all runs of the latest work, and those of a revert that has not ended.
        Of older failures that tasks repair, the latest outputs are kept that fit: only those tasks read them."""
        latest = _work_of(self.runs[-1]) if self.runs else ""
        if self.state.reverting and any(_work_of(run) == self.state.revert_mark for run in self.runs):
            latest = self.state.revert_mark  # runs that were stopped because of it may end later
        current = _shortened([run for run in self.runs if _work_of(run) == latest][-RUNS_MAX:])
        room = PRINTED_BYTES - sum(len(run.printed) for run in current)
        needed = {(each[-1].check, each[-1].run) for each in self.state.repairs.values() if each}
        older: list[EndedRun] = []
        for run in reversed(self.runs):
            if _work_of(run) == latest or (run.check, run.number) not in needed:
                continue
            room -= len(run.printed)
            if room < 0:
                break
            older.append(replace(run, work=None) if run.work else run)
        return replace(self, runs=(*reversed(older), *current))


def _work_of(run: EndedRun | CheckRun) -> str:
    """The work that a run is about, without the fingerprint of its check."""
    return run.revision.partition(".")[0]


def _ended(run: CheckRun) -> EndedRun:
    work = _kept(run.work) if run.work else None
    found = EndedRun(run.check, run.number, run.revision, run.probe, run.outcome or ProbeOutcome.BROKEN, work)
    if not run.printed:
        return found
    return replace(found, printed=packed_print(run.printed, _TIP_BYTES if found.is_whole else _PROBE_BYTES))


def _kept(work: LandedWork) -> LandedWork | None:
    """A work as far as a status has it."""
    packed = packed_work(work, WORK_BYTES)
    return None if packed is None else read_work(work_head(work), packed)


def _shortened(runs: Sequence[EndedRun]) -> list[EndedRun]:
    """Runs of one work whose outputs fit: first those on parts of it are shortened, which are only compared, then those
    on the tip; in each the names of what failed are kept longest. At last outputs are dropped."""
    found = list(runs)
    excess = sum(len(run.printed) for run in found) - PRINTED_BYTES
    for is_whole, most in ((False, _PROBE_LEAST), (True, _PROBE_BYTES), (False, 0), (True, 0)):
        for at, run in enumerate(found):
            if excess <= 0:
                return found
            if run.is_whole is is_whole and len(run.printed) > most:
                shorter = packed_print(unpack(run.printed), most) if most else ""
                excess -= len(run.printed) - len(shorter)
                found[at] = replace(run, printed=shorter)
    return found
