"""What runs attempts in a cluster: the part that every executor has. The optional parts are in ``optional``.

An attempt is one object of an API server: its name is a function of the attempt, and it belongs to its project. An
executor defines which objects those are, how they are built and stopped, and what they report about their attempt. It
sends nothing: the controller creates, looks up and changes the objects, the same for all executors.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol, Self, TypeVar

from parallelproject.core.graph.graph import CompiledGraph
from parallelproject.core.hooks.hook_runs import HookLaunch
from parallelproject.core.planner.attempt import Attempt, Record
from parallelproject.core.planner.plan import Plan
from parallelproject.core.planner.step_at import NO_STEPS, StepAt
from parallelproject.core.verification.check_run import CheckLaunch
from parallelproject.core.verification.probe import Probe
from parallelproject.executors.base.owner import Owner
from parallelproject.git.plumbing.delivery import ConflictMerge
from parallelproject.kube.client import collection
from parallelproject.model.spec import Spec
from parallelproject.model.work import WorkKey

Json = dict[str, Any]


class Resource(NamedTuple):
    """A kind of object, as an API server serves it."""

    kind: str
    """As in ``Job``."""
    group: str
    """As in ``/apis/batch/v1``."""
    plural: str
    """As in ``jobs``."""
    is_custom: bool = False
    """Whether a CRD defines it."""

    def path(self, namespace: str, name: str = "") -> str:
        """The path of all of them or of one; without a namespace that of all namespaces."""
        return collection(self.group, namespace, self.plural) + (f"/{name}" if name else "")


class TemplateRef(NamedTuple):
    """An object that a spec names, and that is read before anything starts."""

    resource: Resource
    name: str
    is_cluster_wide: bool = False
    """Whether it is in no namespace; else it is in that of the project."""

    def path(self, namespace: str) -> str:
        """Its path, for a project of a namespace."""
        return self.resource.path("" if self.is_cluster_wide else namespace, self.name)


class Change(NamedTuple):
    """A request that changes the object of an attempt."""

    body: Json
    content_type: str = "application/json"
    method: str = "PATCH"


class ObjectView(Protocol):
    """The relevant part of the object of an attempt. It is kept in place of the object, which may be large."""

    @property
    def name(self) -> str:
        """Its name."""

    @property
    def uid(self) -> str:
        """Its uid."""

    @property
    def version(self) -> int:
        """Its resourceVersion: of two views the one with the higher is newer."""

    @property
    def claim(self) -> str:
        """The claim of its task when it was started, or what it publishes."""

    def after(self, known: Self) -> Self:
        """This view, with fields of an earlier view that others may have removed since."""


class Part(Protocol):
    """The relevant part of an object that the object of an attempt controls, such as a pod of a Job."""

    @property
    def is_live(self) -> bool:
        """Whether it may still run."""

    def after(self, known: Self | None) -> Self | None:
        """This view, with fields of an earlier view; None if it was never part of an attempt."""


class RepairStart(NamedTuple):
    """A repair of what a task has landed, as the attempt that makes it is started."""

    number: int
    """Of the repairs of this task."""
    feedback: str
    """What its work breaks, or what its pull request has as feedback."""
    merging: ConflictMerge | None = None
    """The conflict of the branch that it resolves, if it does."""


@dataclass(frozen=True, slots=True)
class TaskStart:
    """An attempt at a task that will be started."""

    key: WorkKey
    owner: Owner
    metadata: Mapping[str, Any]
    """Labels and annotations of the project."""
    spec: Spec
    graph: CompiledGraph
    task: int
    """The task, as its number in the graph."""
    claim: str
    """The claim of the task, as text: it is written on the object, see ``identity.metadata``."""
    records: Mapping[str, Record]
    """By task id; at least those of the task's dependencies."""
    earlier: Sequence[Any] = ()
    """Views of the parts of the previous attempt."""
    previous: Any = None
    """View of the object of the previous attempt, if it was observed."""
    templates: Mapping["TemplateRef", Any] = field(default_factory=dict)
    """What was read of the templates that the spec names."""
    fallback: str | None = None
    """The role that runs it in place of the role of the task."""
    repair: RepairStart | None = None
    """None: it does its own work."""
    at: StepAt = NO_STEPS
    """The step of the task that it is at."""
    judged: Sequence[Any] = ()
    """Views of the parts of the attempt at a gate whose report it gets (``StepAt.reported``)."""


@dataclass(frozen=True, slots=True)
class CheckStart:
    """A run of a check of what has landed that will be started."""

    key: WorkKey
    owner: Owner
    metadata: Mapping[str, Any]
    """Labels and annotations of the project."""
    spec: Spec
    launch: CheckLaunch
    """What it runs on."""

    @property
    def role(self) -> str | None:
        """The role whose template it runs in; a revert needs none."""
        spec = self.spec
        if self.launch.revert:
            return None
        return self.launch.check.role or spec.defaults.role or (spec.roles[0].name if spec.roles else None)

    @property
    def queue(self) -> str | None:
        """The queue that admits it, if one does; that a revert waits for none, it is as short as a publishing."""
        if self.launch.revert:
            return None
        role = self.spec.role(self.role)
        return (role.queue_name if role else None) or self.spec.queue_name

    @property
    def claim(self) -> str:
        """What it runs on, for processes that find it later."""
        probe = self.launch.probe.name if self.launch.probe else ""
        return CheckClaim(self.launch.revision, probe, 0 if self.queue else 1).to_json()


class CheckClaim(NamedTuple):
    """What a run of a check runs on, as text on its object."""

    revision: str
    probe: str
    """The name of the probe; empty: all of the work."""
    slots: int = 1
    """As of ``core.planner.claim.Claim``: 0 if a queue admits it."""

    def to_json(self) -> str:
        """As text."""
        return json.dumps(self._asdict(), separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> Self | None:
        """The claim in a text, which others may have changed; None if it has none."""
        try:
            found = json.loads(text)
            claim = cls(str(found["revision"]), str(found["probe"]))
            return claim if not claim.probe or Probe.parse(claim.probe) else None
        except (ValueError, KeyError, TypeError, RecursionError):
            return None


@dataclass(frozen=True, slots=True)
class PublishStart:
    """An attempt at publishing that will be started, or a process that follows the pull request."""

    key: WorkKey
    owner: Owner
    metadata: Mapping[str, Any]
    """Labels and annotations of the project."""
    spec: Spec
    graph: CompiledGraph
    plan: Plan
    """The states of the tasks."""
    revision: str
    """What is published."""
    templates: Mapping["TemplateRef", Any] = field(default_factory=dict)
    """What was read of the templates that the spec names."""
    follow: Json | None = None
    """The fields of ``FollowRequest``; None: it publishes."""


@dataclass(frozen=True, slots=True)
class HookStart:
    """A run of a hook that will be started."""

    owner: Owner
    metadata: Mapping[str, Any]
    """Labels and annotations of the project."""
    spec: Spec
    launch: HookLaunch
    claim: str
    """What later processes have to know of it."""


V = TypeVar("V", bound=ObjectView)


class Executor(Protocol[V]):
    """Runs attempts as objects of one kind."""

    @property
    def resource(self) -> Resource:
        """What an attempt is."""

    def task(self, start: TaskStart) -> Json:
        """The object of an attempt at a task, with the metadata of ``identity.metadata``."""

    def stop(self, known: V | None, why: str) -> Change:
        """What ends an attempt, and leaves how it ended.

        Args:
            known: Its object, where that was observed.
            why: The reason, which is written on the object.
        """

    def view(self, obj: Mapping[str, Any]) -> V:
        """Reads the object of an attempt."""

    def attempt(self, number: int, found: V | None, parts: Sequence[Any], is_gone: bool) -> Attempt:
        """The state of an attempt.

        Args:
            number: Its number.
            found: Its object, if one is or was observed.
            parts: The parts with its labels.
            is_gone: Whether the object is known to be deleted. Only then can the attempt be lost: an
                object that is only not observed may exist.
        """
