"""Work goes from pod to pod through the repository: a gate rejects it once, and nothing lands before it is accepted."""

import json

from e2e.landing import Landing
from e2e.room import Json, Room, task

WRITES = 'echo "round $PPROJ_ROUND" > notes.txt; test "$PPROJ_ROUND" = 1 || grep "not round 2" "$PPROJ_FEEDBACK"'
STEPS: list[Json] = [
    {
        "name": "review",
        "command": ["sh", "-c", "git show --stat HEAD; grep -qi 'round 2' notes.txt || { echo not round 2; exit 3; }"],
        "gate": True,
    },
    {"name": "format", "command": ["sh", "-c", "sed -i s/round/Round/ notes.txt; echo formatted > format.txt"]},
    {"name": "test", "command": ["sh", "-c", "grep -q 'Round 2' notes.txt && echo spoilt > notes.txt"], "gate": True},
]


def test_a_task_goes_through_a_review_a_formatter_and_its_tests_each_in_a_pod_of_its_own(
    room: Room, landing: Landing
) -> None:
    git = landing.git()
    del git["forge"]
    tasks = [task("notes", run=WRITES), task("after", "notes", steps=[])]
    room.project("shop", tasks, git=git, steps=STEPS)
    room.wait("shop", seconds=600)

    rows = room.rows("shop")
    notes = rows["notes"]
    assert (notes["state"], notes["attempts"], notes.get("failures")) == ("Succeeded", 7, None), json.dumps(notes)
    ends = [end.split(":") for end in notes["steps"]]
    assert [f"{step} {verdict}".strip() for step, _, verdict, _ in ends] == [
        "Held", "review Rejected", "Held", "review Passed", "format Held", "review Passed",
    ]  # fmt: skip
    repository = landing.repository
    assert repository.text("notes.txt", "parallel/shop") == "Round 2\n"
    assert repository.text("format.txt", "parallel/shop") == "formatted\n"
    assert landing.is_ancestor(notes["commit"], rows["after"]["commit"])
    (redone,) = [
        pod for pod in room.pods("shop", "notes") if pod["metadata"]["labels"]["parallelproject.io/attempt"] == "3"
    ]
    assert "not round 2" in redone["metadata"]["annotations"]["parallelproject.io/feedback"]
    shown = room.sh("pproj get shop notes")
    assert "review: rejected (attempt 2)" in shown
    assert "test: landed (attempt 7)" in shown
