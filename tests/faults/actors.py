"""What other actors do to the objects of a run: people, policies and other controllers, with the rights of an admin.

To add one, write a subclass of ``Actor`` and name it in ``ACTORS``, and in ``WORKFLOW_ACTORS`` if it also acts on
Workflows; the campaign ``others`` runs each by itself, and together with faults of the operator. No moment follows from
the time: every attempt of the graph is held until the driver releases it, and an act comes so many requests after a
release.
"""

import contextlib
import random
import time
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Sequence

from parallelproject.kube.client import MERGE_PATCH, ApiError
from rig.deadline import until
from tests.controller.admission import denial
from tests.controller.audit import LABEL, Json
from tests.faults.graphs import ATTEMPTS, Graph
from tests.faults.lab import Run
from tests.faults.scenario import has_ended

_STEP_SECONDS = 90
"""Longest time until an attempt runs, or the project has ended; Jobs wait for 10 s after an eviction."""
_STILL_SECONDS = 1.0
"""With no request for so long, the moment of an act does not come: it is now."""
_RELEASED_FIRST = 0.6
"""Share of the acts before which an attempt is released: the others come while all stand still."""
_REQUESTS_MAX = 12
"""An act comes at most so many requests after a release."""


class Scene:
    """One run whose tasks are Jobs, as the actors see it."""

    kind = "Job"
    """Of the object of an attempt."""
    suspensions: Sequence[Json] = ({"suspend": True}, {"parallelism": 0})
    """What suspends it, by its spec."""
    resumption: Json = {"suspend": False, "parallelism": 1}
    """What resumes it."""
    short_ttl: Json = {"ttlSecondsAfterFinished": 0}
    """What has it deleted at its end."""

    def __init__(self, run: Run, graph: Graph, seed: int) -> None:
        self.run = run
        self.graph = graph
        self.namespace = run.namespace
        self.chance = random.Random(seed)
        self.made: list[Json] = []
        """All projects that had the name, in order."""
        self.lost = Counter[str]()
        """By task: how many attempts the acts may have cost."""
        self.suspended: list[str] = []
        """Paths of Jobs or Workflows that an actor has suspended: with all of them so, nothing continues by itself."""

    def create(self) -> None:
        """Create the project; again, for an actor that has deleted it."""
        self.made.append(self.namespace.create(self.graph.spec))
        self.run.note_version(self.made[-1]["metadata"]["resourceVersion"])

    def has_ended(self) -> bool:
        """Whether the project has ended."""
        return has_ended(self.namespace.get())

    def attempts(self) -> list[Json]:
        """What runs of attempts that nobody has released: their pods."""
        return self.namespace.held()

    def release(self, found: list[Json]) -> None:
        """Let some end."""
        self.namespace.release_pods(found)

    def suspendable(self) -> list[Json]:
        """What runs of attempts that nobody has suspended: a suspended Job has no pod."""
        return self.attempts()

    def path(self, attempt: Json) -> str:
        """The path of what runs of an attempt: of its pod."""
        return f"/api/v1/namespaces/{self.namespace.name}/pods/{attempt['metadata']['name']}"

    def object_path(self, attempt: Json) -> str:
        """The path of the object of an attempt: of a pod's Job."""
        name = next(owner["name"] for owner in attempt["metadata"]["ownerReferences"])
        return f"/apis/batch/v1/namespaces/{self.namespace.name}/jobs/{name}"

    def can_act(self, actors: Sequence["Actor"]) -> bool:
        """Whether nothing is to be waited for before the next act."""
        holds_up = any(actor.holds_up for actor in actors)
        return bool(self.attempts() or self.suspended or self.has_ended() or holds_up)

    def delete(self, path: str) -> bool:
        """Delete what is at a path; whether it was there."""
        return self.ask("DELETE", path) is not None

    def change(self, path: str, patch: Json) -> bool:
        """Merge a change into what is at a path, as a person does; whether it was there."""
        # By its user agent it would be the operator's own change.
        return self.ask("PATCH", f"{path}?fieldManager=somebody", patch, content_type=MERGE_PATCH) is not None

    def ask(self, method: str, path: str, body: Json | None = None, **options: str) -> Json | None:
        """A request of the admin; None where there is nothing at the path any more."""
        try:
            return self.namespace.client(method, path, body, **options)
        except ApiError as error:
            if error.status == 404:
                return None
            raise


class Actor(ABC):
    """Somebody who does one kind of thing again and again."""

    refused: frozenset[int] = frozenset()
    """Codes by which the operator's requests may be refused because of it, among 400, 403 and 422."""

    @property
    def holds_up(self) -> bool:
        """Whether no attempt may start because of it, so that none is to be waited for."""
        return False

    @abstractmethod
    def act(self, scene: Scene) -> str | None:
        """Do it once, to something that ``scene.chance`` draws.

        Returns:
            What was done, in words; None where there was nothing to do it to.
        """

    def undo(self, scene: Scene) -> None:  # noqa: B027
        """Take back what would keep the project from its end; also called if nothing was done."""


class Deletes(Actor):
    """Deletes a running pod or Workflow. Its attempt fails, or is lost."""

    def act(self, scene: Scene) -> str | None:
        """Delete one; of a task that has attempts to spare, so that its end stays foretold."""
        found = [each for each in scene.attempts() if can_fail(scene, task_of(each))]
        if not found:
            return None
        chosen = scene.chance.choice(found)
        scene.lost[task_of(chosen)] += 1
        return f"deleted {scene.path(chosen)}" if scene.delete(scene.path(chosen)) else None


class Evicts(Actor):
    """Evicts a running pod by the eviction API, as ``kubectl drain`` does. Its Job makes another; nothing is lost."""

    def act(self, scene: Scene) -> str | None:
        """Evict one."""
        pods = scene.attempts()
        if not pods:
            return None
        pod = scene.chance.choice(pods)
        metadata = {key: pod["metadata"][key] for key in ("name", "namespace")}
        body = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": metadata}
        path = scene.path(pod)
        return f"evicted {path}" if scene.ask("POST", f"{path}/eviction", body) is not None else None


class Denies(Actor):
    """Has a policy deny all Jobs or Workflows for a while, with the code of a broken template or another. Nothing is
    lost."""

    refused = frozenset({403, 422})

    def __init__(self) -> None:
        self._policy: contextlib.ExitStack | None = None

    @property
    def holds_up(self) -> bool:
        """While it denies."""
        return self._policy is not None

    def act(self, scene: Scene) -> str | None:
        """Begin, or end, by turns."""
        if self._policy is not None:
            self.undo(scene)
            return f"allowed {scene.kind}s"
        reason = scene.chance.choice(("Invalid", "Forbidden"))
        self._policy = contextlib.ExitStack()
        self._policy.enter_context(denial(scene.namespace, "not now", reason, kind=scene.kind))
        return f"denied {scene.kind}s as {reason}"

    def undo(self, scene: Scene) -> None:
        """End it."""
        if self._policy is not None:
            self._policy.close()
            self._policy = None


class Suspends(Actor):
    """Suspends the Job or the Workflow of a running attempt, as a person or a queue does, and resumes it, or another
    one, later."""

    def act(self, scene: Scene) -> str | None:
        """Suspend one, or resume one that it has suspended."""
        found = scene.suspendable()
        if scene.suspended and (not found or scene.chance.random() < _RESUMED):
            path = scene.suspended.pop(scene.chance.randrange(len(scene.suspended)))
            return f"resumed {path}" if scene.change(path, {"spec": scene.resumption}) else None
        if not found:
            return None
        path = scene.object_path(scene.chance.choice(found))
        how = scene.chance.choice(scene.suspensions)
        if not scene.change(path, {"spec": how}):
            return None
        scene.suspended.append(path)
        return f"suspended {path} by {how}"

    def undo(self, scene: Scene) -> None:
        """Resume all."""
        for path in scene.suspended:
            scene.change(path, {"spec": scene.resumption})


class SetsTtl(Actor):
    """Has a Job or a Workflow deleted at its end, as a policy does; half of the time the operator is killed before
    that."""

    def act(self, scene: Scene) -> str | None:
        """Do it to one, and let that end."""
        found = scene.attempts()
        if not found:
            return None
        chosen = scene.chance.choice(found)
        path = scene.object_path(chosen)
        if not scene.change(path, {"spec": scene.short_ttl}):
            return None
        kills = scene.chance.random() < 0.5
        if kills:
            scene.run.kill()
        scene.release([chosen])
        return f"gave {path} a TTL" + (" and killed the operator" if kills else "")


class TakesLabels(Actor):
    """Removes labels, the owner or annotations from the object of a running attempt."""

    def act(self, scene: Scene) -> str | None:
        """Remove some from one."""
        found = scene.attempts()
        if not found:
            return None
        path = scene.object_path(scene.chance.choice(found))
        what = scene.chance.choice(
            [
                {"labels": {"app.kubernetes.io/managed-by": "Helm"}},
                {"labels": {f"{LABEL}/task": None}},
                {"labels": {f"{LABEL}/project-uid": None}},
                {"ownerReferences": None},
            ]
        )
        return f"took {what} from {path}" if scene.change(path, {"metadata": what}) else None


_RESUMED = 0.5
"""Share of the acts that resume a Job or a Workflow, where one is suspended."""


ACTORS: dict[str, type[Actor]] = {
    "denies": Denies,
    "deletes-pods": Deletes,
    "evicts": Evicts,
    "suspends-jobs": Suspends,
    "sets-ttl": SetsTtl,
    "takes-labels": TakesLabels,
}
"""By the name that the campaign's table has for it."""


def task_of(made: Json) -> str:
    """The task of a Job, a pod or a Workflow."""
    return str(made["metadata"]["labels"][f"{LABEL}/task"])


def can_fail(scene: Scene, task: str) -> bool:
    """Whether one more failure leaves the end of a task as it is foretold."""
    state, attempts, _ = scene.graph.end[task]
    return state == "Succeeded" and attempts + scene.lost[task] < ATTEMPTS


def disturb(scene: Scene, actors: Sequence[Actor], acts: int) -> list[str]:
    """Let actors do so many things while the project runs, undo them, and release all attempts until it has ended.

    Returns:
        What was done, in words and in order.
    """
    done: list[str] = []
    try:
        for _ in range(acts):
            until(lambda: scene.can_act(actors), "a held attempt", seconds=_STEP_SECONDS)
            pods = scene.attempts()
            if pods and scene.chance.random() < _RELEASED_FIRST:
                scene.release([scene.chance.choice(pods)])
                _wait_requests(scene.run, scene.chance.randrange(_REQUESTS_MAX))
            if what := scene.chance.choice(actors).act(scene):
                done.append(what)
    finally:
        for actor in actors:
            actor.undo(scene)

    def ended() -> bool:
        scene.release(scene.attempts())
        return scene.has_ended()

    until(ended, "the end of the project", seconds=2 * _STEP_SECONDS)
    return done


def _wait_requests(run: Run, number: int) -> None:
    """Wait until so many requests and events have passed the proxy; or none has come for a while."""
    begin, seen, since = run.traffic.counts.total(), -1, 0.0

    def passed() -> bool:
        nonlocal seen, since
        if run.traffic.counts.total() != seen:
            seen, since = run.traffic.counts.total(), time.monotonic()
        return seen - begin >= number or time.monotonic() - since > _STILL_SECONDS

    until(passed, f"{number} requests", seconds=_STEP_SECONDS)
