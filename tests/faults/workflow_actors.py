"""What other actors do to the Workflows of a run: those of ``actors`` that also act on Workflows, and others."""

from tests.argo.objects import API
from tests.argo.standin import RELEASE
from tests.controller.audit import Json
from tests.faults.actors import Actor, Deletes, Denies, Scene, SetsTtl, Suspends, TakesLabels, can_fail, task_of


class WorkflowScene(Scene):
    """One run whose tasks are Workflows."""

    kind = "Workflow"
    suspensions = ({"suspend": True},)
    resumption = {"suspend": None}
    short_ttl = {"ttlStrategy": {"secondsAfterCompletion": 0}}

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
            self.change(self.path(each), {"metadata": {"annotations": {RELEASE: "true"}}})

    def suspendable(self) -> list[Json]:
        """Those that nobody has suspended: a suspended one is still in phase Running."""
        return [each for each in self.attempts() if not each["spec"].get("suspend")]

    def path(self, attempt: Json) -> str:
        """The path of a Workflow."""
        return f"{API}/namespaces/{self.namespace.name}/workflows/{attempt['metadata']['name']}"

    def object_path(self, attempt: Json) -> str:
        """The same: a Workflow is the object of its attempt."""
        return self.path(attempt)


class TerminatesWorkflows(Actor):
    """Terminates a running Workflow, as ``argo terminate`` does. Its attempt fails."""

    def act(self, scene: Scene) -> str | None:
        """Terminate one, of a task that has attempts to spare."""
        found = [each for each in scene.attempts() if can_fail(scene, task_of(each))]
        if not found:
            return None
        chosen = scene.chance.choice(found)
        scene.lost[task_of(chosen)] += 1
        path = scene.path(chosen)
        return f"terminated {path}" if scene.change(path, {"spec": {"shutdown": "Terminate"}}) else None


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
    "denies": Denies,
    "deletes": Deletes,
    "terminates": TerminatesWorkflows,
    "suspends": Suspends,
    "sets-ttl": SetsTtl,
    "takes-labels": TakesLabels,
    "argo-away": ArgoIsAway,
}
"""By the name that the campaign's table has for it."""
