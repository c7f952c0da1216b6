"""Queues of a cluster do not exist in a local run: its tasks take slots as all others."""

from parallelproject.core.graph.graph import compile_graph
from parallelproject.local.engine.options import RunOptions
from parallelproject.model.project import parse_spec


def test_a_local_run_has_no_queues() -> None:
    roles = [{"name": "a", "queueName": "gpu"}, {"name": "b"}]
    tasks = [{"id": "x", "role": "a"}, {"id": "y", "role": "b"}]
    spec = parse_spec({"queueName": "team", "parallelism": 1, "roles": roles, "tasks": tasks})
    assert compile_graph(spec).queue == ("gpu", "team")
    assert compile_graph(RunOptions().applied_to(spec)).queue == (None, None)
