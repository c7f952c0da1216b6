"""``pproj wait``: ends when the project does, with its result."""

from typing import TYPE_CHECKING

from parallelproject.cli.cluster.wait_for_end import LastSeen, tell_result, until_end
from parallelproject.cli.input.arguments import NameOrOnly, Timeout
from parallelproject.cli.input.project_options import on_project
from parallelproject.cli.input.typed_times import seconds

if TYPE_CHECKING:
    from parallelproject.cli.reader import ProjectReader


@on_project
async def run(reader: "ProjectReader", name: NameOrOnly = "", limit: Timeout = None) -> int:
    """Wait for a project's end; the exit code is its result.

    Exit code: 0 when all tasks succeeded, 1 when some did not or the project was not accepted, 2 after --timeout.
    """
    last = LastSeen()
    code = await until_end(reader, name, last, seconds(limit))
    tell_result(last.project)
    return code
