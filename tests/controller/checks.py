"""Checks of what has landed on fake nodes: their pods run until a test has them report, as real ones would."""

import json
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from parallelproject.core.report.review_status import read_review
from parallelproject.core.report.verification_status import read_verification
from parallelproject.core.verification.check_message import CHECKED_OUT, checkout_message, end_message
from parallelproject.core.verification.landed_work import LandedWork
from parallelproject.core.verification.probe import LandedChange, Probe, ProbeOutcome
from parallelproject.core.verification.revert_message import not_taken_out_message, read_request, taken_out_message
from parallelproject.core.verification.reverting import REVERT
from tests.controller.audit import history
from tests.controller.cluster import LABEL, Json, Namespace, role
from tests.controller.pod_ends import end_pod

GIT: Json = {"url": "https://git.example/acme/shop.git", "credentialsSecretRef": {"name": "shop-git"}}
MOST = 4096
_TRIES = 2
"""How often one search runs a check on the same part of the work: one outcome alone may be a lie."""
Breaks = Callable[[str, Sequence[str]], bool]
"""Whether a check fails with some work, in the order in which it landed: ``a+1`` is the first repair of a."""


def verification(*checks: str, **fields: Any) -> Json:
    """``spec.verification``, whose checks run in the role ``checker``."""
    named = checks or ("test",)
    return {"checks": [{"name": name, "command": ["make", name], "role": "checker"} for name in named], **fields}


def roles() -> list[Json]:
    """A role for tasks, and one whose pods run until they are released."""
    checker = role("checker")
    held = {"name": "PPROJ_PARAM_HOLD_ATTEMPTS", "value": "1000000"}
    checker["podTemplate"]["spec"]["containers"][0]["env"] = [held]
    return [role(), checker]


class Run(NamedTuple):
    """A run of a check."""

    check: str
    number: int
    probe: str


class Checks:
    """The checks of one project."""

    def __init__(
        self, ns: Namespace, breaks: Breaks, name: str = "p", printed: str = "FAILED test_x.py::test_x\n"
    ) -> None:
        self.ns, self.breaks, self.name, self.printed = ns, breaks, name, printed
        self.landed: list[str] = []
        """In the order in which it landed; ``-a`` takes out all of a before it."""
        self.reverts: dict[int, tuple[str, list[str]]] = {}
        """By number of a revert, its commit and what it took out."""
        self.refused = ""
        """Why no work can be taken off the branch; empty: it can."""
        self.answered: list[Run] = []

    def wait(self, wanted: Callable[[Json], object], what: str) -> Json:
        """Let checks end until the project is as wanted; the project then."""

        def found(project: Json) -> bool:
            self.answer()
            return bool(wanted(project))

        return self.ns.wait(found, what, self.name)

    def pods(self) -> list[Json]:
        """The pods of runs that have not ended."""
        return [
            pod
            for pod in self.ns.pods("")
            if pod["metadata"]["labels"].get(f"{LABEL}/kind") == "Verify"
            and pod["metadata"]["labels"][f"{LABEL}/project"] == self.name
            and pod["status"].get("phase") == "Running"
            and not pod["metadata"].get("deletionTimestamp")
        ]

    def jobs(self) -> list[Json]:
        """The Jobs of runs."""
        found = self.ns.jobs("")
        return [
            job
            for job in found
            if job["metadata"]["labels"].get(f"{LABEL}/kind") == "Verify"
            and job["metadata"]["labels"][f"{LABEL}/project"] == self.name
        ]

    def answer(self) -> None:
        """Let all runs that have started report."""
        for pod in self.pods():
            labels = pod["metadata"]["labels"]
            if labels[f"{LABEL}/step"] == REVERT.name:
                if end_pod(self.ns, pod, 0, {"git": (0, self.reverted(pod))}):
                    self.answered.append(run_of(pod))
                continue
            asked = self.asked(pod)
            work, there = self._work(asked)
            is_broken = self.breaks(labels[f"{LABEL}/step"], there)
            messages = (
                str(checkout_message(CHECKED_OUT, work, MOST)),
                end_message("Failed", self.printed, MOST) if is_broken else end_message("Passed", "", MOST),
            )
            if self.end(pod, int(is_broken), messages):
                self.answered.append(run_of(pod))

    def reverted(self, pod: Json) -> str:
        """Take work off the branch, once for each number; the report of the pod."""
        self._look()
        fields = json.loads(pod["metadata"]["annotations"][f"{LABEL}/check"])["revert"]
        asked, ids = read_request(**fields), list(read_request(**fields).dependents)
        if self.refused:
            return not_taken_out_message(ProbeOutcome.CONFLICT, self.refused)
        if asked.number not in self.reverts:
            there = {name.partition("+")[0] for name in left(self.landed)}
            out = [task for task in ids if task in there & asked.with_dependents(asked.tasks)]
            self.landed += [f"-{task}" for task in out]
            self.reverts[asked.number] = commit(len(self.landed)), out
        return taken_out_message(*self.reverts[asked.number], ids)

    def end(self, pod: Json, code: int, messages: tuple[str, str]) -> bool:
        """End a pod: the exit code of its command, and what its containers report; whether it was there."""
        return end_pod(self.ns, pod, code, {"prepare": (0, messages[0]), "git": (0, messages[1])})

    @staticmethod
    def asked(pod: Json) -> Json:
        """What a pod was told to check."""
        found: Json = json.loads(pod["metadata"]["annotations"][f"{LABEL}/check"])["check"]
        return found

    def _work(self, asked: Json) -> tuple[LandedWork, list[str]]:
        """What a run finds on the branch, and what of it is there."""
        self._look()
        first = int(asked.get("base") or asked.get("since") or "0", 16)
        end = int(asked["tip"], 16) if asked.get("tip") else len(self.landed)
        tasks = dict.fromkeys(map(_change, self.landed[first:end]))
        work = LandedWork(commit(first), commit(end), tuple(LandedChange(t, "", (f"{t}.txt",), 1) for t in tasks))
        probe = Probe.parse(asked["probe"]) if asked.get("probe") else Probe(len(tasks))
        chosen = probe.tasks(work.changes)
        there = [name for name in self.landed[first:end] if _change(name) in chosen]
        return work, left(self.landed[:first] + there)

    def _look(self) -> None:
        """Note what has landed since: an attempt each."""
        done: list[tuple[int, str]] = []
        for pod in self.ns.pods():
            labels, notes = pod["metadata"]["labels"], pod["metadata"].get("annotations", {})
            is_mine = labels.get(f"{LABEL}/project") == self.name and f"{LABEL}/delivery" in notes
            told = json.loads(notes[f"{LABEL}/delivery"]) if is_mine else {}
            step = told.get("step", {"last": True})
            has_landed = step["last"] or step["onlyLands"]
            if (
                is_mine and has_landed and pod["status"].get("phase") == "Succeeded"
            ):  # the operator counts it at once, too
                repair = told.get("repair", 0)
                name = f"{labels[f'{LABEL}/task']}+{repair}" if repair else labels[f"{LABEL}/task"]
                if name not in self.landed:
                    done.append((int(labels[f"{LABEL}/attempt"]), name))
        self.landed += [name for _, name in sorted(done)]


def _change(name: str) -> str:
    """The change that a landing is part of; one that takes out work is of no task."""
    return f"~{name[1:]}" if name.startswith("-") else name.partition("+")[0]


def left(landed: Sequence[str]) -> list[str]:
    """What is on the branch after these landings."""
    found: list[str] = []
    for name in landed:
        found = [each for each in found if each.partition("+")[0] != name[1:]] if name[0] == "-" else [*found, name]
    return found


def run_of(obj: Json) -> Run:
    """The run that a pod or a Job is."""
    labels = obj["metadata"]["labels"]
    at = obj["spec"].get("template", obj)["metadata"]["annotations"]
    probe = json.loads(at[f"{LABEL}/check"]).get("check", {}).get("probe", "")
    return Run(labels[f"{LABEL}/step"], int(labels[f"{LABEL}/attempt"]), probe)


def commit(number: int) -> str:
    """A commit's name."""
    return f"{number:040x}"


def broken_by(*names: str) -> Breaks:
    """A check fails while one of these has work there that none of its repairs follows."""
    return lambda check, there: any(name in there and f"{name}+1" not in there for name in names)


def most_at_once(events: Sequence[Json], uid: str) -> int:
    """How many pods of a project ran at once, at most."""
    running, most = set[str](), 0
    for happened in history(events, uid):
        if happened.kind == "pod-created":
            running.add(happened.uid)
        elif happened.kind in ("pod-failed", "pod-succeeded", "pod-gone"):
            running.discard(happened.uid)
        most = max(most, len(running))
    return most


def searched_again(events: Sequence[Json], uid: str) -> list[str]:
    """What ran again although its result was known: a part of some work that has been tried twice, as a search does it
    with what proves its result. And repairs that follow from no search of their own."""
    tried, searches, repairs = Counter[tuple[str, ...]](), set[str](), set[tuple[str, int]]()
    found = []
    for happened in history(events, uid):
        obj = happened.value
        notes = ((obj.get("spec") or {}).get("template", obj).get("metadata") or {}).get("annotations") or {}
        if happened.kind == "created" and f"{LABEL}/check" in notes:
            asked = json.loads(notes[f"{LABEL}/check"])["check"]
            base, tip, probe = (asked.get(name, "") for name in ("base", "tip", "probe"))
            what = obj["metadata"]["labels"][f"{LABEL}/step"], base, tip, probe
            tried[what] += 1
            if probe and tried[what] > _TRIES:
                found.append(f"probe {probe} of {base[-4:]}..{tip[-4:]} ran for time {tried[what]}")
            searches |= {tip} if probe else set()
        elif happened.kind == "created" and f"{LABEL}/delivery" in notes:
            told = json.loads(notes[f"{LABEL}/delivery"])
            repairs |= {(told["task"], told["repair"])} if told.get("repair") else set()
    if len(repairs) > len(searches):
        found.append(f"{len(repairs)} repairs follow from {len(searches)} searches")
    return found


def acted_before_written(events: Sequence[Json]) -> list[str]:
    """What was done before the status had the reason: a task repairs when the status has its repair, work is taken off
    the branch when the status names it, and the Job of a run is removed when the status has its result."""
    written: list[Json] = []
    """What was written. Nobody knows the answer to a request whose client was killed, so all that were sent count."""
    found = []
    # As they were sent: the lines of the log are in the order of their answers, which may be logged late.
    for event in sorted(events, key=lambda each: str(each["requestReceivedTimestamp"])):
        ref, answer, asked = event["objectRef"], event.get("responseObject") or {}, event.get("requestObject") or {}
        name = ref.get("name") or (answer.get("metadata") or {}).get("name", "")
        if ref.get("resource") == "parallelprojects":
            is_known = answer.get("kind") == "ParallelProject"
            status = (answer if is_known else asked).get("status")
            if isinstance(status, dict) and status.keys() & {"verification", "review"}:
                written.append(status)
        elif ref.get("resource") == "jobs" and event["verb"] == "create" and answer.get("kind") == "Job":
            notes = answer["spec"]["template"]["metadata"]["annotations"]
            repair = json.loads(notes.get(f"{LABEL}/delivery", "{}")).get("repair", 0)
            task = answer["metadata"]["labels"].get(f"{LABEL}/task", "")
            states = [(read_verification(each).state, read_review(each).state) for each in written]
            known = [sum(len(state.repairs.get(task, ())) for state in both) for both in states]
            if repair and repair not in known:
                found.append(f"{name} was created, and the status has {known} repairs")
            reverts = json.loads(notes.get(f"{LABEL}/check", "{}")).get("revert")
            if reverts and not any(_names(each, reverts) for each in written):
                found.append(f"{name} was created, and the status does not say what it takes off the branch")
        elif ref.get("resource") == "jobs" and event["verb"] == "delete" and _check_of(name):
            numbers = [read_verification(each).numbers.get(_check_of(name), 0) for each in written]
            if int(name.split("-")[-2]) > max(numbers, default=0):
                found.append(f"{name} was removed, and the status has {numbers} runs")
    return found


def _names(status: Json, wanted: Json) -> bool:
    """Whether a status says that this work is taken off the branch."""
    state = read_verification(status).state
    return (state.reverts + 1, list(state.reverting)) == (wanted["number"], wanted["tasks"])


def _check_of(job: str) -> str:
    """The check that a Job runs, by its name; empty if it is of another kind."""
    return "test" if "-test-" in job else REVERT.name if "-revert-work-" in job else ""
