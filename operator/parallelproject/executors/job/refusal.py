"""Why the API server does not create a Job: never derived from its status code alone.

A policy may answer with any code (422 by default, as for a broken template), and a webhook that changes a Job may
break it. So an answer that may be about the template is checked with a dry run of a PodTemplate, to which policies for
Jobs do not apply and which the API server validates like the template of a Job.
"""

import re

from parallelproject.executors.base.executor import Json
from parallelproject.executors.base.optional import Refused
from parallelproject.kube.client import Api, ApiError
from parallelproject.model.status import Reason

_MAYBE_TEMPLATE = frozenset({400, 413, 422})
"""Codes by which a broken template is refused, and by which policies and webhooks deny as well."""
_FORBIDDEN = re.compile(r'(?:jobs\.batch|podtemplates)(?: "[^"]*")? is forbidden: (.*)', re.DOTALL)
"""Phrases of admission plugins, which never occur in a validation error."""
_WEBHOOK = 'admission webhook "'
_NO_WEBHOOK = "Internal error occurred: failed calling webhook "
_QUOTA = ("exceeded quota", "failed quota", "status unknown for quota", "insufficient quota")
_NO_RIGHT = 'User "'
_GOING = "NamespaceTerminating"


async def refusal_of(api: Api, namespace: str, manifest: Json, error: ApiError) -> Refused | None:
    """Why the API server has refused a Job; None where nobody knows whether it is there.

    Args:
        api: An open connection.
        namespace: The namespace of the Job.
        manifest: The Job.
        error: The answer to its creation.
    """
    found = by_words(error)
    if found is not None or error.status not in _MAYBE_TEMPLATE:
        return found
    message = str(error)
    try:
        await _try_template(api, namespace, manifest)
    except ApiError as answer:
        if by_words(answer) is None and answer.status not in _MAYBE_TEMPLATE:
            return Refused(Reason.FAILED_CREATE, message)  # the dry run failed: nothing is known yet
    else:
        return Refused(Reason.REFUSED_BY_POLICY, _without_name(message, manifest))
    return Refused(Reason.INVALID_POD_TEMPLATE, message)


def by_words(error: ApiError) -> Refused | None:
    """The reason that is clear from an answer; None if it may be about the object, or is no refusal."""
    message = str(error)
    if message.startswith(_WEBHOOK):  # with any code, also 500
        return Refused(Reason.REFUSED_BY_POLICY, message)
    if message.startswith(_NO_WEBHOOK):
        return Refused(Reason.FAILED_CREATE, message)
    if not error.is_definite or error.status == 429:
        return None
    forbidden = _FORBIDDEN.fullmatch(message)
    if forbidden is None:
        return None if error.status in _MAYBE_TEMPLATE else Refused(Reason.FAILED_CREATE, message)
    words = forbidden[1]
    if words.startswith(_QUOTA):
        return Refused(Reason.WAITING_FOR_QUOTA, words)
    causes = (error.body.get("details") or {}).get("causes") or ()
    is_going = any(isinstance(cause, dict) and cause.get("reason") == _GOING for cause in causes)
    if is_going or words.startswith(_NO_RIGHT):
        return Refused(Reason.FAILED_CREATE, words)
    return Refused(Reason.REFUSED_BY_POLICY, words)


async def _try_template(api: Api, namespace: str, manifest: Json) -> None:
    """Has the API server check a Job's pod template, without creating anything; ApiError if it is refused."""
    metadata = {"generateName": "pproj-check-", "namespace": namespace}
    body = {"metadata": metadata, "template": manifest["spec"]["template"]}
    path = f"/api/v1/namespaces/{namespace}/podtemplates"
    await api.request("POST", path, body, params={"dryRun": "All"})


def _without_name(message: str, manifest: Json) -> str:
    """A message that is the same for all Jobs of one kind."""
    return message.replace(f'Job.batch "{manifest["metadata"]["name"]}" is invalid: ', "")
