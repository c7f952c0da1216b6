"""Gives a command the projects that its command line means, in a cluster or on this machine, and the name of one."""

import functools
import inspect
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any

import typer

from parallelproject.cli.cluster.target import ClusterTarget
from parallelproject.cli.input.arguments import StateDirectoryOfRun
from parallelproject.cli.input.cluster_options import OPTIONS, Work, target_of, with_cluster, with_options
from parallelproject.cli.local.lookup import RULE, local_runs, meant, several_runs
from parallelproject.cli.output import terminal
from parallelproject.cli.output.failure import Failure, NoClusterFailure
from parallelproject.cli.output.program import is_plugin
from parallelproject.local.read import runs_below
from parallelproject.model.problem import listed

_NAMED = 8
"""Most local runs that are named in an error."""
_UsageError: Any = typer.BadParameter.__mro__[1]


def on_project(function: Work, *, name_first: bool = False) -> Callable[..., int | None]:
    """Makes a command of a coroutine whose first parameter is a ``ProjectReader``.

    Its parameter ``name`` may be omitted where one local run is meant; of a command that has ``task`` or ``tasks``
    too, the words that mean no name are these; then that of ``text``. A ``task`` without a default has to be given.

    Args:
        function: The coroutine.
        name_first: Whether a single word is a name, unless it is a task of the only local run.
    """
    parameters = inspect.signature(function).parameters

    @functools.wraps(function)
    def command(ctx: typer.Context, **values: Any) -> int | None:
        target = target_of(ctx, values)
        state_dir: Path | None = values.pop("state_dir")
        is_named = target.is_given or bool(values.get("all_namespaces"))
        words: list[str] = []
        if "name" not in parameters:
            runs = local_runs(None, state_dir, is_named)
        else:
            words = [word for word in (values["name"], values.get("task"), *(values.get("tasks") or ())) if word]
            if "text" in values:
                words = _without_text(values, words)
            runs, values["name"], tasks = meant(words, state_dir, is_named, _most(values), name_first=name_first)
            if "task" in values:
                values["task"] = tasks[0] if tasks else ""
                if not values["task"] and _is_required(parameters["task"]):
                    raise _missing("TASK", ctx) if values["name"] or runs else _missing_name(target, ctx)
            elif "tasks" in values:
                values["tasks"] = tasks
        if runs is None:
            if "name" in parameters and not values["name"]:
                raise _missing_name(target, ctx)
            names = [values["name"]] if "name" in parameters else []
            return _in_cluster(target, names, lambda cluster: function(cluster, **values))
        if "name" in parameters:
            values["name"] = values["name"] or runs.only()
        terminal.say(runs.note)

        import asyncio

        try:
            return asyncio.run(function(runs, **values))
        except Failure as failure:
            if state_dir or not words or words[0] == values["name"] or words[0] in runs.tasks_of_only():
                raise
            raise _or_in_cluster(failure, words[0]) from None

    command.__doc__ = f"{function.__doc__}\n\n    {RULE}"
    return with_options(command, function, OPTIONS | {"state_dir": (StateDirectoryOfRun, None)})


def on_projects(function: Work) -> Callable[..., int | None]:
    """The same for several ``names``; without any, the only local run is meant."""

    @functools.wraps(function)
    def command(ctx: typer.Context, **values: Any) -> int | None:
        target = target_of(ctx, values)
        state_dir: Path | None = values.pop("state_dir")
        names: list[str] = list(values["names"] or ())
        runs = several_runs(names, state_dir, target.is_given)
        if runs is None:
            if not names:
                raise _missing_name(target, ctx)
            return _in_cluster(target, names, lambda cluster: function(cluster, **values))
        values["names"] = list(dict.fromkeys(names)) or [runs.only()]
        terminal.say(runs.note)

        import asyncio

        return asyncio.run(function(runs, **values))

    command.__doc__ = f"{function.__doc__}\n\n    {RULE}"
    return with_options(command, function, OPTIONS | {"state_dir": (StateDirectoryOfRun, None)})


def _missing(argument: str, ctx: typer.Context, why: str = "") -> Any:
    return _UsageError(f"Missing argument '{argument}'{why}.", ctx)


def _missing_name(target: ClusterTarget, ctx: typer.Context) -> Any:
    """The error where no name is given; says that it may be omitted only where there is a local run."""
    is_cluster = target.is_given or is_plugin()
    why = "" if is_cluster else ": there is no local run in this folder, so give the name of a project in the cluster"
    return _missing("NAME", ctx, why)


def _or_in_cluster(failure: Failure, word: str) -> Failure:
    """The same failure about a word that is no task of the local run: it may be a project."""
    hint = f"-n NAMESPACE looks up the project {word} in the cluster"
    return Failure(*failure.lines, hint=f"{failure.hint}; {hint}" if failure.hint else hint, code=failure.code)


def _in_cluster(
    target: ClusterTarget, names: Sequence[str], work: Callable[[Any], Coroutine[Any, Any, int | None]]
) -> int | None:
    """Works with the cluster. Without a cluster, the names may be meant for local runs, which are named."""
    try:
        return with_cluster(target, work)
    except NoClusterFailure as failure:
        here = [] if target.is_given or is_plugin() else [path.name for path in runs_below(Path.cwd())]
        if not here or not names:
            raise
        found = f"there is no local run {' or '.join(names)} in this folder, only {listed(here, _NAMED)}"
        raise Failure(f"{found}; {failure.lines[0]}", hint=failure.hint) from None


def _most(values: dict[str, Any]) -> int | None:
    """Most tasks that a command takes."""
    return None if "tasks" in values else int("task" in values)


def _without_text(values: dict[str, Any], words: list[str]) -> list[str]:
    """The words before a text, which is the last one unless it is in a file; it is put among the values."""
    words = words if values["text"] is None else [*words, values["text"]]
    has_text = values.get("file") is None and len(words) > 1
    values["text"] = words[-1] if has_text else words[2] if len(words) > 2 else None
    return words[:-1] if has_text else words[:2]


def _is_required(task: inspect.Parameter) -> bool:
    return bool(task.default == "")
