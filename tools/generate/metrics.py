"""The reference of the operator's metrics, as a Markdown page."""

from parallelproject.controller.telemetry.metric_names import METRICS, NAMESPACE, Metric

_INTRODUCTION = f"""\
<!-- Generated from operator/parallelproject/controller/telemetry/metric_names.py by `make generate`; don't edit. -->
# Metrics

The metrics of `pproj controller` at `/metrics`; how to use them is on the page [observability](../observability.md).

`{NAMESPACE}` is the namespace of the projects. No metric has a label for a project or a task. Counters and histograms
begin at 0 in each process, and only the leader has any of projects and tasks to tell.
"""


def metrics() -> str:
    """The page's text."""
    lines = ["| Metric | Kind | Labels | Meaning |", "|---|---|---|---|", *map(_row, METRICS)]
    buckets = {metric.buckets: ", ".join(f"{bound:g}" for bound in metric.buckets) for metric in METRICS}
    bounds_text = ["", "Upper bounds of the histograms' buckets, in seconds:", ""]
    for bounds, shown in buckets.items():
        if bounds:
            names = ", ".join(f"`{metric.name}`" for metric in METRICS if metric.buckets == bounds)
            bounds_text.append(f"- {shown}: {names}")
    return "\n".join([_INTRODUCTION, *lines, *bounds_text]) + "\n"


def _row(metric: Metric) -> str:
    labels = ", ".join(f"`{label}`" for label in metric.labels)
    return f"| `{metric.name}` | {metric.kind} | {labels} | {metric.meaning} |"
