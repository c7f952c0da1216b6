"""A backend that breaks the build goes back to its task, and the work of the others stays."""

import json

from e2e.landing import Landing
from e2e.room import Json, Room, task

BUILDS = "mkdir -p {name}; echo {content} > {name}/build.txt"
REPAIRS = (
    'if test -n "${PPROJ_FEEDBACK:-}" && grep -q "breaks the check" "$PPROJ_FEEDBACK"; then '
    + BUILDS.format(name="backend", content="ok")
    + "; else "
    + BUILDS.format(name="backend", content="broken")
    + "; fi"
)
CHECK: Json = {
    "name": "build",
    "command": ["sh", "-c", 'if grep -l broken */build.txt; then echo "backend/build.txt:1: error"; exit 1; fi'],
}


def test_a_backend_that_breaks_the_build_is_repaired_and_the_frontend_s_work_stays(
    room: Room, landing: Landing
) -> None:
    git = landing.git()
    del git["forge"]
    tasks = [
        task("backend", run=REPAIRS),
        task("frontend", run=BUILDS.format(name="frontend", content="ok")),
        task("qa", "backend", "frontend"),
    ]
    room.project("shop", tasks, git=git, verification={"checks": [CHECK]})
    room.wait("shop", seconds=600)
    room.wait("shop", "Verified")

    rows = room.rows("shop")
    assert {name: (row["state"], row["attempts"]) for name, row in rows.items()} == {
        "backend": ("Succeeded", 2),
        "frontend": ("Succeeded", 1),
        "qa": ("Succeeded", 1),
    }
    repository = landing.repository
    assert repository.text("backend/build.txt", "parallel/shop") == "ok\n"
    assert repository.text("frontend/build.txt", "parallel/shop") == "ok\n"
    repair = repository.about(rows["backend"]["commit"])["commit"]["message"]
    assert repair.startswith("Repair: backend")
    assert "Parallel-Repair: 1" in repair
    # Nothing of the next level has started before the repair has landed.
    assert landing.is_ancestor(rows["backend"]["commit"], rows["qa"]["commit"])
    assert landing.is_ancestor(rows["frontend"]["commit"], rows["backend"]["commit"])
    (second,) = [
        pod for pod in room.pods("shop", "backend") if pod["metadata"]["labels"]["parallelproject.io/attempt"] == "2"
    ]
    told = second["metadata"]["annotations"]["parallelproject.io/feedback"]
    assert "it breaks the check build, alone" in told
    assert "backend/build.txt" in told
    status = room.get("pproj shop")["status"]["verification"]
    assert [row["task"] for row in status["repairs"]] == ["backend"], json.dumps(status)
