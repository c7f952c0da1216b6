"""The dashboard asks for metrics that there are, in a language that Prometheus understands; no panels overlap."""

import json
import re
import subprocess
from itertools import combinations
from pathlib import Path
from typing import Any

import yaml

from parallelproject.controller.telemetry.metric_names import METRICS, Kind

FILE = Path(__file__).parents[2] / "charts" / "parallelproject" / "files" / "dashboard.json"
DASHBOARD: dict[str, Any] = json.loads(FILE.read_text())
PANELS: list[dict[str, Any]] = DASHBOARD["panels"]
TARGETS: list[dict[str, Any]] = [target for panel in PANELS for target in panel.get("targets", ())]
DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}
LABELS_OF_TARGETS = {"namespace", "job", "pod", "instance", "le"}


def told(expression: str) -> set[str]:
    return set(re.findall(r"parallelproject_\w+", expression))


def test_every_metric_is_on_it_and_no_other() -> None:
    asked = set().union(*(told(target["expr"]) for target in TARGETS))
    assert asked == {f"{metric.name}_bucket" if metric.kind is Kind.HISTOGRAM else metric.name for metric in METRICS}


def test_it_asks_for_labels_that_the_metrics_have() -> None:
    labels = {f"{m.name}_bucket" if m.kind is Kind.HISTOGRAM else m.name: {*m.labels} for m in METRICS}
    for target in TARGETS:
        known = LABELS_OF_TARGETS.union(*(labels[name] for name in told(target["expr"])))
        grouped = re.findall(r"by \(([^)]*)\)", target["expr"])
        chosen = re.findall(r'(\w+)(?:=|!=|=~|!~)"', target["expr"])
        shown = re.findall(r"{{(\w+)}}", target["legendFormat"])
        assert {label for group in grouped for label in group.split(", ") if label} | {*chosen, *shown} <= known, target


def test_prometheus_understands_what_it_asks_for(rules: Path, tmp_path: Path) -> None:
    asked = [target["expr"].replace("$__rate_interval", "5m").replace("$project_namespace", ".*") for target in TARGETS]
    file = tmp_path / "rules.yaml"
    queries = [{"record": f"query_{i}", "expr": expression} for i, expression in enumerate(asked)]
    file.write_text(yaml.safe_dump({"groups": [{"name": "queries", "rules": queries}]}))
    scene = {"rules": str(file), "scenes": [{"series": {"up": "1x10"}, "minutes": [5]}]}
    done = subprocess.run([rules], input=json.dumps(scene), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_all_of_it_is_of_the_data_source_and_the_namespaces_that_are_chosen() -> None:
    source, namespaces = DASHBOARD["templating"]["list"]
    assert (source["name"], source["type"], source["query"]) == ("datasource", "datasource", "prometheus")
    assert namespaces["query"]["query"] == "label_values(parallelproject_projects, project_namespace)"
    assert {json.dumps(thing["datasource"]) for thing in (namespaces, *TARGETS)} == {json.dumps(DATASOURCE)}
    of_projects = {metric.name for metric in METRICS if "project_namespace" in metric.labels}
    for target in TARGETS:
        wanted = len(re.findall(r"parallelproject_\w+", target["expr"])) if told(target["expr"]) & of_projects else 0
        assert target["expr"].count('project_namespace=~"$project_namespace"') == wanted


def test_panels_have_ids_of_their_own_and_do_not_overlap() -> None:
    assert (DASHBOARD["uid"], DASHBOARD["title"]) == ("parallelproject", "parallelproject")
    assert len({panel["id"] for panel in PANELS}) == len(PANELS)
    for panel in PANELS:
        grid = panel["gridPos"]
        assert 0 <= grid["x"] < grid["x"] + grid["w"] <= 24
        assert panel["type"] == "row" or panel["description"]
        references = [target["refId"] for target in panel.get("targets", ())]
        assert len(set(references)) == len(references)
    for a, b in combinations([panel["gridPos"] for panel in PANELS], 2):
        beside = a["x"] + a["w"] <= b["x"] or b["x"] + b["w"] <= a["x"]
        assert beside or a["y"] + a["h"] <= b["y"] or b["y"] + b["h"] <= a["y"], (a, b)
