"""The operator killed at any moment: a run ends as without, and nothing is lost, doubled or over the cap."""

import random

import pytest

from tests.controller.audit import AuditLog, history
from tests.controller.cluster import Json, Namespace, condition, rows, spec, task
from tests.controller.laws import judge
from tests.controller.operator_process import OperatorProcess

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(600), pytest.mark.one_file_of("storms")]

TASKS = 60
KILLS = 10
ATTEMPTS = 3
RUNS = 10


def sixty_tasks(random: random.Random) -> list[Json]:
    """A graph in some ten levels: some tasks fail once or twice and are tried again, two fail for good."""
    tasks = []
    for i in range(TASKS):
        near = range(max(0, i - 14), max(0, i - 5))
        parents = [f"t{j}" for j in random.sample(near, min(len(near), random.choice((1, 1, 2))))]
        fails = 9 if i in (TASKS // 2, TASKS - 9) else random.choices((0, 1, 2), weights=(76, 14, 10))[0]
        files = [f"src/{random.randrange(8)}.py"] if random.random() < 0.3 else []
        tasks.append(
            task(f"t{i}", *parents, seconds=round(random.uniform(0, 0.4), 2), fail_attempts=fails or None, files=files)
        )
    return tasks


def fails(task: Json) -> int:
    """How many attempts of a task fail."""
    return next((int(p["value"]) for p in task["parameters"] if p["name"] == "fail_attempts"), 0)


def expected(tasks: list[Json]) -> dict[str, tuple[str, int, int]]:
    """How a run without kills ends, with failurePolicy Continue: states, attempts, failures."""
    end: dict[str, tuple[str, int, int]] = {}
    for each in tasks:
        if any(end[parent][0] != "Succeeded" for parent in each.get("dependencies", ())):
            end[each["id"]] = ("Skipped", 0, 0)
        elif fails(each) >= ATTEMPTS:
            end[each["id"]] = ("Failed", ATTEMPTS, ATTEMPTS)
        else:
            end[each["id"]] = ("Succeeded", fails(each) + 1, fails(each))
    return end


@pytest.mark.sampled(1)
@pytest.mark.parametrize("seed", range(RUNS))
def test_runs_whose_operator_is_killed_ten_times_end_as_those_without(
    ns: Namespace, operator: OperatorProcess, audit: AuditLog, seed: int
) -> None:
    chance = random.Random(seed)
    tasks = sixty_tasks(chance)
    end = expected(tasks)
    since = audit.position()
    policy: Json = {"parallelism": 8, "failurePolicy": "Continue", "defaults": {"maxAttempts": ATTEMPTS}}
    made = {name: ns.create(spec(*tasks, scheduling=name.title(), **policy), name) for name in ("graph", "levels")}
    attempts = 2 * sum(count for _, count, _ in end.values())
    for kill in range(KILLS):
        jobs = int(attempts * (kill + chance.random()) / KILLS)
        ns.until(lambda jobs=jobs: len(ns.jobs()) >= jobs, f"{jobs} Jobs")  # type: ignore[misc]
        # Some requests later, and so in the middle of anything.
        length = audit.position() + chance.randrange(200_000)
        ns.until(lambda length=length: audit.position() >= length, "more requests")  # type: ignore[misc]
        operator.kill()
        operator.start(wait=chance.random() < 0.7)
    for name, project in made.items():
        done = ns.wait_end(name, seconds=300)
        found = {i: (row["state"], row.get("attempts", 0), row.get("failures", 0)) for i, row in rows(done).items()}
        assert found == end
        assert condition(done, "Succeeded")["reason"] == "TasksFailed"
        assert judge(history(audit.events(since, ns.name), project["metadata"]["uid"])) == []
