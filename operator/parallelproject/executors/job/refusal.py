"""Why the API server does not create a Job: never derived from its status code alone.

A policy may answer with any code (422 by default, as for a broken template), and a webhook that changes a Job may
break it. So an answer that may be about the template is checked with a dry run of a PodTemplate, to which policies for
Jobs do not apply and which the API server validates like the template of a Job.
"""

from parallelproject.executors.base.executor import Json
from parallelproject.executors.base.optional import Refused
from parallelproject.executors.base.refusal_words import MAYBE_OBJECT, by_words
from parallelproject.kube.client import Api, ApiError
from parallelproject.model.status import Reason


async def refusal_of(api: Api, namespace: str, manifest: Json, error: ApiError) -> Refused | None:
    """Why the API server has refused a Job; None where nobody knows whether it is there.

    Args:
        api: An open connection.
        namespace: The namespace of the Job.
        manifest: The Job.
        error: The answer to its creation.
    """
    found = by_words(error)
    if found is not None or error.status not in MAYBE_OBJECT:
        return found
    message = str(error)
    try:
        await _try_template(api, namespace, manifest)
    except ApiError as answer:
        if by_words(answer) is None and answer.status not in MAYBE_OBJECT:
            return Refused(Reason.FAILED_CREATE, message)  # the dry run failed: nothing is known yet
    else:
        return Refused(Reason.REFUSED_BY_POLICY, _without_name(message, manifest))
    return Refused(Reason.INVALID_POD_TEMPLATE, message)


async def _try_template(api: Api, namespace: str, manifest: Json) -> None:
    """Has the API server check a Job's pod template, without creating anything; ApiError if it is refused."""
    metadata = {"generateName": "pproj-check-", "namespace": namespace}
    body = {"metadata": metadata, "template": manifest["spec"]["template"]}
    path = f"/api/v1/namespaces/{namespace}/podtemplates"
    await api.request("POST", path, body, params={"dryRun": "All"})


def _without_name(message: str, manifest: Json) -> str:
    """A message that is the same for all Jobs of one kind."""
    return message.replace(f'Job.batch "{manifest["metadata"]["name"]}" is invalid: ', "")
