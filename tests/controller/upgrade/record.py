"""Records a run in its middle, as a release writes it: ``python -m tests.controller.upgrade.record REVISION``.

The operator of that revision runs it, from its own code, on a control plane of this one.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from rig import ControlPlane
from rig.operator import OperatorProcess
from rig.project import project_manifests
from tests.controller.cluster import Client, Json, Namespace, condition
from tests.controller.upgrade.scene import NAMESPACE, PROJECT, RECORDING, SPEC

_OF_SERVER = ("managedFields", "resourceVersion", "selfLink")


def main(revision: str) -> None:
    """Writes the recording of a revision."""
    with tempfile.TemporaryDirectory() as folder:
        code = subprocess.run(["git", "archive", revision, "operator"], check=True, capture_output=True).stdout
        subprocess.run(["tar", "-x", "-C", folder], input=code, check=True)
        with ControlPlane(manifests=project_manifests()) as cluster:
            client = Client(str(cluster.kubeconfig))
            cluster.create_namespace(NAMESPACE)
            found = record(cluster, Namespace(cluster, client, NAMESPACE), Path(folder) / "operator")
            client.close()
    RECORDING.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n")


def record(cluster: ControlPlane, ns: Namespace, code: Path) -> Json:
    """The project and its Jobs in the middle of their run."""
    operator = OperatorProcess(cluster, patch=f"import sys; sys.path.insert(0, {str(code)!r})")
    operator.start()
    ns.create(SPEC, PROJECT)
    ns.wait(lambda p: condition(p, "Published").get("status") == "False", "the first publishing to end", PROJECT)
    ns.release("published", name=PROJECT)
    for task in ("running", "ended", ""):
        ns.until(lambda task=task: ns.held(PROJECT, task), f"{task or 'publishing'} to run")  # type: ignore[misc]
    for task in ("running", "ended"):
        ns.wait_state(task, "Running", name=PROJECT)
    ns.wait(lambda p: condition(p, "Published").get("reason") == "Publishing", "publishing to be reported", PROJECT)
    operator.kill()
    ns.release("ended", name=PROJECT)
    ns.until(lambda: "completionTime" in ns.jobs("ended")[0]["status"], "the Job to end")
    return {"project": stored(ns.get(PROJECT)), "jobs": [stored(job) for job in ns.jobs()]}


def stored(found: Json) -> Json:
    """An object in the form in which etcd keeps it."""
    metadata = {key: value for key, value in found["metadata"].items() if key not in _OF_SERVER}
    kind = {"apiVersion": found.get("apiVersion", "batch/v1"), "kind": found.get("kind", "Job")}
    return kind | found | {"metadata": metadata}


if __name__ == "__main__":
    main(sys.argv[1])
