"""The pod template of a run of a command in the role's template: of a check or a hook. Pure."""

from collections.abc import Mapping, Sequence

from parallelproject.executors.base.delivery_instruction import WORKSPACE
from parallelproject.executors.base.identity import labels
from parallelproject.executors.base.inherited_metadata import Inherited
from parallelproject.executors.base.owner import Owner
from parallelproject.executors.base.pod import (
    OUTPUTS,
    WORK_VOLUME,
    Json,
    add_variables,
    child,
    folder,
    harden,
    joined,
    literal,
    theirs,
)
from parallelproject.executors.job.role_template import pod_template
from parallelproject.model import names
from parallelproject.model.spec import Spec
from parallelproject.model.work import WorkKey


def command_template(
    owner: Owner,
    spec: Spec,
    key: WorkKey,
    role: str | None,
    command: Sequence[str],
    variables: Mapping[str, str],
    inherited: Inherited,
) -> Json:
    """The template of a role, whose first container runs a command in the workspace.

    Args:
        owner: The project.
        spec: Its spec.
        key: The run.
        role: The role.
        command: The command and its arguments, as they are.
        variables: Its own environment variables, in addition to those of each run.
        inherited: Labels and annotations of the project that reach its pods.
    """
    template = pod_template(spec, role)
    metadata, pod = child(template, "metadata"), child(template, "spec")
    container = pod["containers"][0]
    metadata["labels"] = {**inherited.labels, **theirs(metadata.get("labels")), **labels(owner, key)}
    metadata["annotations"] = {
        names.KUBECTL_CONTAINER: container["name"],
        **inherited.annotations,
        **theirs(metadata.get("annotations")),
        names.ANNOTATION_CONTAINER: container["name"],
    }
    metadata.pop("name", None)
    harden(pod)
    container["command"] = [literal(word) for word in command]
    container.pop("args", None)
    add_variables(container, {**variables, names.ENV_RUN: owner.uid, names.ENV_WORKSPACE: WORKSPACE})
    container.setdefault("workingDir", WORKSPACE)
    # A template may mount both.
    container["volumeMounts"] = joined([folder(WORKSPACE), folder(OUTPUTS)], container.get("volumeMounts"))
    pod["volumes"] = joined([{"name": WORK_VOLUME, "emptyDir": {}}], pod.get("volumes"))
    return template
