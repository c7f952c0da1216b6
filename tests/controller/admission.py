"""What stands between a request and the API server's store: policies, and webhooks that a test serves itself."""

import base64
import contextlib
import json
import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from parallelproject.kube.client import ApiError
from rig.certificate import write_certificate
from rig.deadline import until
from tests.controller.cluster import SECONDS, Json, Namespace

GROUP = "/apis/admissionregistration.k8s.io/v1"
_HOST = "127.0.0.1"
_KINDS = {"Job": ("batch", "v1", "jobs"), "Workflow": ("argoproj.io", "v1alpha1", "workflows")}
"""Group, version and plural of what runs attempts."""


def _here(ns: Namespace) -> Json:
    return {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": ns.name}}}


def _rules(group: str, plural: str, version: str = "v1") -> list[Json]:
    return [{"apiGroups": [group], "apiVersions": [version], "operations": ["CREATE"], "resources": [plural]}]


@contextlib.contextmanager
def objects(ns: Namespace, made: dict[str, Json]) -> Iterator[None]:
    """Objects of the admission group, by plural; removed at the end of the block."""
    for plural, body in made.items():
        ns.client("POST", f"{GROUP}/{plural}", {"metadata": {"name": ns.name}, **body})
    try:
        yield
    finally:
        for plural in made:
            with contextlib.suppress(ApiError):
                ns.client("DELETE", f"{GROUP}/{plural}/{ns.name}")


@contextlib.contextmanager
def denial(
    ns: Namespace,
    message: str,
    reason: str = "Invalid",
    *,
    unless: str = "false",
    image: str = "none",
    kind: str = "Job",
) -> Iterator[None]:
    """A ValidatingAdmissionPolicy that denies Jobs or Workflows in a namespace, in force.

    Args:
        ns: The namespace.
        message: What it says.
        reason: Decides the HTTP code.
        unless: CEL: the objects that it lets through.
        image: An image that it denies.
        kind: Of what it denies: ``Job`` or ``Workflow``.
    """
    group, version, plural = _KINDS[kind]
    validation = {"expression": unless, "message": message, "reason": reason}
    policy = {"matchConstraints": {"resourceRules": _rules(group, plural, version)}, "validations": [validation]}
    binding = {"policyName": ns.name, "validationActions": ["Deny"], "matchResources": _here(ns)}
    made = {"validatingadmissionpolicies": {"spec": policy}, "validatingadmissionpolicybindings": {"spec": binding}}
    with objects(ns, made):
        until(lambda: message in refusal(ns, image, kind), "the policy to be in force", seconds=SECONDS)
        yield


@contextlib.contextmanager
def mutation(ns: Namespace, group: str, plural: str, patch: str) -> Iterator[None]:
    """A MutatingAdmissionPolicy that changes what is created in a namespace. Whether it is in force is the test's."""
    change = {"patchType": "JSONPatch", "jsonPatch": {"expression": patch}}
    policy = {
        "matchConstraints": {"resourceRules": _rules(group, plural)},
        "mutations": [change],
        "reinvocationPolicy": "Never",
    }
    binding = {"policyName": ns.name, "matchResources": _here(ns)}
    made = {"mutatingadmissionpolicies": {"spec": policy}, "mutatingadmissionpolicybindings": {"spec": binding}}
    with objects(ns, made):
        yield


class Webhook:
    """A validating webhook for the Jobs of a namespace, which denies with any answer."""

    def __init__(self, folder: Path) -> None:
        certificate, key = folder / "webhook.crt", folder / "webhook.key"
        write_certificate(certificate, key, _HOST)
        self._bundle = base64.b64encode(certificate.read_bytes()).decode()
        self.status: Json | None = None
        """What it denies with; None: it allows."""
        webhook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                review = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                answer: Json = {"uid": review["request"]["uid"], "allowed": webhook.status is None}
                if webhook.status is not None:
                    answer["status"] = webhook.status
                body = json.dumps({**review, "request": None, "response": answer}).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None: ...

        self._server = ThreadingHTTPServer((_HOST, 0), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Ends it; whoever calls it then gets no answer."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @contextlib.contextmanager
    def registered(self, ns: Namespace, expected: str) -> Iterator[None]:
        """Is called for the Jobs of a namespace; in force when a creation is refused with these words."""
        webhook = {
            "name": "jobs.example.com",
            "clientConfig": {"url": f"https://{_HOST}:{self._server.server_port}/", "caBundle": self._bundle},
            "rules": _rules("batch", "jobs"),
            "admissionReviewVersions": ["v1"],
            "sideEffects": "None",
            "timeoutSeconds": 2,
            **_here(ns),
        }
        with objects(ns, {"validatingwebhookconfigurations": {"webhooks": [webhook]}}):
            until(lambda: expected in refusal(ns), "the webhook to be called", seconds=SECONDS)
            yield


def refusal(ns: Namespace, image: str = "none", kind: str = "Job") -> str:
    """With what words a Job or a Workflow is refused there now; empty where it is not."""
    group, version, plural = _KINDS[kind]
    pod = {"restartPolicy": "Never", "containers": [{"name": "x", "image": image}]}
    spec = {"template": {"spec": pod}} if kind == "Job" else {}
    tried = {"apiVersion": f"{group}/{version}", "kind": kind, "metadata": {"generateName": "try-"}, "spec": spec}
    try:
        ns.client("POST", f"/apis/{group}/{version}/namespaces/{ns.name}/{plural}?dryRun=All", tried)
    except ApiError as error:
        return str(error)
    return ""
