"""One run of a sequence of edits, from the project's creation to the verdict.

The verdict comes from the audit log (``edit_laws``) and from the last status.
"""

import contextlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from parallelproject.cli.commands.retry import failed_tasks, retry_patch
from parallelproject.kube.client import MERGE_PATCH, ApiError
from rig.deadline import until
from rig.errors import RigError
from tests.controller.audit import LABEL, Json
from tests.controller.cluster import condition, rows, states
from tests.faults.edit_laws import grace_of, verdict
from tests.faults.edits import FAULT, Edit, Sequel, end, sequel
from tests.faults.lab import Lab, Run
from tests.faults.plan import Listed
from tests.faults.scenario import Outcome, report, wait_end, wait_quiet

SECONDS = 240
"""A project that takes longer from its last edit to its end is stuck."""
_STILL_SECONDS = 2.0
"""When nothing has passed for so long, a moment that is waited for will not come."""
_MOMENT_SECONDS = 8
_GONE_SECONDS = 120
_FRESH = 10
"""Of so many sequences, one last spec is run afresh."""


def run_sequel(lab: Lab, drawn: Sequel, *, patch: str = "", seconds: float = SECONDS) -> Outcome:
    """Runs a sequence to its end, or to a deadline, and judges it."""
    outcome = Outcome("edits", str(drawn), drawn.seed, tasks=len(drawn.last["tasks"]))
    with Run(lab, Listed(drawn.faults), patch=patch) as run:
        admin = _Admin(run)
        admin.create(drawn.first)
        started = time.monotonic()
        run.start()
        try:
            admin.make(drawn.edits)
            last = wait_end(run, seconds=seconds)
            if admin.retry_mended(last, drawn.last):
                last = wait_end(run, seconds=seconds)
            outcome.seconds = time.monotonic() - started
            wait_quiet(run)
            admin.wait_clean()
        except (RigError, TimeoutError) as error:
            outcome.seconds = time.monotonic() - started
            outcome.violations.append(f"stuck: {str(error).splitlines()[0]}")
            last = run.namespace.get()
        else:
            last = run.namespace.get()
            outcome.violations += compare(last, drawn.last)
        outcome.violations += verdict(run, admin.made, last, grace_of(drawn.faults))
        report(run, outcome, last)
    return outcome


@dataclass(frozen=True)
class Edited:
    """The sequence of a seed, as a campaign makes it."""

    seed: int

    @property
    def kind(self) -> str:
        """The class of its fault, apart from those of runs that nobody edits."""
        return f"edits-{sequel(self.seed).kind}"

    def run(self, lab: Lab, patch: str = "") -> Outcome:
        """Makes it; of some, a fresh run of the last spec as well."""
        drawn = sequel(self.seed)
        outcome = run_sequel(lab, drawn, patch=patch)
        if self.seed % _FRESH == 0 and not outcome.violations:
            fresh, foretold = run_fresh(lab, drawn.last), end(drawn.last)
            if fresh != (foretold, reason_of(foretold)):
                outcome.violations.append(f"a fresh run ended as {fresh}, and not as foretold")
        return outcome

    def took_place(self, outcome: Outcome) -> bool:
        """Whether anything went wrong."""
        return bool(outcome.fired)


def compare(project: Json, last: Json) -> list[str]:
    """What at the end is not as in a fresh run of the last spec."""
    wanted, found = end(last), rows(project)
    ours = {i: row["state"] for i, row in found.items() if not row.get("removed")}
    different = [f"{i} ended as {ours.get(i)}, not as {state}" for i, state in wanted.items() if ours.get(i) != state]
    different += [f"{i} is no task, and has a row" for i in ours.keys() - wanted.keys()]
    different += [
        f"{i} was removed, and is {row['state']}"
        for i, row in found.items()
        if row.get("removed") and row["state"] not in ("Succeeded", "Failed")
    ]
    reason, foretold = condition(project, "Succeeded").get("reason"), reason_of(wanted)
    return different + ([f"the reason of its end is {reason}, and not {foretold}"] if reason != foretold else [])


def reason_of(ends: dict[str, str]) -> str:
    """The reason of the condition Succeeded."""
    return "TasksFailed" if "Failed" in ends.values() else "AllSucceeded"


def run_fresh(lab: Lab, last: Json) -> tuple[dict[str, str], str]:
    """The states, and the reason of the end, of a fresh project with a spec; without faults."""
    with Run(lab) as run:
        run.namespace.create(last)
        run.start()
        project = wait_end(run, seconds=SECONDS)
    return states(project), condition(project, "Succeeded")["reason"]


class _Admin:
    """Who creates the project and edits it, past the proxy."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._ns = run.namespace
        self.made: list[Json] = []
        """All that had the name, in order."""

    def create(self, spec: Json) -> None:
        """Creates the project; once the name is free."""

        def created() -> bool:
            try:
                self.made.append(self._ns.create(spec))
            except ApiError as error:
                if error.status == 409:
                    return False
                raise
            return True

        until(created, "the name to be free", seconds=_GONE_SECONDS)
        self._run.note_version(self.made[-1]["metadata"]["resourceVersion"])

    def make(self, edits: Sequence[Edit]) -> None:
        """Makes all edits, each at its moment."""
        for edit in edits:
            self._wait(edit)
            if edit.recreate:
                self._ns.delete(propagation=edit.recreate)
                self.create(edit.spec)
            else:
                self._edit(edit.spec, edit.retry)

    def retry_mended(self, project: Json, last: Json) -> bool:
        """Retries tasks that failed before they were mended; says whether there are any."""
        ends = end(last)
        wanted = [i for i, state in states(project).items() if state == "Failed" and ends.get(i) == "Succeeded"]
        if wanted:
            self._patch(lambda now: retry_patch(now, failed_tasks(now, wanted)))
        return bool(wanted)

    def wait_clean(self) -> None:
        """Waits until nothing is left of the projects before, and nothing runs of the last."""
        uid = self.made[-1]["metadata"]["uid"]

        def is_clean() -> bool:
            return all(
                job["metadata"]["labels"][f"{LABEL}/project-uid"] == uid
                and any(c["type"] in ("Complete", "Failed") for c in job.get("status", {}).get("conditions", ()))
                for job in self._ns.jobs()
            )

        until(is_clean, "the Jobs to end, and those of deleted projects to go", seconds=_GONE_SECONDS)

    def _edit(self, spec: Json, retry: bool) -> None:
        wanted = {key: value for key, value in spec.items() if key not in ("roles", "defaults")}

        def edit(now: Json) -> Json:
            forgiven = retry_patch(now, failed_tasks(now, []))
            return forgiven | {"spec": forgiven["spec"] | wanted}

        if retry:
            self._patch(edit)
        else:
            self._ns.patch(wanted)

    def _patch(self, change: Callable[[Json], Json]) -> None:
        """Merges a change that depends on the project as it is."""

        def patched() -> bool:
            try:
                self._ns.client("PATCH", self._ns.path("p"), change(self._ns.get()), content_type=MERGE_PATCH)
            except ApiError as error:
                if error.status == 409:
                    return False
                raise
            return True

        until(patched, "the project not to be changed by others", seconds=_GONE_SECONDS)

    def _wait(self, edit: Edit) -> None:
        """Waits for the moment of an edit; until nothing happens any more, if it does not come."""
        traffic = self._run.traffic
        before, seen, since = traffic.counts[edit.at], -1, time.monotonic()

        def has_come() -> bool:
            nonlocal seen, since
            if edit.at == FAULT and traffic.fired:
                return True
            if edit.at != FAULT and traffic.counts[edit.at] - before >= edit.number:
                return True
            if traffic.counts.total() != seen:
                seen, since = traffic.counts.total(), time.monotonic()
            return self._run.is_ready() and time.monotonic() - since > _STILL_SECONDS

        with contextlib.suppress(RigError):
            until(has_come, str(edit), seconds=_MOMENT_SECONDS)
