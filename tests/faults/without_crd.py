"""The CRD is deleted in the middle of a run, and comes back: a reinstall, or GitOps that prunes and applies again.

The projects are gone with it, and their Jobs. Nothing starts for them any more; a project that is made after that, of
the same name, runs as if nothing had been.
"""

import random
import threading
import uuid
from dataclasses import dataclass

from parallelproject.kube.client import ApiError
from parallelproject.model.names import API_VERSION, CRD_NAME, KIND, LABEL_PROJECT_UID
from rig.deadline import until
from rig.errors import RigError
from rig.operator import USER
from tests.controller.audit import Json, by_user, history, told, writes
from tests.controller.laws import judge
from tests.faults.graphs import GRAPHS
from tests.faults.kinds import WRITE
from tests.faults.lab import Lab, Run
from tests.faults.scenario import Outcome, compare, report, verdict, wait_end, wait_quiet

GRAPH = "mixed"
_CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
_SECONDS = 60
_alone = threading.Lock()
"""The CRD is everybody's: one run at a time."""


@dataclass(frozen=True)
class WithoutCrd:
    """One run."""

    seed: int
    kind: str = "crd"

    def run(self, lab: Lab, patch: str = "") -> Outcome:
        """Makes it."""
        chance = random.Random(self.seed)
        nth, kill_before, kill_after = chance.randint(1, 12), chance.random() < 0.3, chance.random() < 0.3
        graph = GRAPHS[GRAPH]
        kills = [f"a kill {when} it" for when, is_so in (("before", kill_before), ("after", kill_after)) if is_so]
        outcome = Outcome(graph.name, ", ".join([f"no CRD after write {nth}", *kills]), self.seed, tasks=graph.jobs)
        with _alone, Run(lab, patch=patch) as run:
            _wait_collected(run)
            first = run.namespace.create(graph.spec)
            run.start()
            last = first
            try:
                until(lambda: run.traffic.counts[WRITE] >= nth, f"{nth} writes", seconds=_SECONDS)
                crd = lab.client("GET", f"{_CRDS}/{CRD_NAME}")
                if kill_before:
                    run.kill()
                lab.client("DELETE", f"{_CRDS}/{CRD_NAME}")
                until(lambda: not _is_served(run), "the CRD to be gone", seconds=_SECONDS)
                if kill_after:
                    run.kill()
                run.namespace.until(lambda: not run.namespace.jobs(), "the first one's Jobs to be gone", _SECONDS)
                since = lab.audit.position()
                lab.client("POST", _CRDS, _again(crd))
                until(lambda: _is_served(run), "the CRD to be there", seconds=_SECONDS)
                last = second = run.namespace.create(graph.spec)
                last = wait_end(run)
                wait_quiet(run)
            except RigError as error:
                outcome.violations.append(f"stuck: {str(error).splitlines()[0]}")
            else:
                outcome.violations += compare(last, graph)
                outcome.violations += verdict(run, second, last)
                uid = first["metadata"]["uid"]
                outcome.violations += judge(history(run.events(), uid), uninvited=run.traffic.uninvited)
                late = by_user(writes(lab.audit.events(since, run.namespace.name)), USER)
                outcome.violations += [f"for one that is gone: {told(event)}" for event in late if _is_of(event, uid)]
            report(run, outcome, last)
        return outcome

    def took_place(self, outcome: Outcome) -> bool:
        """Whether the CRD was gone."""
        return True


def _wait_collected(run: Run) -> None:
    """Waits until the garbage collector knows projects: it takes what belongs to one that does not exist.

    It looks for new kinds twice a minute. What belongs to a project of a kind that it never knew, it keeps until the
    kind is back: so the Jobs of a run that deletes the CRD soon after another run has created it. Of one object it
    asks ever more rarely, so each look makes another one.
    """
    client, maps = run.namespace.client, f"/api/v1/namespaces/{run.namespace.name}/configmaps"
    of = {"apiVersion": API_VERSION, "kind": KIND, "name": "none", "uid": str(uuid.uuid4())}
    made: list[str] = []

    def is_one_gone() -> bool:
        metadata = {"generateName": "known-", "ownerReferences": [of]}
        made.append(client("POST", maps, {"metadata": metadata})["metadata"]["name"])
        there = {item["metadata"]["name"] for item in client("GET", maps)["items"]}
        return not there.issuperset(made)

    run.namespace.until(is_one_gone, "the garbage collector to know projects", _SECONDS)


def _is_served(run: Run) -> bool:
    try:
        run.namespace.client("GET", run.namespace.path())
    except ApiError as error:
        if error.status == 404:
            return False
        raise OSError(str(error)) from error
    return True


def _is_of(event: Json, uid: str) -> bool:
    made = event.get("requestObject") or {}
    labels = (made.get("metadata") or {}).get("labels") or {}
    return event["verb"] == "create" and labels.get(LABEL_PROJECT_UID) == uid


def _again(crd: Json) -> Json:
    kept = {key: crd["metadata"][key] for key in ("name", "labels", "annotations") if key in crd["metadata"]}
    return {"apiVersion": crd["apiVersion"], "kind": crd["kind"], "metadata": kept, "spec": crd["spec"]}
