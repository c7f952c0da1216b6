"""The chart's values: each documented, in the schema and used, and none that is misspelt is taken."""

import json
import re
import tomllib
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from generate.chart_readme import values
from tests.charts.chart import CHART, ROOT, Helm

VALUES = {value.path: value for value in values((CHART / "values.yaml").read_text())}
SCHEMA = json.loads((CHART / "values.schema.json").read_text())
TEMPLATES = "\n".join(file.read_text() for file in (CHART / "templates").iterdir())
FOR_UMBRELLAS = {"global", "enabled"}
"""Set by a chart that this one is a part of, whether it reads them or not."""


def objects(schema: dict[str, Any], path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every object of the schema that tells its properties, by its path, with a dot at the end."""
    if "properties" in schema:
        yield path, schema
        for name, property in schema["properties"].items():
            yield from objects(property, f"{path}{name}.")


def at(path: str) -> Any:
    """What the values have there."""
    found = yaml.safe_load((CHART / "values.yaml").read_text())
    for name in path.rstrip(".").split(".") if path else ():
        found = found[name]
    return found


EVERYTHING: dict[str, object] = {
    "admission.enabled": True,
    "admission.certManager.enabled": True,
    "networkPolicy.enabled": True,
    "metrics.serviceMonitor.enabled": True,
    "metrics.serviceMonitor.whenCrdMissing": "always",
    "metrics.prometheusRule.enabled": True,
    "metrics.prometheusRule.whenCrdMissing": "always",
    "dashboard.enabled": True,
    "tracing.endpoint": "http://collector.example:4318",
}
"""With these, all that the chart has is rendered."""
OTHER: dict[str, object] = {
    "admission.failurePolicy": "Fail",
    "affinity": {"nodeAffinity": {}},
    "controller.logFormat": "text",
    "extraArgs": ["--verbose"],
    "extraObjects": ["kind: Secret"],
    "image.digest": f"sha256:{'0' * 64}",
    "gitImage.digest": f"sha256:{'0' * 64}",
    "image.pullPolicy": "Always",
    "imagePullSecrets": [{"name": "registry"}],
    "metrics.prometheusRule.whenCrdMissing": "skip",
    "metrics.serviceMonitor.interval": "1m",
    "metrics.serviceMonitor.scrapeTimeout": "9s",
    "metrics.serviceMonitor.whenCrdMissing": "skip",
    "networkPolicy.apiServer.cidrs": ["10.0.0.0/8"],
    "networkPolicy.apiServer.ports": [6443],
    "podDisruptionBudget.minAvailable": "50%",
    "resources": {"requests": {"cpu": "1"}},
    "scope.namespaces": ["team-a"],
    "tracing.endpoint": "",
}
"""Another value, where there are rules about it."""


def other(path: str) -> object:
    """Another value than the one that it has in EVERYTHING."""
    now = EVERYTHING.get(path, VALUES[path].default)
    if path in OTHER:
        return OTHER[path]
    if path.endswith("Probe"):
        return {"periodSeconds": 99}
    if isinstance(now, bool):
        return not now
    if isinstance(now, int):
        return now + 3
    return {str: "other", list: [{"name": "other"}], dict: {"other": "other"}}[type(now)]


def nested(flat: dict[str, object]) -> dict[str, Any]:
    """Values by their paths, as Helm takes them."""
    made: dict[str, Any] = {}
    for path, value in flat.items():
        *parents, name = path.split(".")
        place = made
        for parent in parents:
            place = place.setdefault(parent, {})
        place[name] = value
    return made


@pytest.fixture(scope="module")
def everything(helm: Helm) -> str:
    return helm.text(nested(EVERYTHING))


@pytest.mark.parametrize("path", VALUES)
def test_a_value_changes_what_is_rendered(helm: Helm, everything: str, path: str):
    assert helm.text(nested(EVERYTHING | {path: other(path)})) != everything


def test_the_page_on_installing_names_values_that_there_are():
    page = (ROOT / "docs" / "install.md").read_text()
    roots = "|".join({path.partition(".")[0] for path in VALUES})
    named = set(re.findall(rf"[`\s]((?:{roots})(?:\.\w+)+)", page))
    assert len(named) > 10
    assert named <= VALUES.keys()


def test_a_template_uses_no_value_that_is_not_there():
    used = set(re.findall(r"\.Values\.([\w.]*\w)", TEMPLATES))
    parents = {path.rsplit(".", depth)[0] for path in VALUES for depth in range(1, path.count(".") + 1)}
    assert used <= VALUES.keys() | parents


def test_the_schema_knows_the_values_and_no_others():
    for path, schema in objects(SCHEMA):
        if path.rstrip(".") not in VALUES:  # what a documented value holds is Kubernetes' own
            there = set(schema["properties"]) - (FOR_UMBRELLAS if not path else set())
            assert there == set(at(path)), path
        assert schema["additionalProperties"] is False


def test_every_description_is_a_sentence():
    for value in VALUES.values():
        assert re.fullmatch(r"[A-Z].*\.", value.description), value
        assert value.section


@pytest.mark.parametrize("path", sorted({path.rpartition(".")[0] for path in VALUES}))
def test_a_misspelt_value_is_refused_by_its_name(helm: Helm, path: str):
    refused: Any = {"mispelt": 1}
    for name in reversed(path.split(".") if path else []):
        refused = {name: refused}
    assert re.search(rf"at '/?{path.replace('.', '/')}': additional properties 'mispelt'", helm.refusal(refused))


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"replicaCount": "2"}, "/replicaCount"),
        ({"controller": {"logFormat": "yaml"}}, "/controller/logFormat"),
        ({"controller": {"leaseDurationSeconds": 1}}, "/controller/leaseDurationSeconds"),
        ({"controller": {"maxConcurrentTasks": -1}}, "/controller/maxConcurrentTasks"),
        ({"scope": {"namespaces": "team-a"}}, "/scope/namespaces"),
        ({"scope": {"namespaces": ["Team_A"]}}, "/scope/namespaces/0"),
        ({"scope": {"namespaces": ["a", "a"]}}, "/scope/namespaces"),
        ({"admission": {"failurePolicy": "Retry"}}, "/admission/failurePolicy"),
        ({"image": {"digest": "0123"}}, "/image/digest"),
        ({"image": {"registry": "registry.example/"}}, "/image/registry"),
        ({"imagePullSecrets": ["registry"]}, "/imagePullSecrets/0"),
        ({"tracing": {"endpoint": "collector:4317"}}, "/tracing/endpoint"),
        ({"metrics": {"serviceMonitor": {"whenCrdMissing": "ignore"}}}, "/metrics/serviceMonitor/whenCrdMissing"),
        ({"commonLabels": {"app.kubernetes.io/name": "x"}}, "/commonLabels"),
        ({"podAnnotations": {"a": True}}, "/podAnnotations/a"),
        ({"readinessProbe": {"path": "/"}}, "/readinessProbe"),
    ],
    ids=lambda value: value.strip("/").replace("/", ".") if isinstance(value, str) else "",
)
def test_a_wrong_value_is_refused_by_its_place(helm: Helm, wrong: object, told: str):
    assert f"at '{told}'" in helm.refusal(wrong)


def test_is_taken_as_a_part_of_another_chart(helm: Helm):
    assert helm.text({"global": {"imageRegistry": "registry.example"}, "enabled": True}) == helm.text()


def test_its_version_is_that_of_the_program():
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert chart["appVersion"] == chart["version"] == project["version"]


def test_a_value_without_a_description_is_told_to_whoever_generates_the_page():
    with pytest.raises(ValueError, match=r"line 3: image\.tag has no comment"):
        list(values("image:\n  # a comment\n  tag: x\n"))
