"""What the words of an API server mean, as Kubernetes 1.36 has said them; the tests of refusals ask a real one."""

from typing import Any

import pytest

from parallelproject.executors.job.refusal import by_words
from parallelproject.kube.client import ApiError
from parallelproject.model.status import Reason

POLICY, QUOTA, FAILED = Reason.REFUSED_BY_POLICY, Reason.WAITING_FOR_QUOTA, Reason.FAILED_CREATE
GOING = {"details": {"causes": [{"reason": "NamespaceTerminating", "field": "metadata.namespace"}]}}
INVALID = {"details": {"causes": [{"reason": "FieldValueInvalid", "field": "spec.template", "message": "odd"}]}}
FORBIDDEN = 'jobs.batch "p-a-1-0123abcd" is forbidden: '
DENIED = "ValidatingAdmissionPolicy 'x' with binding 'y' denied request: no"
FULL = "exceeded quota: q, requested: count/jobs.batch=1, used: count/jobs.batch=0, limited: count/jobs.batch=0"


@pytest.mark.parametrize(
    ("status", "message", "body", "reason"),
    [
        (422, FORBIDDEN + DENIED, {}, POLICY),
        (413, FORBIDDEN + DENIED, {}, POLICY),
        (403, FORBIDDEN + "some plugin does not like it", {}, POLICY),
        (400, 'admission webhook "w.example.com" denied the request: no', {}, POLICY),
        (422, 'admission webhook "w.example.com" denied the request: no', INVALID, POLICY),
        (500, 'admission webhook "w.example.com" denied the request: no', {}, POLICY),
        (429, 'admission webhook "w.example.com" denied the request: slow down', {}, POLICY),
        (500, 'Internal error occurred: failed calling webhook "w.example.com": no answer', {}, FAILED),
        (403, FORBIDDEN + FULL, {}, QUOTA),
        (403, FORBIDDEN + "unable to create new content in namespace t because it is being terminated", GOING, FAILED),
        (403, 'jobs.batch is forbidden: User "x" cannot create resource "jobs" in API group "batch"', {}, FAILED),
        (401, "Unauthorized", {}, FAILED),
        (404, 'namespaces "t" not found', {}, FAILED),
        (409, "somebody is in the way", {}, FAILED),
        (422, 'Job.batch "x" is invalid: spec.template.spec.containers[0].image: Required value', INVALID, None),
        (422, f'Job.batch "x" is invalid: spec.template.metadata.labels: Invalid value: "{FORBIDDEN}"', INVALID, None),
        (400, 'Job in version "v1" cannot be handled as a Job: json: cannot unmarshal number', {}, None),
        (413, "Request entity too large: limit is 3145728", {}, None),
        (429, "too many requests", {}, None),
        (500, "etcdserver: request timed out", {}, None),
        (504, "request did not complete within the allowed timeout", {}, None),
        (0, "connection refused", {}, None),
    ],
)
def test_an_answer_is_known_by_its_words(
    status: int, message: str, body: dict[str, Any], reason: Reason | None
) -> None:
    found = by_words(ApiError(status, "", message, body))
    assert (found.reason if found else None) == reason
    if found:
        assert "p-a-1-0123abcd" not in found.message, "the same words for all Jobs"
