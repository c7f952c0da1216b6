"""What the controller keeps of one project between two events."""

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from parallelproject.core.graph.graph import CompiledGraph
from parallelproject.core.hooks.hook_runs import rows_by_occasion
from parallelproject.core.planner.attempt import Attempt, Record
from parallelproject.core.planner.hooks import all_occasions
from parallelproject.core.planner.plan import Ledger, Plan
from parallelproject.core.report.deletion import Deletion, deletion_of
from parallelproject.core.report.review_status import read_review, render_review
from parallelproject.core.report.status import read_row, read_status, rows_of
from parallelproject.core.report.verification_status import read_verification, render_verification
from parallelproject.core.review.following import FollowRecord
from parallelproject.core.verification.record import VerificationRecord
from parallelproject.core.verification.state import VerificationState
from parallelproject.executors.base.acceptance import Check, accepted
from parallelproject.executors.base.executor import Executor, TemplateRef
from parallelproject.executors.base.observed import ObservedAttempts
from parallelproject.executors.base.owner import Owner
from parallelproject.model.names import API_VERSION, GITOPS, KIND, PLURAL
from parallelproject.model.problem import Problem, ProblemsError
from parallelproject.model.spec import Spec, is_followed
from parallelproject.model.status import HookRunState, TaskState
from parallelproject.model.work import WorkKey, WorkKind

Json = dict[str, Any]


class _Recorded:
    """The records in a status. Each is read when it is first asked for: there may be thousands."""

    def __init__(self, status: Json) -> None:
        self.status = status
        self._rows = {row["id"]: row for row in rows_of(status)}
        self._read: dict[str, Record] = {}

    def of(self, task: str) -> Record | None:
        """The record of a task; None if it has no row."""
        record = self._read.get(task)
        if record is None and task in self._rows:
            record = self._read[task] = read_row(self._rows[task])
        return record


class Project:
    """One ParallelProject as last observed, its compiled spec, and what was planned for it.

    Requests in progress are kept by the code that sends them. Everything here can be restored from the API server: a
    restart loses nothing.
    """

    def __init__(self, body: Mapping[str, Any], observed: ObservedAttempts, check: Check) -> None:
        metadata = body["metadata"]
        self.created = str(metadata.get("creationTimestamp") or "")
        self.owner = Owner(metadata["name"], metadata["namespace"], metadata["uid"])
        self.observed = observed
        """What is observed of its attempts."""
        self._check = check
        self.metadata: Mapping[str, Any] = {}
        """Its labels and annotations."""
        self.spec: Spec | None = None
        self.graph: CompiledGraph | None = None
        self.problems: list[Problem] = []
        self.templates: Mapping[TemplateRef, Any] = {}
        """What was read of the templates that the spec names."""
        self.generation = -1
        self.resource_version = ""
        self.deleting = False
        """Whether it was deleted: it no longer exists, or will not after its finalizers are removed."""
        self.deletion: Deletion | None = None
        """Its deletion, if finalizers of others keep it; None if it was not deleted, or if the garbage collector is
        deleting the objects of its attempts."""
        self.confirmed = -math.inf
        """Monotonic time when it was last read to check that it exists."""
        self.status: Json = dict(body.get("status") or {})
        """The status on the server."""
        self.ledger = Ledger()
        self.decided: Plan | None = None
        """The last plan."""
        self.record = self.known_record = read_verification(self.status)
        """What is recorded of its verification; next to it what of that the status on the server has. Only that counts:
        nothing follows from a result that is not written."""
        self._rendered: tuple[VerificationRecord, Json] | None = None
        self.review = self.known_review = read_review(self.status)
        """What is recorded of its pull request, if that is followed; next to it what of that the status on the server
        has."""
        self._rendered_review: tuple[FollowRecord, Json] | None = None
        self._compiled: CompiledGraph | None = None
        self._recorded = _Recorded({})
        self.update(body)
        self.ledger = read_status(self.status)
        self._verify()

    @property
    def executor(self) -> Executor[Any]:
        """What runs its attempts."""
        return self.observed.executor

    @property
    def path(self) -> str:
        """Path of the object on the API server."""
        return f"/apis/{API_VERSION}/namespaces/{self.owner.namespace}/{PLURAL}/{self.owner.name}"

    @property
    def is_kept(self) -> bool:
        """Whether a GitOps tool would create it again after a deletion, so that it would run from the start."""
        return any(name in (marks or {}) for marks in self.metadata.values() for name in GITOPS)

    @property
    def reference(self) -> Json:
        """An object reference, for Events."""
        return {
            "apiVersion": API_VERSION,
            "kind": KIND,
            "name": self.owner.name,
            "namespace": self.owner.namespace,
            "uid": self.owner.uid,
            "resourceVersion": self.resource_version,
        }

    @property
    def is_completed(self) -> bool:
        """Whether nothing of it runs or will run."""
        return self.decided is not None and self.decided.completed

    @property
    def is_going(self) -> bool:
        """Whether it was deleted, and only the garbage collector has work left."""
        return self.deleting and self.deletion is None

    def is_recorded(self, attempt: Attempt, task: str) -> bool:
        """Whether the end of an attempt is in the status on the server, or is not needed.

        It is not needed for a task that was removed from the spec and has no record.
        """
        if self._recorded.status is not self.status:
            self._recorded = _Recorded(self.status)
        record = self._recorded.of(task)
        if record is None:
            is_known = task in self.ledger.records or self.graph is None or task in self.graph.index
            return not is_known and self.decided is not None
        index = None if self.graph is None else self.graph.index.get(task)
        floor = 0 if self.graph is None or index is None else self.graph.rerun_after.get(index, 0)
        if attempt.number > floor >= record.attempts:
            return False  # what is recorded is the result from before a rerun
        if record.state is TaskState.SUCCEEDED or record.attempts > attempt.number:
            return True
        return record.attempts == attempt.number and record.state is not TaskState.RUNNING

    def is_hook_recorded(self, key: WorkKey) -> bool:
        """Whether the end of a run of a hook is in the status on the server, or is not needed."""
        if self.spec is None or self.graph is None or key.kind is not WorkKind.HOOK:
            return key.kind is not WorkKind.HOOK
        rows = rows_by_occasion(self.status.get("hooks"))
        row = next((row for occasion, row in rows.items() if occasion.step == key.step), None)
        if row is not None and isinstance(row.get("attempts"), int):
            number = int(row["attempts"])
            return number > key.attempt or (number == key.attempt and row.get("state") != HookRunState.RUNNING)
        hooks = self.spec.hooks
        return hooks is None or all(occasion.step != key.step for occasion in all_occasions(self.graph, hooks))

    def update(self, body: Mapping[str, Any]) -> bool:
        """Updates the project with a newer state of the object; returns whether a new plan is needed.

        A state older than the known one is ignored: an answer to our own write may come before the watch reports the
        state before it.
        """
        metadata = body["metadata"]
        version = metadata["resourceVersion"]
        if self.resource_version and int(version) <= int(self.resource_version):
            return False
        self.resource_version = version
        self.metadata = {key: metadata.get(key) for key in ("labels", "annotations")}
        deleting, deletion = "deletionTimestamp" in metadata, deletion_of(metadata)
        generation = int(metadata.get("generation") or 0)
        status = dict(body.get("status") or {})
        same = status == self.status
        self.status = status  # also what someone else wrote into it: it will be overwritten
        is_known = deleting == self.deleting and deletion == self.deletion
        if same and generation == self.generation and is_known:
            return False
        self.deleting, self.deletion = deleting, deletion
        if generation != self.generation:
            self.generation = generation
            self.observed.allow()
            self._compile(body.get("spec"))
        return True

    @property
    def has_record(self) -> bool:
        """Whether the status has the record of a verification: also without checks it says which work was taken off the
        branch."""
        if self.spec is None:
            return False
        return self.spec.verification is not None or bool(self.record.state.without_checks.repairs)

    @property
    def known_verification(self) -> VerificationState:
        """What the status on the server has of the verification; where the spec has none, of work that was taken off
        the branch."""
        state = self.known_record.state
        return state if self.spec is not None and self.spec.verification is not None else state.without_checks

    @property
    def rendered_record(self) -> Json:
        """The record of the verification, as a status has it."""
        if self._rendered is None or self._rendered[0] is not self.record:
            self._rendered = self.record, render_verification(self.record)
        return self._rendered[1]

    def take_record(self) -> bool:
        """Takes over what is recorded of the verification, if the status on the server has all of it; returns whether
        it has."""
        if not self.has_record:
            return True
        if self.status.get("verification") != self.rendered_record:
            return False
        if self.known_record is not self.record:
            self.known_record = self.record
            self._verify()
        return True

    @property
    def rendered_review(self) -> Json:
        """The record of the followed pull request, as a status has it."""
        if self._rendered_review is None or self._rendered_review[0] is not self.review:
            self._rendered_review = self.review, render_review(self.review)
        return self._rendered_review[1]

    def take_review(self) -> bool:
        """The same as ``take_record``, of the followed pull request."""
        if self.spec is None or not is_followed(self.spec):
            return True
        if self.status.get("review") != self.rendered_review:
            return False
        if self.known_review is not self.review:
            self.known_review = self.review
            self._verify()
        return True

    def adopt_end(self) -> None:
        """Takes over the end and the records that another operator has written: its last request may arrive after
        our first plan.

        Else we would write the same end again, with a later time.
        """
        found, known = read_status(self.status), self.ledger
        if found.completion_time is not None and known.completion_time is not None:
            end = min(found.completion_time, known.completion_time)
            self.ledger = replace(known, completion_time=end, peak=max(found.peak, known.peak))
        if self.status.get("verification"):
            self.record = self.known_record = read_verification(self.status)
            self._verify()
        if self.status.get("review"):
            self.review = self.known_review = read_review(self.status)
            self._verify()

    def _compile(self, data: object) -> None:
        self._compiled = self.spec = None
        self.problems = []
        try:
            self.spec, self._compiled = accepted(data, self.owner.name, self._check)
        except ProblemsError as error:
            self.problems = error.problems
        self._verify()

    def _verify(self) -> None:
        """The graph and the ledger with what the status on the server has of the verification, and of feedback."""
        is_verified = self.spec is not None and self.spec.verification is not None
        self.graph, state = self._compiled, self.known_verification
        if self.graph is not None and (state.repairs or state.condemned):
            self.graph = self.graph.with_repairs(state.floors, state.condemned)
        floors = self.known_review.state.floors if self.spec is not None and is_followed(self.spec) else {}
        if self.graph is not None and floors:
            self.graph = self.graph.with_reruns(floors)
        verified = state.verified if is_verified else None
        if self.ledger.verified != verified:
            self.ledger = replace(self.ledger, verified=verified)
