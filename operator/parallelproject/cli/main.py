"""The ``pproj`` command (also ``kubectl pproj``)."""

import typer

from parallelproject.cli import controller

app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False)
app.command("controller")(controller.run)


@app.callback()
def common() -> None:
    """Run a graph of tasks in parallel, each exactly once."""


def main() -> None:
    """Entry point of the console scripts."""
    app()
