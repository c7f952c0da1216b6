"""Each alert fires when it should and not otherwise, by the engine of Prometheus; and says what is there."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

from generate.fields import anchor
from parallelproject.controller.telemetry.gauges import STATES
from parallelproject.controller.telemetry.metric_names import METRICS, Kind
from parallelproject.controller.telemetry.metrics import NOT_LANDED
from parallelproject.model.status import Reason, TaskState

ROOT = Path(__file__).parents[2]
FILE = ROOT / "charts" / "parallelproject" / "files" / "alerts.yaml"
ALERTS: list[dict[str, Any]] = [rule for group in yaml.safe_load(FILE.read_text())["groups"] for rule in group["rules"]]
POD = 'namespace="system",job="parallelproject",instance="a"'
OTHER_POD = POD.replace('"a"', '"b"')
SUFFIXES = {Kind.HISTOGRAM: ("_bucket", "_sum", "_count")}
SERIES = {f"{metric.name}{suffix}" for metric in METRICS for suffix in SUFFIXES.get(metric.kind, ("",))}


class Case(NamedTuple):
    """Series under which an alert fires, and others under which it does not."""

    alert: str
    firing: dict[str, str]
    minute: int
    """When it fires; a minute before its ``for`` has passed it does not."""
    quiet: dict[str, str]
    about: dict[str, str] = {}
    """Labels of what it tells."""
    quiet_from: int = 0
    """The first of the minutes at which it must be quiet."""
    lasts_until: int = 0
    """A minute at which it still fires."""


def ours(name: str, pod: str = POD, **labels: str) -> str:
    """A series as it is scraped from a pod."""
    told = "".join(f',{key}="{value}"' for key, value in labels.items())
    return f"parallelproject_{name}{{{pod}{told}}}"


def team(name: str, pod: str = POD, **labels: str) -> str:
    return ours(name, pod, project_namespace="team", **labels)


LEADS = {ours("leader"): "1x240", ours("leader", OTHER_POD): "0x240"}
ABOUT_TEAM = {"project_namespace": "team"}


def released(fast: str, all: str) -> dict[str, str]:
    name = "release_duration_seconds_bucket"
    return {ours(name, le="0.1"): fast, ours(name, le="60.0"): all, ours(name, le="+Inf"): all}


CASES = [
    Case("NoLeader", {ours("leader"): "1x5 0x60", ours("leader", OTHER_POD): "0x65"}, 8, LEADS),
    Case("NoLeader", {}, 2, LEADS),
    Case(
        "OperatorRestarts",
        {ours("process_start_time_seconds"): "100x5 200x5 300x5 400x5 500x60"},
        29,
        {ours("process_start_time_seconds"): "100x5 200x200"},
        {"instance": "a"},
    ),
    Case("QueueStuck", {ours("queue_oldest_seconds"): "0 40+60x60"}, 6, {ours("queue_oldest_seconds"): "0 25x60"}),
    Case("ReleaseSlow", released("0+1x120", "0+100x120"), 16, released("0+999x120", "0+1000x120")),
    Case("ReconcileFailing", {ours("reconciles_failing"): "1x60"}, 10, {ours("reconciles_failing"): "0x60"}),
    Case(
        "StatusBehind",
        {ours("status_oldest_unwritten_seconds"): "0+60x60"},
        8,
        {ours("status_oldest_unwritten_seconds"): "4x60"},
    ),
    Case(
        "ApiErrors",
        {ours("api_requests_total", code="200"): "0+9x60", ours("api_requests_total", code="503"): "0+1x60"},
        11,
        {
            ours("api_requests_total", code="200"): "0+99x60",
            ours("api_requests_total", code="503"): "0+1x60",
            ours("api_requests_total", code="409"): "0+50x60",
        },
    ),
    Case(
        "JobsRefused",
        {team("tasks_by_reason", state="Pending", reason="RefusedByPolicy"): "3x60"},
        15,
        {team("tasks_by_reason", state="Pending", reason="WaitingForSlot"): "3x60"},
        {**ABOUT_TEAM, "reason": "RefusedByPolicy"},
    ),
    Case(
        "WatchSilent",
        {ours("watch_silence_seconds", resource="jobs"): "0+60x60"},
        9,
        {ours("watch_silence_seconds", resource="jobs"): "55x60"},
        {"resource": "jobs"},
    ),
    Case(
        "WatchDown",
        {
            ours("watch_synced", resource="parallelprojects"): "1x5 0x60",
            ours("watch_synced", resource="jobs"): "1x65",
        },
        8,
        {
            ours("watch_synced", resource="parallelprojects"): "0 1x60",
            ours("watch_synced", resource="jobs"): "1 0 1x60",
        },
        {"resource": "parallelprojects"},
    ),
    Case(
        "WatchRestarts",
        {ours("watch_restarts_total", resource="pods", cause="broken"): "0+2x60"},
        16,
        {ours("watch_restarts_total", resource="pods", cause="ended"): "0+2x60"},
        {"resource": "pods"},
    ),
    Case(
        "TasksFail",
        {team("tasks", state="Failed"): "3x60 4x60"},
        61,
        {team("tasks", state="Failed"): "3x70 _x60", team("tasks", OTHER_POD, state="Failed"): "_x70 3x60"},
        ABOUT_TEAM,
        quiet_from=40,  # before that they are news
        lasts_until=90,
    ),
    Case("TasksFail", {team("tasks", state="Failed"): "1x60"}, 0, {team("tasks", state="Failed"): "0x60"}, ABOUT_TEAM),
    Case(
        "AttemptsFail",
        {
            team("attempts_ended_total", result="Failed", reason="ExitCode"): "0+2x120",
            team("attempts_ended_total", result="Succeeded", reason=""): "0+1x120",
        },
        14,
        {
            team("attempts_ended_total", result="Failed", reason="ExitCode"): "0 4x120",
            team("attempts_ended_total", result="Succeeded", reason=""): "0x120",
        },
        ABOUT_TEAM,
    ),
    Case(
        "LandingsRefused",
        {team("landings_total", outcome="AuthOrProtected"): "0x5 1x60"},
        6,
        {team("landings_total", outcome="Conflict"): "0x5 1x60", team("landings_total", outcome="Policy"): "7x60"},
        {"outcome": "AuthOrProtected", **ABOUT_TEAM},
    ),
    Case(
        "PublishingBlocked",
        {team("publications", status="False", reason="ChecksFailed"): "1x60"},
        15,
        {team("publications", status="Unknown", reason="Publishing"): "1x60"},
        {"reason": "ChecksFailed", **ABOUT_TEAM},
    ),
    Case(
        "TasksCannotBegin",
        {team("tasks_by_reason", state="Running", reason="Unschedulable"): "2x60"},
        30,
        {team("tasks_by_reason", state="Running", reason="Unschedulable"): "2x20 _x20 2x20"},
        {"reason": "Unschedulable", **ABOUT_TEAM},
    ),
    Case(
        "TasksStarve",
        {team("tasks_by_reason", state="Pending", reason="WaitingForCapacity"): "5x60", team("slots_held"): "0x60"},
        30,
        {team("tasks_by_reason", state="Pending", reason="WaitingForCapacity"): "5x60", team("slots_held"): "1x60"},
        ABOUT_TEAM,
    ),
    Case(
        "Rejected",
        {team("projects", state="Rejected"): "1x60"},
        15,
        {team("projects", state="Rejected"): "0x60", team("projects", state="Failed"): "1x60"},
        ABOUT_TEAM,
    ),
]


@pytest.fixture(scope="module")
def played(rules: Path) -> list[list[list[dict[str, Any]]]]:
    """By case and scene: what fires before, when and while it should, or at any time where it should not."""
    scenes = []
    for case in CASES:
        leads = {} if case.alert == "NoLeader" else LEADS
        before = [case.minute - 1] if case.minute else []
        after = [case.lasts_until] if case.lasts_until else []
        scenes.append({"series": leads | case.firing, "minutes": [*before, case.minute, *after]})
        scenes.append({"series": leads | case.quiet, "minutes": list(range(case.quiet_from, case.quiet_from + 60))})
    asked = json.dumps({"rules": str(FILE), "scenes": scenes})
    done = subprocess.run([rules], input=asked, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found: list[list[list[dict[str, Any]]]] = json.loads(done.stdout)
    return found


def of(alerts: list[dict[str, Any]], case: Case) -> list[dict[str, Any]]:
    return [alert for alert in alerts if alert["labels"]["alertname"] == f"ParallelProject{case.alert}"]


@pytest.mark.parametrize("case", CASES, ids=[f"{case.alert}-{case.minute}" for case in CASES])
def test_an_alert_fires_when_it_should_and_not_before(case: Case, played: list[list[list[dict[str, Any]]]]) -> None:
    looks = played[2 * CASES.index(case)]
    if case.minute:
        assert of(looks.pop(0), case) == []
    for fires in looks:
        (alert,) = of(fires, case)
        assert case.about.items() <= alert["labels"].items()
        assert len(fires) == 1, "others fire as well"
    for text in alert["annotations"].values():
        assert "error" not in text.lower() or "{{" not in text
        assert "<no value>" not in text


@pytest.mark.parametrize("case", CASES, ids=[f"{case.alert}-{case.minute}" for case in CASES])
def test_an_alert_is_quiet_when_all_is_well(case: Case, played: list[list[list[dict[str, Any]]]]) -> None:
    assert [of(alerts, case) for alerts in played[2 * CASES.index(case) + 1]] == [[]] * 60


def test_every_alert_is_played() -> None:
    assert {rule["alert"] for rule in ALERTS} == {f"ParallelProject{case.alert}" for case in CASES}


@pytest.mark.parametrize("rule", ALERTS, ids=[rule["alert"] for rule in ALERTS])
def test_an_alert_names_metrics_and_values_that_there_are(rule: dict[str, Any]) -> None:
    assert set(re.findall(r"parallelproject_\w+", rule["expr"])) <= SERIES
    known = {
        "state": {*STATES, *(state.value for state in TaskState)},
        "reason": set(Reason),
        "outcome": set(NOT_LANDED),
        "result": {"Succeeded", "Failed", "Stopped"},
        "cause": {"ended", "broken", "expired"},
    }
    for label, found in re.findall(r'(\w+)=~?"([^"]*)"', rule["expr"]):
        if label in known:
            assert set(found.split("|")) <= known[label]


@pytest.mark.parametrize("rule", ALERTS, ids=[rule["alert"] for rule in ALERTS])
def test_an_alert_says_what_to_do_about_it(rule: dict[str, Any]) -> None:
    assert rule["labels"]["severity"] in ("critical", "warning", "info")
    assert {"summary", "description", "runbook_url"} <= rule["annotations"].keys()
    page, _, fragment = rule["annotations"]["runbook_url"].partition("#")
    headings = re.findall(r"^#+ (.+)$", (ROOT / page).read_text(), re.M)
    assert fragment == anchor(rule["alert"])
    assert rule["alert"] in headings
    counters = {metric.name for metric in METRICS if metric.kind is Kind.COUNTER}
    for name in set(re.findall(r"parallelproject_\w+", rule["expr"])) & counters:
        assert re.search(rf"(rate|increase)\({name}\b", rule["expr"]), f"{name} grows for ever"
