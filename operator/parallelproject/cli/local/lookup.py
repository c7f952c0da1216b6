"""Which projects a command line means: those of a cluster, or runs on this machine."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from parallelproject.cli.local.runs import LocalRuns
from parallelproject.cli.output.failure import Failure
from parallelproject.cli.output.program import is_plugin, typed
from parallelproject.local.read import is_run, run_named, runs_below

RULE = (
    "-n, --context or --kubeconfig selects a project in the cluster, --state-dir a local run. Without these options, a "
    "local run of this folder (.pproj/NAME) is used if there is one, else the cluster; stderr says which. kubectl "
    "pproj uses the cluster, except with --state-dir."
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
            raise Failure(
                "--state-dir selects a local run, but -n, --context and --kubeconfig select a cluster",
                hint="omit one of them",
                code=2,
            )
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


def several_runs(names: Sequence[str], state_dir: Path | None, names_cluster: bool) -> LocalRuns | None:
    """The local runs of some names; None: projects of the cluster.

    Raises:
        Failure: some are local runs and others are not.
    """
    if state_dir is not None or not names:
        return local_runs(None, state_dir, names_cluster)
    found = {name: local_runs(name, None, names_cluster) for name in names}
    runs = [each for each in found.values() if each is not None]
    if not runs:
        return None
    if len(runs) < len(found):
        others = ", ".join(name for name, each in found.items() if each is None)
        raise Failure(
            f"{others}: not a local run, but the other names are",
            hint="-n NAMESPACE looks up all names in the cluster",
            code=2,
        )
    return LocalRuns([each.directory for each in runs])


class Meant(NamedTuple):
    """What the words of a command line mean."""

    runs: LocalRuns | None
    """None: the cluster."""
    name: str
    """Empty: none was given."""
    tasks: list[str]


def meant(
    words: Sequence[str],
    state_dir: Path | None,
    names_cluster: bool,
    most_tasks: int | None = None,
    *,
    name_first: bool = False,
) -> Meant:
    """Which run or project, and which of its tasks, is meant by ``[NAME] [TASK]…``.

    The name may be omitted where there is one local run. So a first word that is no local run's name, while it or a
    later one is a task of the only local run, is a task; and so is a single word.

    Args:
        words: As they were typed.
        state_dir: The state directory that was given.
        names_cluster: Whether a namespace, a context or a kubeconfig was given.
        most_tasks: Most tasks that the command takes; None: any number.
        name_first: Whether a single word is a name, unless it is a task of the only local run.

    Raises:
        Failure: the state directory is none, or both were given.
    """
    first, rest = (words[0], list(words[1:])) if words else ("", [])
    found = local_runs(None, state_dir, names_cluster)
    if found is None or not first:
        return Meant(found, first, rest)
    tasks = found.tasks_of_only()
    fit = most_tasks is None or len(words) <= most_tasks
    if state_dir is not None:
        is_name = not fit or (first not in tasks and found.is_named(first))
        return Meant(found, first, rest) if is_name else Meant(found, "", list(words))
    if named := local_runs(first, None, names_cluster):
        return Meant(named, first, rest)
    if fit and ((len(words) == 1 and not name_first) or not tasks.isdisjoint(words)):
        return Meant(found, "", list(words))
    return Meant(None, first, rest)
