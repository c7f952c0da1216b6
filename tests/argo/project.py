"""Projects with executor Workflow, and what tests do with their Workflows."""

from typing import Any

from parallelproject.kube.client import MERGE_PATCH
from tests.argo.objects import API
from tests.argo.standin import RELEASE, ArgoStandIn
from tests.controller.cluster import Json, Namespace, spec

TEMPLATE = {"name": "coder", "workflowTemplateRef": {"name": "agent"}}


def workflow_spec_of(*tasks: Json, **fields: Any) -> Json:
    """A spec whose tasks run as Workflows of the template ``agent``."""
    return spec(*tasks, executor="Workflow", **{"roles": [TEMPLATE], **fields})


class WorkflowNamespace(Namespace):
    """One namespace of the test's own, where Workflows run."""

    argo: ArgoStandIn | None = None

    def hold_all(self) -> None:
        """Have Workflows run until they are let go, whatever their arguments say."""
        assert self.argo is not None
        self.argo.hold(self.name)

    def held_tasks(self) -> set[str]:
        """The tasks whose Workflow runs and was not let go."""
        return {
            each["metadata"]["labels"]["parallelproject.io/task"]
            for each in self.workflows()
            if (each.get("status") or {}).get("phase") == "Running"
            and RELEASE not in each["metadata"].get("annotations", {})
        }

    def let_go(self, task: str) -> None:
        """Let the Workflow of a task end."""
        self.change(self.workflows(task)[-1], {"metadata": {"annotations": {RELEASE: "true"}}})

    def add_template(self, made: Json) -> Json:
        """Create a template."""
        namespace = made["metadata"].get("namespace")
        where = f"/namespaces/{namespace}" if namespace else ""
        return self.client("POST", f"{API}{where}/{made['kind'].lower()}s", made)

    def workflow_path(self, workflow: Json) -> str:
        """The path of a Workflow."""
        return f"{API}/namespaces/{self.name}/workflows/{workflow['metadata']['name']}"

    def change(self, workflow: Json, body: Json) -> Json:
        """Merge a change into a Workflow, as a person does."""
        path = f"{self.workflow_path(workflow)}?fieldManager=somebody"  # by its user agent it would be the operator
        return self.client("PATCH", path, body, content_type=MERGE_PATCH)

    def workflow(self, task: str, attempt: int = 1, name: str = "p") -> Json:
        """The Workflow of an attempt; waits until it is there."""

        def found() -> Json | None:
            return next((each for each in self.workflows(task) if _is(each, name, attempt)), None)

        return self.until(found, f"Workflow {attempt} of {task}")  # type: ignore[return-value]

    def running(self, task: str, attempt: int = 1) -> Json:
        """The same, once Argo's controller has begun with it."""

        def found() -> Json | None:
            made = next((each for each in self.workflows(task) if _is(each, "p", attempt)), None)
            return made if made and (made.get("status") or {}).get("nodes") else None

        return self.until(found, f"Workflow {attempt} of {task} to run")  # type: ignore[return-value]

    def let_end(self, *tasks: str, attempt: int = 1) -> None:
        """Let the held Workflows of some tasks end."""
        for task in tasks:
            self.change(self.running(task, attempt), {"metadata": {"annotations": {RELEASE: "true"}}})


def _is(workflow: Json, project: str, attempt: int) -> bool:
    labels = workflow["metadata"]["labels"]
    group = "parallelproject.io"
    return labels.get(f"{group}/project") == project and labels.get(f"{group}/attempt") == str(attempt)
