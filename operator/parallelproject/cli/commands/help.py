"""``pproj help``: the same text as ``--help``, of the program or of one command."""

from typing import Annotated

import typer

from parallelproject.cli.output import terminal


def run(
    ctx: typer.Context,
    command: Annotated[
        str | None, typer.Argument(metavar="[COMMAND]", help="Name of a command; by default all are listed.")
    ] = None,
) -> None:
    """Show the help of a command."""
    root = ctx.find_root()
    if command is None:
        terminal.show(root.get_help())
        return
    _, found, _ = root.command.resolve_command(root, [command])  # type: ignore[attr-defined]  # the root is a group
    terminal.show(found.get_help(found.context_class(found, info_name=command, parent=root)))
