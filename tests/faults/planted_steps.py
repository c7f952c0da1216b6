"""Bugs that are put into the operator on purpose, in how it takes tasks through steps and runs hooks."""

from tests.controller.cluster import LABEL
from tests.faults.lab import Run
from tests.faults.plan import Action, Fault
from tests.faults.planted import Planted, Try


def remove_hooks(run: Run) -> None:
    """Somebody deletes the Job of the first hook once its end is recorded, and the operator starts anew."""
    space = run.namespace

    def recorded() -> bool:
        return any(row["state"] != "Running" for row in (space.get().get("status") or {}).get("hooks", ()))

    space.until(recorded, "a hook that has ended")
    first = next(job for job in space.jobs("") if job["metadata"]["labels"].get(f"{LABEL}/step") == "before-level-0")
    path = f"/apis/batch/v1/namespaces/{space.name}/jobs/{first['metadata']['name']}"
    space.client("DELETE", path, {"propagationPolicy": "Background"})
    space.until(lambda: space.is_gone(path), "the deletion")
    run.kill()


def _standing(body: str) -> str:
    """A patch: what is next of a task follows from another rule."""
    return f"""
import parallelproject.core.planner.snapshot as snapshot
import parallelproject.core.planner.step_at as step_at
from parallelproject.core.steps.step import StepVerdict
sound = snapshot.standing
def standing(steps, ends, forgiven=0):
{body}
snapshot.standing = standing
"""


PLANTED = (
    Planted(
        "work lands before its gates have judged it",
        _standing("    return sound(steps, ends, forgiven)._replace(is_last=True)"),
        (Try("gated"),),
        family="order",
    ),
    Planted(
        "what a gate has accepted before the work was changed counts for the changed work",
        _standing("""
    passed = [end for end in ends if end.verdict is StepVerdict.PASSED]
    return sound(steps, [*ends, *passed], forgiven)
"""),
        (Try("gated"),),
        family="order",
    ),
    Planted(
        "a gate judges the work again that it has rejected",
        _standing(
            "    return sound(steps, [end for end in ends if end.verdict is not StepVerdict.REJECTED], forgiven)"
        ),
        (Try("gated"),),
        family="order",
    ),
    Planted(
        "a gate may reject once more than maxRounds",
        _standing(
            "    return sound([step._replace(max_rounds=step.max_rounds + 1) for step in steps], ends, forgiven)"
        ),
        (Try("gated"),),
        family="rounds",
    ),
    Planted(
        "a step runs on after its task has failed",
        """
import parallelproject.core.planner.plan as plan
is_final = plan.is_final
def patient(graph, spec, i, record):
    return is_final(graph, spec, i, record._replace(failures=record.failures - 1) if record.steps else record)
plan.is_final = patient
""",
        (Try("gated"),),
        family="rounds",
    ),
    Planted(
        "what is known of steps is lost with the process",
        """
import parallelproject.controller.projects.project as project
import parallelproject.core.report.status as status
read_row = status.read_row
def forgetful(row):
    return read_row({key: value for key, value in row.items() if key != "steps"})
status.read_row = project.read_row = forgetful
""",
        tuple(Try("gated", (Fault(Action.KILL_AFTER, "patch-status", nth),)) for nth in (3, 4, 5, 2, 6)),
        family="recorded",
        seconds=30,
    ),
    Planted(
        "the work is done again without the report of the gate",
        """
from parallelproject.core.planner.step_at import StepAt
StepAt.reported = lambda self, record: 0
""",
        (Try("gated"),),
        family="recorded",
    ),
    Planted(
        "work that is only held has landed for what depends on it",
        """
import parallelproject.executors.job.executor as executor
from parallelproject.core.planner.attempt import Phase
attempt_of = executor.attempt_of
def hasty(number, job, pods, job_is_gone):
    found = attempt_of(number, job, pods, job_is_gone)
    return found._replace(phase=Phase.SUCCEEDED) if found.phase in (Phase.HELD, Phase.PASSED) else found
executor.attempt_of = hasty
""",
        (Try("gated"),),
        family="landed",
    ),
    Planted(
        "a task between two steps keeps no files",
        """
import parallelproject.core.planner.plan as plan
plan.keepers = lambda situation, midway, ending, constraints: frozenset(ending)
""",
        (Try("kept-files"),),
        family="landed",
    ),
    Planted(
        "tasks do not wait for the hooks before them",
        """
import parallelproject.core.planner.constraints.hook_gate as hook_gate
block = hook_gate.HookGate._block
def lax(self, task):
    found = block(self, task)
    return None if found and found.line.step in self._running else found
made = hook_gate.HookGate.__init__
def init(self, graph, hooks, facts, *, is_by_level):
    made(self, graph, hooks, facts, is_by_level=is_by_level)
    self._running = facts.progress.running
hook_gate.HookGate.__init__, hook_gate.HookGate._block = init, lax
""",
        (Try("hooked"),),
        family="hooks",
    ),
    Planted(
        "a hook after a level runs while its last task does",
        """
import parallelproject.core.planner.plan as plan
hook_facts = plan.hook_facts
def hasty(graph, hooks, progress, snapshot, states, unfinished):
    return hook_facts(graph, hooks, progress, snapshot, states, [max(0, count - 1) for count in unfinished])
plan.hook_facts = hasty
""",
        (Try("hooked"),),
        family="hooks",
    ),
    Planted(
        "a hook that has ended runs again after a restart",
        """
import parallelproject.controller.reconcile.hooks as hooks
hooks.rows_by_occasion = lambda rows: {}
""",
        (Try("hooked", meanwhile=remove_hooks),),
        family="hooks",
    ),
    Planted(
        "a hook takes no slot",
        """
from parallelproject.core.planner.constraints.admission import Admission
Admission.reserve = lambda self: None
""",
        (Try("hook-beside"),),
        family="hooks",
    ),
)
