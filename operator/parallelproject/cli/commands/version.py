"""``pproj version``."""

import json
from importlib.metadata import PackageNotFoundError, version

from parallelproject.cli.input.arguments import AnswerOutput, TextOrJson
from parallelproject.cli.output import terminal
from parallelproject.model.names import API_VERSION


def run(output: AnswerOutput = TextOrJson.TEXT) -> None:
    """Print the version of this program."""
    try:
        ours = version("parallelproject")
    except PackageNotFoundError:
        ours = "unknown"
    if output is TextOrJson.JSON:
        terminal.show(json.dumps({"version": ours, "apiVersion": API_VERSION}))
    else:
        terminal.show(f"pproj {ours} ({API_VERSION})")
