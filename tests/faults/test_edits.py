"""Some sequences of edits, each with a fault: the end is that of a fresh run of the last spec.

``python -m tests.faults edits`` runs 300 and counts them, and so many does ``--deep``.
"""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.controller.cluster import Json, role, spec, task
from tests.faults.campaigns import SEQUELS
from tests.faults.editing import reason_of, run_fresh, run_sequel
from tests.faults.edits import FAULT, Edit, Sequel, end, sequel
from tests.faults.lab import Lab
from tests.faults.plan import Action, Fault
from tests.sampling import Sampler

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(900)]

LANES = 4


def project(*tasks: Json, **fields: Any) -> Json:
    """A spec of two roles, one of which allows one task at a time."""
    roles = [role(), role("reviewer", maxConcurrent=1)]
    defaults = {"maxAttempts": 3, "role": "coder"}
    return spec(*tasks, roles=roles, scheduling="Graph", failurePolicy="Continue", defaults=defaults, **fields)


def story(first: Json, *edits: Edit, fault: Fault | None = None) -> Sequel:
    """A sequence that is not drawn."""
    return Sequel(0, first, edits, "story", (fault,) if fault else ())


def left_at_work(**fields: Any) -> Sequel:
    """A task leaves while it is running, and another wants what it has."""
    leaving, waiting = task("a", hold=True, priority=5, **fields), task("b", **fields)
    return story(project(leaving, waiting), Edit("remove a", "event-of-pods", 4, project(waiting)))


def refused(**fields: Any) -> Sequel:
    """No Job can be created for some seconds, in which the spec changes."""
    tasks = [task("a"), *(task(i, "a") for i in "bcd")]
    kept = fields.pop("tasks", tasks)
    away = Fault(Action.ANSWER, "create-job", 2, 9, 429)
    return story(project(*tasks), Edit(f"change {fields}", FAULT, 0, project(*kept, **fields)), fault=away)


def taken_along(propagation: str) -> Sequel:
    """The project is deleted, and the watch does not tell while its Jobs go."""
    silent = Fault(Action.DELAY, "event-of-projects", 3, seconds=5)
    first = project(task("a", hold=True), task("b", hold=True), parallelism=2)
    second = project(task("a"), task("b", "a"))
    return story(first, Edit("create again", FAULT, 0, second, recreate=propagation), fault=silent)


STORIES = {
    "removed": {
        "a task that was removed keeps its file until it has ended": left_at_work(files=["src/x.py"]),
        "a task that was removed keeps its role until it has ended": left_at_work(role="reviewer"),
    },
    "refused": {
        "a creation is not tried again for a task that was removed": refused(tasks=[task("a")]),
        "a creation is not tried again over a cap that was lowered": refused(parallelism=1),
    },
    "deleted": {
        "nothing is begun for a project that is gone": taken_along("Background"),
        "nothing is begun for a project that is going": taken_along("Foreground"),
    },
}


def test_the_end_that_is_foretold() -> None:
    tasks = [task("a"), task("b", "a", fail_attempts=9), task("c", "b"), task("d", "a", fail_attempts=2)]
    assert end(spec(*tasks)) == {"a": "Succeeded", "b": "Failed", "c": "Skipped", "d": "Succeeded"}


def test_a_sequence_follows_from_its_seed() -> None:
    assert sequel(7) == sequel(7)
    assert sequel(7) != sequel(8)


@pytest.mark.sampled(1)
@pytest.mark.parametrize(("kind", "name"), [(kind, name) for kind, found in STORIES.items() for name in found])
def test_story(lab: Lab, kind: str, name: str) -> None:
    outcome = run_sequel(lab, STORIES[kind][name])
    assert outcome.violations == [], f"{outcome}\n{outcome.evidence}"


def test_edits_with_a_fault_end_as_a_fresh_run(lab: Lab, sampled: Sampler) -> None:
    fired = 0
    with ThreadPoolExecutor(LANES) as lanes:
        for seeds in sampled.batches(range(1, SEQUELS + 1), LANES, LANES):
            for outcome in lanes.map(lambda seed: run_sequel(lab, sequel(seed)), seeds):
                assert outcome.violations == [], f"{outcome}\n{outcome.evidence}"
                fired += len(outcome.fired)
    assert fired or sampled.is_cut


def test_a_fresh_run_ends_as_foretold(lab: Lab) -> None:
    last = sequel(3).last
    assert run_fresh(lab, last) == (end(last), reason_of(end(last)))
