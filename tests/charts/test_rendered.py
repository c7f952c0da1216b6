"""What the chart renders, for values that people have."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from generate import chart_crd
from generate.crd import crd_text
from parallelproject.model.crd import crd
from parallelproject.model.names import CRD_NAME
from tests.charts.chart import CHART, CI, ROOT, Helm, Object, container, kinds, pick

INSTALL = ROOT / "manifests" / "install.yaml"
MONITORING = "monitoring.coreos.com/v1"


@pytest.mark.parametrize("file", CI, ids=lambda file: file.stem)
def test_lints_strictly(helm: Helm, file: Path):
    assert file.read_text().startswith("# "), "values say in their first line what they are for"
    helm("lint", "--strict", CHART, "--values", file)


@pytest.mark.parametrize("file", CI, ids=lambda file: file.stem)
def test_every_object_is_of_the_release_and_labelled(helm: Helm, file: Path):
    values = yaml.safe_load(file.read_text())
    for found in helm.render(values, release="x"):
        labels = found["metadata"].get("labels", {})
        if found["metadata"]["name"] != "x-object":  # an extra one, as somebody wrote it
            assert labels["app.kubernetes.io/instance"] == "x"
            assert values.get("commonLabels", {}).items() <= labels.items()


def test_holds_the_crd_as_it_is(helm: Helm):
    rendered = pick(helm.render(), "CustomResourceDefinition")
    assert rendered["metadata"]["name"] == CRD_NAME
    assert rendered["metadata"]["annotations"] == {"helm.sh/resource-policy": "keep"}
    assert rendered["spec"] == crd()["spec"]


def test_braces_in_the_crd_stay_as_they_are(monkeypatch: pytest.MonkeyPatch, helm: Helm, tmp_path: Path):
    text = crd_text().replace("Running tasks.", "'{{ .Values.nothing.there }} tasks.'")
    monkeypatch.setattr(chart_crd, "crd_text", lambda: text)
    (tmp_path / "templates").mkdir()
    for name in ("Chart.yaml", "values.yaml", "templates/_helpers.tpl"):
        (tmp_path / name).write_text((CHART / name).read_text())
    (tmp_path / "templates" / "crd.yaml").write_text(chart_crd.crd_template())
    assert "{{ .Values.nothing.there }} tasks." in helm("template", "x", tmp_path).stdout


def test_the_crd_may_be_somebody_elses(helm: Helm):
    assert "CustomResourceDefinition" not in kinds(helm.render({"crds": {"enabled": False}}))
    unkept = pick(helm.render({"crds": {"keep": False}}), "CustomResourceDefinition")
    assert "annotations" not in unkept["metadata"]


def test_the_pod_is_restricted(helm: Helm):
    objects = helm.render()
    pod = pick(objects, "Deployment")["spec"]["template"]["spec"]
    assert pod["securityContext"] == {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
    assert container(objects)["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert not {"hostNetwork", "hostPID", "hostIPC", "volumes"} & pod.keys()


def test_each_replica_is_told_who_it_is_and_which_lease_is_theirs(helm: Helm):
    for release, name in (("parallelproject", "parallelproject"), ("x", "x-parallelproject")):
        objects = helm.render(release=release)
        assert f"--lease-name={name}" in container(objects)["args"]
        assert pick(objects, "Role")["rules"][1]["resourceNames"] == [name]
        identity = {"name": "PPROJ_IDENTITY", "valueFrom": {"fieldRef": {"fieldPath": "metadata.uid"}}}
        assert identity in container(objects)["env"]
        assert pick(objects, "Deployment")["spec"]["replicas"] == 2


@pytest.mark.parametrize(
    ("values", "image"),
    [
        ({}, "parallelproject:0.1.0"),
        ({"registry": "registry.example:5000/mirror"}, "registry.example:5000/mirror/parallelproject:0.1.0"),
        ({"repository": "a/b", "tag": "9"}, "a/b:9"),
        ({"tag": "9", "digest": f"sha256:{'0' * 64}"}, f"parallelproject@sha256:{'0' * 64}"),
    ],
    ids=["default", "registry", "tag", "digest"],
)
def test_image(helm: Helm, values: dict[str, str], image: str):
    assert container(helm.render({"image": values}))["image"] == image
    git = {"repository": "parallelproject"} | values
    assert git_image(helm, {"gitImage": git}) == image


def git_image(helm: Helm, values: Object) -> str:
    """The image of pods whose work lands, as the operator is told it."""
    env = {entry["name"]: entry.get("value", "") for entry in container(helm.render(values))["env"]}
    return str(env["PPROJ_GIT_IMAGE"])


def test_both_images_come_from_one_registry_unless_told_otherwise(helm: Helm):
    assert git_image(helm, {"image": {"registry": "a"}}) == "a/parallelproject-git:0.1.0"
    assert git_image(helm, {"image": {"registry": "a"}, "gitImage": {"registry": "b"}}) == "b/parallelproject-git:0.1.0"


def test_what_can_be_switched_off_or_is_nothing_is_so(helm: Helm):
    without = container(helm.render({f"{kind}Probe": None for kind in ("startup", "liveness", "readiness")}))
    assert without["livenessProbe"] == {"httpGet": {"path": "/healthz", "port": "health"}}
    budget = pick(helm.render({"podDisruptionBudget": {"minAvailable": 0}}), "PodDisruptionBudget")["spec"]
    assert (budget["minAvailable"], "maxUnavailable" in budget) == (0, False)


def test_large_numbers_stay_whole(helm: Helm):
    args = container(helm.render({"controller": {"maxConcurrentTasks": 12_345_678}}))["args"]
    assert "--max-concurrent-tasks=12345678" in args


@pytest.mark.parametrize(("replicas", "budgets"), [(0, 0), (1, 0), (2, 1)])
def test_a_budget_of_disruptions_only_where_it_lets_a_node_be_drained(helm: Helm, replicas: int, budgets: int):
    objects = helm.render({"replicaCount": replicas})
    assert [o["kind"] for o in objects].count("PodDisruptionBudget") == budgets


def test_a_budget_is_either_of_those_away_or_of_those_there(helm: Helm):
    spec = pick(helm.render({"podDisruptionBudget": {"minAvailable": 1}}), "PodDisruptionBudget")["spec"]
    assert (spec["minAvailable"], spec.get("maxUnavailable")) == (1, None)


def test_replicas_are_spread_by_the_labels_of_the_release(helm: Helm):
    own = {"topologyKey": "zone", "maxSkew": 1, "whenUnsatisfiable": "DoNotSchedule", "labelSelector": {}}
    default = {**own, "topologyKey": "host"}
    del default["labelSelector"]
    template = pick(helm.render({"topologySpreadConstraints": [own, default]}), "Deployment")["spec"]["template"]
    first, second = template["spec"]["topologySpreadConstraints"]
    assert first == own
    assert second["labelSelector"]["matchLabels"].items() <= template["metadata"]["labels"].items()


@pytest.mark.parametrize(
    ("endpoint", "port"),
    [
        ("http://collector.example:4318", 4318),
        ("https://collector.example/v1", 443),
        ("http://collector.example", 80),
        ("http://[fd00::1]:4317/", 4317),
    ],
)
def test_a_network_policy_lets_traces_out_where_they_go(helm: Helm, endpoint: str, port: int):
    values = {"networkPolicy": {"enabled": True}, "tracing": {"endpoint": endpoint}}
    objects = helm.render(values)
    egress = pick(objects, "NetworkPolicy")["spec"]["egress"]
    assert [[p["port"] for p in rule["ports"]] for rule in egress] == [[443, 6443], [53, 53], [port]]
    assert {"name": "OTEL_EXPORTER_OTLP_ENDPOINT", "value": endpoint} in container(objects)["env"]


def test_a_network_policy_lets_nothing_else_in_or_out(helm: Helm):
    objects = helm.render({"networkPolicy": {"enabled": True}})
    spec = pick(objects, "NetworkPolicy")["spec"]
    assert spec["policyTypes"] == ["Ingress", "Egress"]
    assert [[p["port"] for p in rule["ports"]] for rule in spec["ingress"]] == [["health"], ["metrics"]]
    assert {p["name"] for p in container(objects)["ports"]} == {"health", "metrics"}
    assert [[p["port"] for p in rule["ports"]] for rule in spec["egress"]] == [[443, 6443], [53, 53]]


@pytest.mark.parametrize("kind", ["ServiceMonitor", "PrometheusRule"])
def test_objects_of_the_prometheus_operator_follow_what_the_cluster_has(helm: Helm, kind: str):
    path = kind[0].lower() + kind[1:]
    known = f"--api-versions={MONITORING}/{kind}"

    def values(**more: Any) -> dict[str, Any]:
        return {"metrics": {path: {"enabled": True, **more}}}

    assert kind not in kinds(helm.render({}, known))
    for mode in ("fail", "skip", "always"):
        assert kind in kinds(helm.render(values(whenCrdMissing=mode), known))
    assert kind in kinds(helm.render(values(whenCrdMissing="always")))
    assert kind not in kinds(helm.render(values(whenCrdMissing="skip")))
    for refused in (values(), values(whenCrdMissing="fail")):
        told = helm.refusal(refused)
        assert f"metrics.{path}.enabled: the cluster has no {kind}" in told
        assert f"set metrics.{path}.whenCrdMissing to skip or always" in told


def test_prometheus_finds_the_metrics(helm: Helm):
    objects = helm.render(
        {"metrics": {"serviceMonitor": {"enabled": True}}}, f"--api-versions={MONITORING}/ServiceMonitor"
    )
    monitor, service = pick(objects, "ServiceMonitor")["spec"], pick(objects, "Service")
    assert monitor["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
    assert monitor["namespaceSelector"] == {"matchNames": [service["metadata"]["namespace"]]}
    assert [e["port"] for e in monitor["endpoints"]] == [p["name"] for p in service["spec"]["ports"]] == ["metrics"]
    pods = pick(objects, "Deployment")["spec"]["template"]["metadata"]["labels"]
    assert service["spec"]["selector"].items() <= pods.items()


def test_alerts_and_the_dashboard_are_handed_on_as_they_are(helm: Helm):
    values = {"metrics": {"prometheusRule": {"enabled": True}}, "dashboard": {"enabled": True}}
    objects = helm.render(values, f"--api-versions={MONITORING}/PrometheusRule")
    alerts = yaml.safe_load((CHART / "files" / "alerts.yaml").read_text())
    assert pick(objects, "PrometheusRule")["spec"] == alerts
    assert alerts["groups"]
    dashboard = pick(objects, "ConfigMap")["data"]["parallelproject.json"]
    assert json.loads(dashboard) == json.loads((CHART / "files" / "dashboard.json").read_text())


def test_extra_objects_are_templates(helm: Helm):
    written = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "{{ .Release.Name }}-a"}}
    text = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {{ .Release.Name }}-b\n"
    objects = helm.render({"extraObjects": [written, text]}, release="x")
    assert [o["metadata"]["name"] for o in objects if o["kind"] == "ConfigMap"] == ["x-a", "x-b"]


def test_an_old_cluster_is_refused(helm: Helm):
    told = helm.refusal({}, "--kube-version=1.30.9")
    assert "chart requires kubeVersion: >=1.31.0-0" in told
    helm.render({}, "--kube-version=1.31.0-eks-1")


def test_the_manifest_is_what_the_chart_renders(helm: Helm):
    """Without what says that Helm manages it."""
    helms_own = {"app.kubernetes.io/managed-by", "helm.sh/chart"}
    namespace, *written = yaml.safe_load_all(INSTALL.read_text())
    assert namespace["kind"] == "Namespace"
    rendered = helm.render()
    for found in rendered:
        for metadata in (
            found["metadata"],
            found["spec"]["template"]["metadata"] if found["kind"] == "Deployment" else {},
        ):
            metadata["labels"] = {k: v for k, v in metadata.get("labels", {}).items() if k not in helms_own}
    whole = {(o["kind"], o["metadata"]["name"], o["metadata"].get("namespace")): o for o in rendered}
    assert len(written) == len(whole)
    for found in written:
        expected = whole[found["kind"], found["metadata"]["name"], found["metadata"].get("namespace")]
        if found["kind"] == "CustomResourceDefinition":
            found, expected = found["spec"], expected["spec"]
        assert found == expected
    assert not re.search(r"helm\.sh|Helm", INSTALL.read_text().split("---", 2)[2])
