"""What to type next where a task of a cluster's project is in its state. Words only."""

import shlex
from typing import TYPE_CHECKING

from parallelproject.cli.output.program import typed

if TYPE_CHECKING:
    from parallelproject.core.report.why.answer import Why


def next_commands(found: "Why", name: str, place: str, suspended: bool) -> list[str]:
    """What to type next.

    Args:
        found: The answer.
        name: The project.
        place: The options that mean its namespace; they start with a blank.
        suspended: Whether its spec says so.
    """
    commands = _of_workflow(found, place) if found.kind == "Workflow" else _of_job(found, place)
    if found.hint == "retry":
        tasks = "".join(f" {task}" for task in found.to_retry)
        commands.append(f"{typed()} retry{place} {name}{tasks}")
    if found.hint == "approve":
        commands.append(f"{typed()} approve{place} {name} {shlex.quote(found.task)}")
    if found.hint == "answer":
        commands.append(f"{typed()} get{place} {name} {shlex.quote(found.task)}  # shows the whole question")
        commands.append(f"{typed()} answer{place} {name} {shlex.quote(found.task)} 'YOUR ANSWER'")
    if found.hint == "resume" and suspended:
        commands.append(f"{typed()} resume{place} {name}")
    if found.hint == "graph":
        patch = '{"spec":{"scheduling":"Graph"}}'
        commands.append(f"kubectl patch{place} pproj {name} --type merge -p '{patch}'")
    return commands


def _of_job(found: "Why", place: str) -> list[str]:
    commands = []
    if found.job and found.look in ("logs", "follow"):
        which = f" -c {found.container}" if found.container else " --all-containers"
        commands.append(f"kubectl logs{place} job/{found.job}{which}{' -f' if found.look == 'follow' else ''}")
    if found.job and found.look == "pod":
        commands.append(f"kubectl describe pod{place} -l job-name={found.job}")
    if found.job and found.look == "job":
        commands.append(f"kubectl describe job{place} {found.job}")
    if found.job and found.look == "workload":
        commands.append(f"kubectl get workloads{place}")
    if found.job and found.hint == "resume-job":
        patch = '{"spec":{"suspend":false,"parallelism":1}}'
        commands.append(f"kubectl patch{place} job {found.job} --type merge -p '{patch}'")
    return commands


def _of_workflow(found: "Why", place: str) -> list[str]:
    commands = []
    pods = f"-l workflows.argoproj.io/workflow={found.job}"
    if found.job and found.look in ("logs", "follow"):
        commands.append(f"kubectl logs{place} {pods} --all-containers{' -f' if found.look == 'follow' else ''}")
    if found.job and found.look == "pod":
        commands.append(f"kubectl describe pod{place} {pods}")
    if found.job and found.look == "job":
        commands.append(f"kubectl describe workflow{place} {found.job}")
    if found.job and found.hint == "resume-job":
        commands.append(f'kubectl patch{place} workflow {found.job} --type merge -p \'{{"spec":{{"suspend":false}}}}\'')
    return commands
