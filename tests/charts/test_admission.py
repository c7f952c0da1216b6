"""The admission webhook, as the chart renders it."""

import base64
import subprocess
from pathlib import Path

import pytest

from parallelproject.controller.projects.project_source import CERTIFICATE, KEY, WEBHOOK
from parallelproject.model.names import GROUP, PLURAL, VERSION
from tests.charts.chart import NAMESPACE, Helm, Object, container, kinds, pick

HOST = f"parallelproject-admission.{NAMESPACE}.svc"
MOUNTED = "/etc/parallelproject/admission"


def webhook(objects: list[Object]) -> Object:
    (found,) = pick(objects, "ValidatingWebhookConfiguration")["webhooks"]
    assert isinstance(found, dict)
    return found


def test_there_is_none_unless_asked_for(helm: Helm):
    objects = helm.render()
    assert not kinds(objects) & {"ValidatingWebhookConfiguration", "Secret", "Certificate", "Issuer"}
    assert not [argument for argument in container(objects)["args"] if "admission" in argument]
    assert "volumeMounts" not in container(objects)


@pytest.mark.parametrize("manager", [False, True], ids=["the chart's certificate", "cert-manager's"])
def test_the_api_server_reaches_every_replica(helm: Helm, manager: bool):
    objects = helm.render({"admission": {"enabled": True, "certManager": {"enabled": manager}}})
    service = pick(objects, "Service", "parallelproject-admission")
    assert webhook(objects)["clientConfig"]["service"] == {
        "namespace": service["metadata"]["namespace"],
        "name": service["metadata"]["name"],
        "port": service["spec"]["ports"][0]["port"],
        "path": f"/{WEBHOOK}",
    }
    template = pick(objects, "Deployment")["spec"]["template"]
    assert service["spec"]["selector"].items() <= template["metadata"]["labels"].items()
    found = container(objects)
    assert {"name": service["spec"]["ports"][0]["targetPort"], "containerPort": 9443} in found["ports"]
    assert {f"--admission-certificate={MOUNTED}", "--admission-port=9443"} <= set(found["args"])
    assert {"name": "admission", "mountPath": MOUNTED, "readOnly": True} in found["volumeMounts"]
    secret = (
        pick(objects, "Certificate")["spec"]["secretName"] if manager else pick(objects, "Secret")["metadata"]["name"]
    )
    assert {"name": "admission", "secret": {"secretName": secret}} in template["spec"]["volumes"]


def test_only_a_new_spec_of_a_project_is_judged_and_nothing_waits_for_the_operator(helm: Helm):
    found = webhook(helm.render({"admission": {"enabled": True}}))
    rule = {"apiGroups": [GROUP], "apiVersions": [VERSION], "resources": [PLURAL], "operations": ["CREATE", "UPDATE"]}
    assert found["rules"] == [{**rule, "scope": "Namespaced"}]
    assert (found["failurePolicy"], found["sideEffects"], found["timeoutSeconds"]) == ("Ignore", "None", 5)
    assert {condition["name"] for condition in found["matchConditions"]} == {"new-spec", "not-deleted"}
    assert "namespaceSelector" not in found


def test_in_namespaces_of_its_own_it_judges_those_only(helm: Helm):
    found = webhook(helm.render({"scope": {"namespaces": ["team-a", "007"]}, "admission": {"enabled": True}}))
    selected = {"key": "kubernetes.io/metadata.name", "operator": "In", "values": ["team-a", "007"]}
    assert found["namespaceSelector"] == {"matchExpressions": [selected]}


def test_releases_have_configurations_of_their_own(helm: Helm):
    names = {
        pick(objects, "ValidatingWebhookConfiguration")["metadata"]["name"]
        for release in ("a", "b")
        for namespace in ("x", "y")
        for objects in [helm.render({"admission": {"enabled": True}}, "--namespace", namespace, release=release)]
    }
    assert len(names) == 4


def test_the_charts_certificate_is_for_its_service(helm: Helm, tmp_path: Path):
    objects = helm.render({"admission": {"enabled": True}})
    secret = pick(objects, "Secret")
    assert secret["type"] == "kubernetes.io/tls"
    assert set(secret["data"]) == {CERTIFICATE, KEY, "ca.crt"}
    assert webhook(objects)["clientConfig"]["caBundle"] == secret["data"]["ca.crt"]
    for name, text in secret["data"].items():
        (tmp_path / name).write_bytes(base64.b64decode(text))
    verify = ["openssl", "verify", "-CAfile", "ca.crt", "-purpose", "sslserver", "-verify_hostname", HOST, CERTIFICATE]
    subprocess.run(verify, cwd=tmp_path, check=True)
    years = subprocess.run(
        ["openssl", "x509", "-checkend", str(9 * 365 * 86400), "-in", CERTIFICATE], cwd=tmp_path, check=False
    )
    assert years.returncode == 0


def test_cert_manager_makes_the_certificate_where_it_is_asked_to(helm: Helm):
    objects = helm.render({"admission": {"enabled": True, "certManager": {"enabled": True}}})
    certificate, issuer = pick(objects, "Certificate"), pick(objects, "Issuer")
    assert certificate["spec"]["dnsNames"] == [HOST]
    assert certificate["spec"]["issuerRef"] == {"kind": "Issuer", "name": issuer["metadata"]["name"]}
    injected = pick(objects, "ValidatingWebhookConfiguration")["metadata"]["annotations"]
    assert injected == {"cert-manager.io/inject-ca-from": f"{NAMESPACE}/{certificate['metadata']['name']}"}
    assert "caBundle" not in webhook(objects)["clientConfig"]
    assert "Secret" not in kinds(objects)

    own = {"kind": "ClusterIssuer", "name": "internal"}
    objects = helm.render({"admission": {"enabled": True, "certManager": {"enabled": True, "issuerRef": own}}})
    assert pick(objects, "Certificate")["spec"]["issuerRef"] == own
    assert "Issuer" not in kinds(objects)


def test_a_network_policy_lets_the_api_server_in(helm: Helm):
    objects = helm.render({"admission": {"enabled": True}, "networkPolicy": {"enabled": True}})
    ingress = pick(objects, "NetworkPolicy")["spec"]["ingress"]
    assert [[p["port"] for p in rule["ports"]] for rule in ingress] == [["health"], ["metrics"], ["admission"]]
