"""Gives a command that only looks the reader of the projects that its command line means, and their name."""

import functools
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import typer

from parallelproject.cli.input.arguments import StateDirectoryOfRun
from parallelproject.cli.input.cluster_options import OPTIONS, Work, target_of, with_cluster, with_options
from parallelproject.cli.local.lookup import RULE, local_runs
from parallelproject.cli.output import terminal

_UsageError: Any = typer.BadParameter.__mro__[1]


def on_project(function: Work) -> Callable[..., int | None]:
    """Makes a command of a coroutine whose first parameter is a ``ProjectReader``.

    Its parameter ``name`` may be left out where one local run is meant; of a command that has a ``task`` too, a single
    word is the task.
    """
    parameters = inspect.signature(function).parameters

    @functools.wraps(function)
    def command(ctx: typer.Context, **values: Any) -> int | None:
        target = target_of(ctx, values)
        state_dir: Path | None = values.pop("state_dir")
        if "task" in parameters and not values["task"]:
            values["name"], values["task"] = "", values["name"]
            if values["name"] == values["task"] == "":
                raise _UsageError("Missing argument 'NAME'.", ctx)
        is_named = target.is_given or bool(values.get("all_namespaces"))
        runs = local_runs(values.get("name") or None, state_dir, is_named)
        if runs is None:
            if "name" in parameters and not values["name"]:
                raise _UsageError(f"Missing argument '{'TASK' if values.get('task') else 'NAME'}'.", ctx)
            return with_cluster(target, lambda cluster: function(cluster, **values))
        if "name" in parameters:
            values["name"] = values["name"] or runs.only()
        terminal.say(runs.note)

        import asyncio

        return asyncio.run(function(runs, **values))

    command.__doc__ = f"{function.__doc__}\n\n    {RULE}"
    return with_options(command, function, OPTIONS | {"state_dir": (StateDirectoryOfRun, None)})
