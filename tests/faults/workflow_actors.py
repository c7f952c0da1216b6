"""What other actors do to the Workflows of a run: people, policies and Argo's controller, with the rights of an admin.

As in ``actors``: to add one, write a subclass of ``Actor`` and name it in ``WORKFLOW_ACTORS``.
"""

import contextlib
from collections.abc import Iterator

from parallelproject.kube.client import MERGE_PATCH, ApiError
from rig.deadline import until
from tests.argo.objects import API, GROUP, VERSION
from tests.argo.standin import RELEASE
from tests.controller.admission import objects
from tests.controller.audit import Json
from tests.controller.cluster import Namespace
from tests.faults.actors import Actor, Scene, TakesLabels, can_fail, task_of

_BY = "?fieldManager=somebody"
"""By the user agent of the tests a change would be the operator's own."""
_RESUMED = 0.5
"""Share of the acts that resume a Workflow, where one is suspended."""


class WorkflowScene(Scene):
    """One run whose tasks are Workflows."""

    def attempts(self) -> list[Json]:
        """The Workflows that run and that nobody has released."""
        return [
            each
            for each in self.namespace.workflows()
            if (each.get("status") or {}).get("phase") == "Running"
            and not each["metadata"].get("deletionTimestamp")
            and RELEASE not in each["metadata"].get("annotations", {})
        ]

    def release(self, found: list[Json]) -> None:
        """Let some end."""
        for each in found:
            self.change(each, {"metadata": {"annotations": {RELEASE: "true"}}})

    def object_path(self, attempt: Json) -> str:
        """The path of a Workflow."""
        return path_of(attempt)

    def change(self, workflow: Json, patch: Json) -> bool:
        """Merge a change into a Workflow; whether it was there."""
        return self.ask("PATCH", path_of(workflow) + _BY, patch, content_type=MERGE_PATCH) is not None


def path_of(workflow: Json) -> str:
    """The path of a Workflow."""
    metadata = workflow["metadata"]
    return f"{API}/namespaces/{metadata['namespace']}/workflows/{metadata['name']}"


class DeletesWorkflows(Actor):
    """Deletes a running Workflow. Its attempt is lost."""

    def act(self, scene: Scene) -> str | None:
        """Delete one; of a task that has attempts to spare, so that its end stays foretold."""
        found = [each for each in scene.attempts() if can_fail(scene, task_of(each))]
        if not found:
            return None
        chosen = scene.chance.choice(found)
        scene.lost[task_of(chosen)] += 1
        return f"deleted {path_of(chosen)}" if scene.delete(path_of(chosen)) else None


class TerminatesWorkflows(Actor):
    """Terminates a running Workflow, as ``argo terminate`` does. Its attempt fails."""

    def act(self, scene: Scene) -> str | None:
        """Terminate one, as of ``DeletesWorkflows``."""
        assert isinstance(scene, WorkflowScene)
        found = [each for each in scene.attempts() if can_fail(scene, task_of(each))]
        if not found:
            return None
        chosen = scene.chance.choice(found)
        scene.lost[task_of(chosen)] += 1
        return f"terminated {path_of(chosen)}" if scene.change(chosen, {"spec": {"shutdown": "Terminate"}}) else None


class SuspendsWorkflows(Actor):
    """Suspends a running Workflow, as ``argo suspend`` does, and resumes it, or another one, later."""

    def act(self, scene: Scene) -> str | None:
        """Suspend one, or resume one that it has suspended."""
        assert isinstance(scene, WorkflowScene)
        found = [each for each in scene.attempts() if not each["spec"].get("suspend")]
        if scene.suspended and (not found or scene.chance.random() < _RESUMED):
            path = scene.suspended.pop(scene.chance.randrange(len(scene.suspended)))
            return f"resumed {path}" if _resume(scene, path) else None
        if not found:
            return None
        chosen = scene.chance.choice(found)
        if not scene.change(chosen, {"spec": {"suspend": True}}):
            return None
        scene.suspended.append(path_of(chosen))
        return f"suspended {path_of(chosen)}"

    def undo(self, scene: Scene) -> None:
        """Resume all."""
        for path in scene.suspended:
            _resume(scene, path)


def _resume(scene: Scene, path: str) -> bool:
    patch = {"spec": {"suspend": None}}
    return scene.ask("PATCH", path + _BY, patch, content_type=MERGE_PATCH) is not None


class SetsTtlStrategy(Actor):
    """Has Argo delete a Workflow at its end; half of the time the operator is killed before that."""

    def act(self, scene: Scene) -> str | None:
        """Do it to one, and let that end."""
        assert isinstance(scene, WorkflowScene)
        found = scene.attempts()
        if not found:
            return None
        chosen = scene.chance.choice(found)
        if not scene.change(chosen, {"spec": {"ttlStrategy": {"secondsAfterCompletion": 0}}}):
            return None
        kills = scene.chance.random() < 0.5
        if kills:
            scene.run.kill()
        scene.release([chosen])
        return f"gave {path_of(chosen)} a TTL" + (" and killed the operator" if kills else "")


class DeniesWorkflows(Actor):
    """Has a policy deny all Workflows for a while. Nothing is lost."""

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
            return "allowed Workflows"
        reason = scene.chance.choice(("Invalid", "Forbidden"))
        self._policy = contextlib.ExitStack()
        self._policy.enter_context(_denial(scene.namespace, reason))
        return f"denied Workflows as {reason}"

    def undo(self, scene: Scene) -> None:
        """End it."""
        if self._policy is not None:
            self._policy.close()
            self._policy = None


@contextlib.contextmanager
def _denial(ns: Namespace, reason: str) -> Iterator[None]:
    rule = {"apiGroups": [GROUP], "apiVersions": [VERSION], "operations": ["CREATE"], "resources": ["workflows"]}
    validation = {"expression": "false", "message": "not now", "reason": reason}
    here = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": ns.name}}}
    policy = {"matchConstraints": {"resourceRules": [rule]}, "validations": [validation]}
    binding = {"policyName": ns.name, "validationActions": ["Deny"], "matchResources": here}
    made = {"validatingadmissionpolicies": {"spec": policy}, "validatingadmissionpolicybindings": {"spec": binding}}
    with objects(ns, made):
        until(lambda: _is_denied(ns), "the policy to be in force", seconds=30)
        yield


def _is_denied(ns: Namespace) -> bool:
    body = {"apiVersion": f"{GROUP}/{VERSION}", "kind": "Workflow", "metadata": {"name": "tried"}, "spec": {}}
    try:
        ns.client("POST", f"{API}/namespaces/{ns.name}/workflows?dryRun=All", body)
    except ApiError as error:
        return "not now" in str(error)
    return False


class ArgoIsAway(Actor):
    """Has Argo's controller look at no Workflow of the namespace for a while. Nothing is lost."""

    def __init__(self) -> None:
        self._is_away = False

    @property
    def holds_up(self) -> bool:
        """While it is away."""
        return self._is_away

    def act(self, scene: Scene) -> str | None:
        """Begin, or end, by turns."""
        if self._is_away:
            self.undo(scene)
            return "Argo came back"
        self._is_away = True
        scene.run.lab.argo.leave(scene.namespace.name)
        return "Argo went away"

    def undo(self, scene: Scene) -> None:
        """End it."""
        self._is_away = False
        scene.run.lab.argo.come_back(scene.namespace.name)


WORKFLOW_ACTORS: dict[str, type[Actor]] = {
    "denies": DeniesWorkflows,
    "deletes": DeletesWorkflows,
    "terminates": TerminatesWorkflows,
    "suspends": SuspendsWorkflows,
    "sets-ttl": SetsTtlStrategy,
    "takes-labels": TakesLabels,
    "argo-away": ArgoIsAway,
}
"""By the name that the campaign's table has for it."""
