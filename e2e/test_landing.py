"""A backlog whose tasks change files, from import to pull requests."""

import json
from pathlib import Path

import yaml

from e2e.landing import Landing
from e2e.room import Room

LEVELS = {"1": [], "2": ["1"], "3": ["1"], "4": ["2", "3"]}


def backlog(folder: Path) -> Path:
    """A TaskMaster backlog of three levels."""
    tasks = [
        {"id": int(task), "title": f"Step {task}", "status": "pending", "dependencies": list(map(int, needs))}
        for task, needs in LEVELS.items()
    ]
    file = folder / "tasks.json"
    file.write_text(json.dumps({"master": {"tasks": tasks}}))
    return file


def test_a_taskmaster_backlog_of_three_levels_lands_with_a_pull_request_a_level(
    room: Room, landing: Landing, tmp_path: Path
) -> None:
    imported = room.sh(
        f"pproj import {backlog(tmp_path)} --name shop --image {room.image} --command agent "
        f"--set spec.scheduling=Levels --set spec.git.url={landing.url}"
    )
    manifest = yaml.safe_load(imported)
    manifest["spec"]["git"] = landing.git(pullRequest={"scope": "Level", "merge": "Manual"})
    room.apply(manifest)
    room.wait("shop")
    room.wait("shop", "Published")

    rows = room.rows("shop")
    assert sorted(rows) == sorted(LEVELS)
    for task, row in rows.items():
        message = landing.repository.about(row["commit"])["commit"]["message"]
        assert f"Parallel-Task: {task}" in message
        for need in LEVELS[task]:
            assert landing.is_ancestor(rows[need]["commit"], row["commit"])

    pulls = landing.repository.pulls()
    branches = [f"parallel/shop-level-{level}" for level in range(3)]
    assert [pull["head"]["ref"] for pull in pulls] == branches
    assert {(pull["base"]["ref"], pull["state"]) for pull in pulls} == {("main", "open")}
    for task in LEVELS:
        assert landing.repository.text(f"work/{task}.txt", branches[-1]) == f"by {task}\n"
