"""When a task that has failed, or was deferred, may start again."""

import math

from parallelproject.core.graph.graph import CompiledGraph
from parallelproject.core.planner.attempt import Record
from parallelproject.core.times import doubling
from parallelproject.model.spec import Spec
from parallelproject.model.status import Reason

BACKOFF_MAX = 360
"""Maximum wait between attempts, in seconds, unless backoffSeconds itself is longer; as for Jobs."""
RESET_MAX = 8 * 86_400
"""Maximum wait for the end of a limit, in seconds: the longest period of a provider is a week."""


def backoff_ends(graph: CompiledGraph, spec: Spec, task: int, record: Record) -> float:
    """When a task that has failed may start again: the wait doubles with each failure that counts.

    At once if all failures so far are forgiven, and after a conflict, since the conflicting work has landed. If
    spec.retries forgives more failures than exist (pproj retry never does), the task must not fail in an endless
    loop: then all failures count here, and the wait is at least one second.
    """
    if record.inquiry.attempt:
        return -math.inf  # an answer ends the wait, whenever it comes
    if record.is_deferred and record.ended is not None:
        return -math.inf if is_wait_forgiven(graph, task, record) else deferral_ends(spec, record)
    failures = record.failures_that_count(graph.forgiven.get(task, 0))
    if failures == 0 or record.ended is None or record.reason == Reason.CONFLICT:
        return -math.inf
    first = spec.defaults.backoff_seconds
    if failures < 0:
        failures, first = record.failures, max(1, first)
    return record.ended + doubling(first, failures, max(first, BACKOFF_MAX))


def is_wait_forgiven(graph: CompiledGraph, task: int, record: Record) -> bool:
    """Whether somebody has ended the wait after a deferred attempt (``pproj retry``)."""
    return record.deferrals <= graph.forgiven_deferrals.get(task, 0)


def deferral_ends(spec: Spec, record: Record, doubles: bool = True) -> float:
    """When a deferred attempt is followed by the next one.

    Args:
        spec: The spec.
        record: The record of a task whose last attempt was deferred.
        doubles: Whether the wait doubles with each deferral where the end of the limit is not known.
    """
    ended = record.ended or 0.0
    if knows_reset(record):
        return min(record.retry_at or 0.0, ended + RESET_MAX)
    first = max(1, spec.defaults.backoff_seconds)
    return ended + doubling(first, record.deferrals if doubles else 1, max(first, BACKOFF_MAX))


def knows_reset(record: Record) -> bool:
    """Whether it is known when the limit that a deferred attempt met is over."""
    return record.retry_at is not None and record.retry_at > (record.ended or 0.0)
