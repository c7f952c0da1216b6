"""One run of a load by one side, as it was seen from outside."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bench.load import Load
from bench.process import Memory
from bench.recording import Success


@dataclass(frozen=True)
class Run:
    """When what happened, and what it took."""

    began: Mapping[str, float]
    """By name of the load, seconds since the epoch: the request that created its project; for the bare client, which
    needs none, the request that created its first Job."""
    created: Mapping[tuple[str, str], float]
    """By names of load and task: when its Job was asked for."""
    succeeded: Mapping[tuple[str, str], Success]
    """The same: when its pod was said to have succeeded."""
    cpu_seconds: float
    """Processor time of the operator, or of the bare client, until nothing happened any more."""
    memory: Memory
    writes: int
    reads: int

    @property
    def started(self) -> float:
        """When the first load began."""
        return min(self.began.values())

    @property
    def seconds(self) -> float:
        """From the start until the last task had succeeded."""
        return max(success.done for success in self.succeeded.values()) - self.started

    @property
    def rate(self) -> float:
        """Tasks a second."""
        return len(self.succeeded) / self.seconds

    def makespan(self, load: Load) -> float:
        """Seconds from the beginning of one load to the success of its last task."""
        return max(self.succeeded[load.name, task.id].done for task in load.tasks) - self.began[load.name]

    def release_latencies(self, loads: Sequence[Load]) -> list[float]:
        """For each task with dependencies: from the last one's success to the request for its Job, in seconds.

        Below zero where whoever watches was told before the write was answered.
        """
        return [
            self.created[load.name, task.id] - max(self.succeeded[load.name, above].done for above in task.after)
            for load in loads
            for task in load.tasks
            if task.after
        ]
