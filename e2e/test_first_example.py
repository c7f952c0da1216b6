"""The first example of the README, as it stands there."""

import re

from e2e.clusters import ROOT
from e2e.conftest import AGENT
from e2e.room import Room

EXAMPLE = r"```yaml\n(apiVersion: parallelproject\.io/v1alpha1\n.*?)```"


def test_the_first_example_of_the_readme_runs_as_it_stands_there(room: Room) -> None:
    found = re.search(EXAMPLE, (ROOT / "README.md").read_text(), re.S)
    assert found
    room.kubectl("apply", "--server-side", "-f", "-", input=found[1].replace(AGENT, room.image))
    room.wait("checkout")
    rows = room.rows("checkout")
    assert {task: row["state"] for task, row in rows.items()} == dict.fromkeys(rows, "Succeeded")
    assert {row["attempts"] for row in rows.values()} == {1}
    for task in ("backend", "frontend"):
        assert rows["api-schema"]["completionTime"] <= rows[task]["startTime"]
    job = room.rows("checkout")["backend"]
    assert "succeeded" in room.why("checkout", "backend"), job
