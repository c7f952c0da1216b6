"""What keeps a valid spec from running in a cluster, whatever executor it names. Pure; for those who ask no cluster."""

from parallelproject.executors.base.executors import Executors
from parallelproject.executors.job.executor import JobExecutor
from parallelproject.executors.workflow.executor import WorkflowExecutor
from parallelproject.model.problem import Problem
from parallelproject.model.spec import ExecutorKind, Spec

_ALL = Executors(JobExecutor(), {ExecutorKind.WORKFLOW: WorkflowExecutor()})


def check_for_cluster(spec: Spec, project: str = "x") -> list[Problem]:
    """The problems that can be found without the cluster: what its templates ask for is known there alone.

    Args:
        spec: The spec.
        project: Name of the project.
    """
    return _ALL.problems(spec, project)
