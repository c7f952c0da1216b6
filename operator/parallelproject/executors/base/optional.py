"""The optional parts of executors. The controller checks for each by ``isinstance`` and works without it.

Each part is independent, like the optional interfaces of Kueue's job framework.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol, runtime_checkable

from parallelproject.core.planner.attempt import Attempt
from parallelproject.core.verification.check_message import CheckEnd
from parallelproject.executors.base.executor import (
    Change,
    CheckStart,
    HookStart,
    Json,
    Part,
    PublishStart,
    Resource,
    TemplateRef,
)
from parallelproject.executors.base.owner import Owner
from parallelproject.kube.client import Api, ApiError
from parallelproject.model.problem import Problem
from parallelproject.model.spec import Spec
from parallelproject.model.status import Reason
from parallelproject.model.work import WorkKey


class Refused(NamedTuple):
    """An object that was certainly not created."""

    reason: Reason
    """INVALID_POD_TEMPLATE, which is final, or one of ``model.status.REFUSALS``."""
    message: str


class Hold(NamedTuple):
    """What holds an object, in one of its states."""

    uid: str
    version: str
    """The resourceVersion of that state."""
    finalizers: Sequence[str] = ()
    """All of them, also those of others; may be empty where ``release`` does not need them."""


@runtime_checkable
class ChecksSpecs(Protocol):
    """Cannot run every spec that is valid."""

    def problems(self, spec: Spec, project: str) -> list[Problem]:
        """What keeps a valid spec from running.

        Args:
            spec: The spec.
            project: Name of the project.
        """


@runtime_checkable
class HasParts(Protocol):
    """The object of an attempt controls other objects, which report its progress."""

    @property
    def parts(self) -> Sequence[Resource]:
        """What those are."""

    @property
    def part_seconds(self) -> float:
        """After this time without a part an object is in trouble."""

    @property
    def part_missing(self) -> Reason:
        """The reason of that report."""

    def part(self, obj: Mapping[str, Any]) -> Part:
        """Reads one."""


@runtime_checkable
class Publishes(Protocol):
    """Also publishes what has landed."""

    def publishing(self, start: PublishStart) -> Json:
        """The object of an attempt at publishing, or of a process that follows the pull request."""

    def report(self, found: Any, parts: Sequence[Any]) -> str:
        """The report of such an attempt at its end: JSON, or empty.

        Args:
            found: Its object, if it is or was observed.
            parts: The parts with its labels.
        """


@runtime_checkable
class RunsHooks(Protocol):
    """Also runs hooks around levels and groups."""

    def hook(self, start: HookStart) -> Json:
        """The object of a run of a hook."""


@runtime_checkable
class Verifies(Protocol):
    """Also runs checks of what has landed."""

    def check(self, start: CheckStart) -> Json:
        """The object of a run of a check."""

    def check_end(self, attempt: Attempt, found: Any, parts: Sequence[Any]) -> CheckEnd | None:
        """How a run of a check has ended; None: its parts say nothing about it.

        Args:
            attempt: Its state.
            found: Its object, if it is or was observed.
            parts: The parts with its labels.
        """


@runtime_checkable
class HoldsEvidence(Protocol):
    """A finalizer keeps deleted objects until their result is recorded."""

    def is_held(self, found: Any) -> bool:
        """Whether our finalizer holds an object."""

    def is_going(self, found: Any) -> bool:
        """Whether it is deleted as soon as no finalizer holds it."""

    def hold(self, found: Any) -> Hold:
        """What holds an object."""

    def release(self, hold: Hold) -> Change:
        """The change that removes our finalizer; other finalizers stay. HTTP 409 if ``hold`` is outdated."""


@runtime_checkable
class RemovesFinished(Protocol):
    """Objects stay after their end, and may be too many."""

    def finished_at(self, found: Any) -> float | None:
        """When an object has ended, in seconds since the epoch; None if it has not, or is being deleted."""

    def is_full(self, refused: Refused) -> bool:
        """Whether a creation was refused because there are too many objects."""


@runtime_checkable
class ReadsRefusals(Protocol):
    """Interprets the refusals of an API server; without it every refusal is temporary."""

    async def refusal(self, api: Api, namespace: str, manifest: Json, error: ApiError) -> Refused | None:
        """Why an API server has refused an object; None if it is not known whether it exists.

        Args:
            api: An open connection.
            namespace: Where.
            manifest: The object.
            error: The answer to its creation.
        """


@runtime_checkable
class RestoresMarks(Protocol):
    """Restores the labels and the owner of objects, by which they are watched and deleted."""

    def is_intact(self, obj: Mapping[str, Any], owner: Owner, key: WorkKey) -> bool:
        """Whether an object has all of that."""

    def restore(self, owner: Owner, key: WorkKey, uid: str) -> Change:
        """The patch that restores it."""


@runtime_checkable
class WatchesMetadata(Protocol):
    """Has large objects: only their metadata is watched, and an object is read when that is not enough."""

    def is_to_be_read(self, found: Any) -> bool:
        """Whether the whole object must be read: its metadata is not enough."""


@runtime_checkable
class NoticesSilence(Protocol):
    """Knows from an object whether its controller has started it."""

    @property
    def silent_seconds(self) -> float:
        """After this time an object that is not started is reported."""

    @property
    def silence(self) -> Reason:
        """The reason of that report."""

    def is_silent(self, found: Any) -> bool:
        """Whether its controller has not started it."""


@runtime_checkable
class ReadsTemplates(Protocol):
    """Runs templates, which are read before anything starts."""

    def templates(self, spec: Spec) -> Sequence[TemplateRef]:
        """The objects that a spec names."""

    def template(self, obj: Mapping[str, Any]) -> Any:
        """The relevant part of one."""

    def template_problems(self, spec: Spec, found: Mapping[TemplateRef, Any]) -> list[Problem]:
        """What keeps a spec from running with these templates; a missing one was not found."""


@runtime_checkable
class SaysMore(Protocol):
    """Has a sentence about the end of an object."""

    def said_at_end(self, found: Any) -> str:
        """The sentence; empty after a success."""
