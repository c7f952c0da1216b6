"""What some executors have as well. Each is asked for by ``isinstance``; who does not have it goes without.

Each part stands alone, as the optional interfaces of Kueue's job framework do.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol, runtime_checkable

from parallelproject.executors.base.executor import Change, Json, Part, PublishStart, Resource, TemplateRef
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
    """The object of an attempt controls others, which say how the attempt goes."""

    @property
    def parts(self) -> Sequence[Resource]:
        """What those are."""

    @property
    def part_seconds(self) -> float:
        """An object that has no part for so long is in trouble."""

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

    def said(self, parts: Sequence[Any]) -> str:
        """What an attempt at publishing said at its end: JSON, or nothing."""


@runtime_checkable
class HoldsEvidence(Protocol):
    """Objects are held when they are deleted, until how they ended is written down."""

    def is_held(self, found: Any) -> bool:
        """Whether we hold an object."""

    def is_going(self, found: Any) -> bool:
        """Whether it goes as soon as nothing holds it."""

    def hold(self, found: Any) -> Hold:
        """What holds an object."""

    def release(self, hold: Hold) -> Change:
        """What no longer holds it; what others hold it by stays. HTTP 409 where it is not as ``hold`` says."""


@runtime_checkable
class RemovesFinished(Protocol):
    """Objects stay after their end, and may be too many."""

    def finished_at(self, found: Any) -> float | None:
        """When an object has ended, in seconds since the epoch; None where it has not, or is going."""

    def is_full(self, refused: Refused) -> bool:
        """Whether a creation was refused since there are too many objects."""


@runtime_checkable
class ReadsRefusals(Protocol):
    """Knows what an API server means that does not create an object; for others each refusal is for now."""

    async def refusal(self, api: Api, namespace: str, manifest: Json, error: ApiError) -> Refused | None:
        """Why an API server has refused an object; None where nobody knows whether it is there.

        Args:
            api: An open connection.
            namespace: Where.
            manifest: The object.
            error: The answer to its creation.
        """


@runtime_checkable
class RestoresMarks(Protocol):
    """Gives objects back what others take from them: the labels and the owner by which they are watched and deleted."""

    def is_intact(self, obj: Mapping[str, Any], owner: Owner, key: WorkKey) -> bool:
        """Whether an object has all of that."""

    def restore(self, owner: Owner, key: WorkKey, uid: str) -> Change:
        """What gives it back."""


@runtime_checkable
class WatchesMetadata(Protocol):
    """Its objects may be large: the metadata alone is watched, and an object is read when that is not enough."""

    def is_to_be_read(self, found: Any) -> bool:
        """Whether there is more to know of an object than its metadata says."""


@runtime_checkable
class NoticesSilence(Protocol):
    """Knows by an object whether anybody has begun with it."""

    @property
    def silent_seconds(self) -> float:
        """An object with which nobody has begun for so long is in trouble."""

    @property
    def silence(self) -> Reason:
        """What that trouble is called."""

    def is_silent(self, found: Any) -> bool:
        """Whether nobody has begun with it."""


@runtime_checkable
class ReadsTemplates(Protocol):
    """Runs what other objects describe: they are read before anything starts."""

    def templates(self, spec: Spec) -> Sequence[TemplateRef]:
        """The objects that a spec names."""

    def template(self, obj: Mapping[str, Any]) -> Any:
        """What matters of one."""

    def template_problems(self, spec: Spec, found: Mapping[TemplateRef, Any]) -> list[Problem]:
        """What keeps a spec from running with these; a template that is not among them was not found."""


@runtime_checkable
class SaysMore(Protocol):
    """An object says in a sentence how it ended."""

    def said_at_end(self, found: Any) -> str:
        """The sentence; empty where there is none, or where all went well."""
