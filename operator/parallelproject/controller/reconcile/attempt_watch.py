"""Events of attempts: each object of the watches is assigned to its attempt, or ignored."""

import logging
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from parallelproject.controller.actions.evidence import Evidence
from parallelproject.controller.actions.lookup import Lookup
from parallelproject.controller.reconcile.registry import Registry
from parallelproject.executors.base.executor import Executor
from parallelproject.executors.base.identity import controller_of, key_of
from parallelproject.executors.base.optional import HasParts
from parallelproject.model import names
from parallelproject.model.work import WorkKey

SELECTOR = f"{names.LABEL_MANAGED_BY}={names.MANAGED_BY},{names.LABEL_PROJECT_UID}"
"""The labels of every object of an attempt."""
_name_of = lru_cache(maxsize=8192)(names.job_name)  # called for every event

log = logging.getLogger(__name__)


class _Place(NamedTuple):
    """The project in the labels."""

    namespace: str
    name: str
    uid: str


def _find(obj: Mapping[str, Any]) -> tuple[WorkKey, _Place] | None:
    """The attempt in an object's labels; None: the operator did not create it, whatever its labels say."""
    metadata = obj["metadata"]
    marks = metadata.get("labels") or {}
    key = key_of(marks)
    if key is None or names.LABEL_PROJECT not in marks or names.LABEL_PROJECT_UID not in marks:
        return None
    return key, _Place(metadata["namespace"], marks[names.LABEL_PROJECT], marks[names.LABEL_PROJECT_UID])


def _is_made_by_us(name: str | None, key: WorkKey, at: _Place) -> bool:
    """Whether the object of an attempt has the name that the operator gives it: labels alone prove nothing."""
    return name == _name_of(at.name, at.uid, key)


def _is_whole(obj: Mapping[str, Any]) -> bool:
    """Whether a deleted object is complete, and not only its name and labels."""
    return "resourceVersion" in obj["metadata"]


class ObjectSink:
    """Receives the objects of attempts."""

    def __init__(self, executor: Executor[Any], registry: Registry, lookup: Lookup, evidence: Evidence) -> None:
        self._executor = executor
        self._registry = registry
        self._lookup = lookup
        self._evidence = evidence

    def seen(self, obj: Mapping[str, Any]) -> None:
        """An object; counts only if the project's uid controls it, or nothing does, or it is known already."""
        found = _find(obj)
        controller = controller_of(obj)
        if found is None or not _is_made_by_us(obj["metadata"]["name"], *found):
            self._found_changed(obj, controller)
            return
        key, at = found
        if controller in ("", at.uid) or self._is_known(at, key, obj["metadata"]["uid"]):
            if not self._is_run_by_this(at):
                return
            view = self._executor.view(obj)
            self._registry.observed(at.namespace, at.uid, self._executor).found(key, view)
            if not self._registry.touch(*at):
                self._evidence.unowned(self._executor, at.namespace, view, at.name, at.uid)
            elif controller != at.uid:
                self._restore(at, key, view.uid)

    def is_watched(self, obj: Mapping[str, Any]) -> bool:
        """Whether the watch reports an object and it counts, or it is known by its uid."""
        metadata = obj["metadata"]
        found, marks = _find(obj), metadata.get("labels") or {}
        is_selected = marks.get(names.LABEL_MANAGED_BY) == names.MANAGED_BY
        if is_selected and found is not None and _is_made_by_us(metadata["name"], *found):
            return True
        projects = [
            each
            for each in self._registry.projects
            if each.owner.namespace == metadata["namespace"] and each.executor is self._executor
        ]
        return any(project.observed.key_of(metadata["uid"]) is not None for project in projects)

    def gone(self, obj: Mapping[str, Any]) -> None:
        """An object was deleted."""
        if _is_whole(obj):
            self.seen(obj)
        found = _find(obj)
        if found is None or self._asks_after(*found):
            return
        key, at = found
        known = self._registry.known_observed(at.namespace, at.uid, self._executor)
        if known is not None:
            known.gone(key, obj["metadata"]["uid"])
            if not self._registry.touch(*at):
                self._registry.forget(at.namespace, at.uid, key)

    def _is_run_by_this(self, at: _Place) -> bool:
        """Whether a project that is known has its attempts run by this executor; what nobody knows yet may have."""
        project = self._registry.find(*at)
        return project is None or project.executor is self._executor

    def _is_known(self, at: _Place, key: WorkKey, uid: str) -> bool:
        known = self._registry.known_observed(at.namespace, at.uid, self._executor)
        view = known.view(key) if known is not None else None
        return view is not None and view.uid == uid

    def _found_changed(self, obj: Mapping[str, Any], controller: str) -> None:
        """An object with changed labels: it still belongs to its attempt, if it is known."""
        metadata = obj["metadata"]
        known = self._registry.known_observed(metadata["namespace"], controller, self._executor)
        key = known.key_of(metadata["uid"]) if known is not None else None
        name = next((r.get("name") for r in metadata.get("ownerReferences") or () if r.get("uid") == controller), "")
        if known is not None and key is not None:
            known.found(key, self._executor.view(obj))
            at = _Place(metadata["namespace"], str(name), controller)
            if self._registry.touch(*at):
                self._restore(at, key, metadata["uid"])

    def _restore(self, at: _Place, key: WorkKey, uid: str) -> None:
        """The object of an attempt has lost its labels or its owner."""
        project = self._registry.find(*at)
        if project is not None and not project.is_going:
            self._lookup.restore(project, key, uid)

    def _asks_after(self, key: WorkKey, at: _Place) -> bool:
        """Whether to look up an attempt whose object is reported as deleted: if it is not known to have ended, or if
        our finalizer holds it. Only its labels may have been removed, not the object."""
        project = self._registry.find(*at)
        if project is None or project.deleting or project.executor is not self._executor:
            return False
        if not project.observed.is_active(key) and not project.observed.is_held(key):
            return False
        self._lookup.look_up(project, key)
        return True


class PartSink:
    """Receives the parts of attempts."""

    def __init__(self, executor: Executor[Any], reads: HasParts, registry: Registry) -> None:
        self._executor = executor
        self._reads = reads
        self._registry = registry

    def seen(self, obj: Mapping[str, Any]) -> None:
        """A part; whether it counts depends on the object that controls it."""
        found = _find(obj)
        if found is None:
            return
        key, at = found
        owners = obj["metadata"].get("ownerReferences") or ()
        name = next((ref.get("name") for ref in owners if ref.get("controller")), None)
        if _is_made_by_us(name, key, at):
            project = self._registry.find(*at)
            if project is None or project.executor is self._executor:
                self._registry.observed(at.namespace, at.uid, self._executor)
        elif name is not None:
            return
        known = self._registry.known_observed(at.namespace, at.uid, self._executor)
        if known is not None:
            try:
                part = self._reads.part(obj)
            except Exception:  # anyone who may create pods can give one our labels: it must not stop the others
                log.exception("%s of %s cannot be read", obj["metadata"]["name"], key)
                return
            known.part_found(key, obj["metadata"]["uid"], part)
            self._registry.touch(*at)

    def gone(self, obj: Mapping[str, Any]) -> None:
        """A part was deleted."""
        if _is_whole(obj):
            self.seen(obj)
        found = _find(obj)
        if found is None:
            return
        key, at = found
        known = self._registry.known_observed(at.namespace, at.uid, self._executor)
        if known is not None:
            known.part_gone(key, obj["metadata"]["uid"])
            if not self._registry.touch(*at):
                self._registry.forget(at.namespace, at.uid, key)
