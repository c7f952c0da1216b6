"""The reason in the words of an API server's refusal, for any object: quotas, policies, webhooks, missing rights."""

import re

from parallelproject.executors.base.optional import Refused
from parallelproject.kube.client import ApiError
from parallelproject.model.status import Reason

MAYBE_OBJECT = frozenset({400, 413, 422})
"""Codes by which a broken object is refused, and by which policies and webhooks also deny."""
_FORBIDDEN = re.compile(r'[a-z]+(?:\.[a-z0-9.-]+)?(?: "[^"]*")? is forbidden: (.*)', re.DOTALL)
"""Phrases of admission plugins, after the resource, which never occur in a validation error."""
_WEBHOOK = 'admission webhook "'
_NO_WEBHOOK = "Internal error occurred: failed calling webhook "
_QUOTA = ("exceeded quota", "failed quota", "status unknown for quota", "insufficient quota")
_NO_RIGHT = 'User "'
_GOING = "NamespaceTerminating"


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
        return None if error.status in MAYBE_OBJECT else Refused(Reason.FAILED_CREATE, message)
    words = forbidden[1]
    if words.startswith(_QUOTA):
        return Refused(Reason.WAITING_FOR_QUOTA, words)
    causes = (error.body.get("details") or {}).get("causes") or ()
    is_going = any(isinstance(cause, dict) and cause.get("reason") == _GOING for cause in causes)
    if is_going or words.startswith(_NO_RIGHT):
        return Refused(Reason.FAILED_CREATE, words)
    return Refused(Reason.REFUSED_BY_POLICY, words)
