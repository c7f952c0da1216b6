"""The reference of the metrics, and how they are named."""

import re

from generate.metrics import metrics
from parallelproject.controller.telemetry.metric_names import METRICS, NAMESPACE, Kind


def test_the_reference_has_every_metric_once() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (\w+) \| (.*) \| (.+) \|$", metrics(), re.M)
    assert [name for name, *_ in rows] == [metric.name for metric in METRICS]
    assert [labels for _, _, labels, _ in rows] == [", ".join(f"`{label}`" for label in m.labels) for m in METRICS]
    assert not any("|" in cell for row in rows for cell in row)


def test_metrics_are_named_as_prometheus_asks_for() -> None:
    for metric in METRICS:
        assert re.fullmatch(r"parallelproject_[a-z_]+[a-z]", metric.name)
        assert metric.name.endswith("_total") == (metric.kind is Kind.COUNTER)
        assert bool(metric.buckets) == (metric.kind is Kind.HISTOGRAM)
        if metric.kind is Kind.HISTOGRAM:
            assert metric.name.endswith("_seconds")


def test_no_metric_has_a_label_of_which_there_may_be_any_number() -> None:
    assert {label for metric in METRICS for label in metric.labels} == {
        NAMESPACE, "state", "reason", "status", "result", "outcome", "verb", "resource", "code", "cause", "version",
        "python", "unit", "direction",
    }  # fmt: skip
