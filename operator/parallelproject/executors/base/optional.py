"""The optional parts of executors. The controller checks for each by ``isinstance`` and works without it.

Each part is independent, like the optional interfaces of Kueue's job framework.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol, runtime_checkable

from parallelproject.executors.base.executor import Change, Json, Part, PublishStart, Resource
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
        """What that trouble is called."""

    def part(self, obj: Mapping[str, Any]) -> Part:
        """Reads one."""


@runtime_checkable
class Publishes(Protocol):
    """Also publishes what has landed."""

    def publishing(self, start: PublishStart) -> Json:
        """The object of an attempt at publishing."""

    def report(self, parts: Sequence[Any]) -> str:
        """The report of an attempt at publishing at its end: JSON, or empty."""


@runtime_checkable
class HoldsEvidence(Protocol):
    """A finalizer keeps deleted objects until their result is recorded."""

    def is_held(self, found: Any) -> bool:
        """Whether our finalizer holds an object."""

    def is_going(self, found: Any) -> bool:
        """Whether it is deleted as soon as no finalizer holds it."""

    def release(self, uid: str) -> Change:
        """The patch that removes our finalizer; other finalizers stay."""


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
