"""The Job of a run that takes work off the branch: its only container is our own. Pure.

It is a run of the verification, but needs no role: no code of the project runs in its pod. Its instruction has the
whole graph, since git may find that work of other tasks cannot stay without that of the reverted ones.
"""

from collections.abc import Iterator

from parallelproject.core.graph.graph import compile_graph
from parallelproject.core.verification.revert_message import packed_graph, request_fields
from parallelproject.core.verification.revert_request import RevertRequest
from parallelproject.executors.base.delivery_instruction import PRIVATE, revert_instruction
from parallelproject.executors.base.executor import CheckStart
from parallelproject.executors.base.inherited_metadata import inherited
from parallelproject.executors.base.own_container import credentials_of, locked_down
from parallelproject.executors.base.pod import TASK_FOLDER, TASK_VOLUME, WORK_VOLUME, Json, folder
from parallelproject.executors.job import single_run
from parallelproject.executors.job.check_job import CHECK_FILE, KEPT_SECONDS
from parallelproject.executors.job.delivery_pod import GIT
from parallelproject.executors.job.own_pod import own_template
from parallelproject.model import names
from parallelproject.model.problem import Problem, ProblemsError
from parallelproject.model.spec import AfterMaxRepairs, Git, Spec

DEADLINE_SECONDS = 1800
"""Maximum time of a run."""
_BYTES_MAX = 200_000
"""Maximum size of the graph in an instruction; annotations have 256 KiB."""


def revert_manifest(start: CheckStart, request: RevertRequest, git: Git, image: str) -> Json:
    """The Job of a run that takes work off the branch.

    Args:
        start: The run.
        request: What it takes out.
        git: The project's ``git``.
        image: The image of ``pproj-git``.
    """
    owner, spec = start.owner, start.spec
    given = inherited(spec.job_metadata, start.metadata)
    mounts = [{"name": TASK_VOLUME, "mountPath": TASK_FOLDER, "readOnly": True}, folder(PRIVATE)]
    item = {"path": CHECK_FILE, "fieldRef": {"fieldPath": f"metadata.annotations['{names.ANNOTATION_CHECK}']"}}
    volumes: list[Json] = [
        {"name": TASK_VOLUME, "downwardAPI": {"items": [item]}},
        {"name": WORK_VOLUME, "emptyDir": {}},
    ]
    if secret := credentials_of(git):
        mounts.append(secret[0])
        volumes.append(secret[1])
    container = {
        "name": GIT,
        "image": image,
        "command": ["pproj-git", "revert", f"{TASK_FOLDER}/{CHECK_FILE}", "--result", "/dev/termination-log"],
        "volumeMounts": mounts,
        **locked_down({}),
    }
    text = revert_instruction(spec, git, owner.name, owner.uid, request_fields(request))
    template = own_template(owner, spec, start.key, container, volumes, (names.ANNOTATION_CHECK, text), given)
    made = single_run.manifest(owner, start.key, start.claim, template, DEADLINE_SECONDS, inherited=given)
    made["spec"]["ttlSecondsAfterFinished"] = KEPT_SECONDS
    return made


def problems_of(spec: Spec) -> Iterator[Problem]:
    """Graphs that are too large for an instruction."""
    if spec.verification is None or spec.verification.after_max_repairs is not AfterMaxRepairs.REVERT:
        return
    try:
        graph = compile_graph(spec)
    except ProblemsError:  # which are reported anyway
        return
    below = {task: [graph.ids[j] for j in graph.children[i]] for i, task in enumerate(graph.ids)}
    size = len(packed_graph(below, graph.ids))
    if size > _BYTES_MAX:
        found = f"Revert: the instruction for it needs about {size:,} bytes for the tasks and their dependencies; the "
        found += f"maximum is {_BYTES_MAX:,}"
        hint = "use shorter ids, fewer dependencies, or another value"
        yield Problem("spec.verification.afterMaxRepairs", found, hint)
