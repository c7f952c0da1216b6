"""Which projects a command line means: those of a cluster, or runs on this machine."""

from pathlib import Path

from parallelproject.cli.local.runs import LocalRuns
from parallelproject.cli.output.failure import Failure
from parallelproject.cli.output.program import is_plugin, typed
from parallelproject.local.read import is_run, run_named, runs_below

RULE = (
    "With -n, --context or --kubeconfig a project of the cluster is meant, with --state-dir a local run. Without, a "
    "run of this folder (.pproj/NAME) comes first, where there is one; what is shown is named on stderr. kubectl pproj "
    "means the cluster."
)
"""The rule in words, for the help of the commands."""


def local_runs(name: str | None, state_dir: Path | None, names_cluster: bool) -> LocalRuns | None:
    """The local runs that are meant; None: projects of the cluster.

    Args:
        name: The project that is asked for; None: the only one, or all.
        state_dir: The state directory that was given.
        names_cluster: Whether a namespace, a context or a kubeconfig was given.

    Raises:
        Failure: the state directory is none, or both were given.
    """
    if state_dir is not None:
        if names_cluster:
            raise Failure("--state-dir is of a local run, -n, --context and --kubeconfig are of a cluster", code=2)
        if not is_run(state_dir):
            raise Failure(f"--state-dir {state_dir}: there is no local run", hint=f"{typed()} run makes one", code=1)
        return LocalRuns([state_dir.absolute()])
    if names_cluster or is_plugin():
        return None
    try:
        here = Path.cwd()
    except FileNotFoundError:  # somebody has removed it
        return None
    if name is not None:
        found = run_named(name, here)
        return None if found is None else LocalRuns([found])
    runs = runs_below(here)
    return LocalRuns(runs) if runs else None
