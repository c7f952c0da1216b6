"""The coding agent of a role in a pod: the command of the task's container, and what our containers get of it. Pure.

The image of the role's template has the agent. One of our containers writes the prompt before, another one judges the
output after: those that land the work, or without ``spec.git`` two that only do that.
"""

from parallelproject.agents.invocation import command_of, cost_problem
from parallelproject.agents.prompt import PromptError, check_syntax
from parallelproject.executors.job.pod import FEEDBACK_FILE, TASK_FILE, TASK_FOLDER, TOOLS, Json
from parallelproject.model.problem import Problem
from parallelproject.model.spec import Agent, NoChange, Spec

PROMPT_PATH = f"{TOOLS}/prompt.md"
"""Where the prompt of an attempt is."""


def problems_of(spec: Spec) -> list[Problem]:
    """What keeps the agents of a spec from running in pods."""
    found: list[Problem] = []
    has_agent = False
    for i, role in enumerate(spec.roles):
        if role.agent is None:
            continue
        has_agent = True
        place = f"spec.roles[{i}]"
        if problem := cost_problem(role.agent, f"{place}.agent"):
            found.append(problem)
        container = role.pod_template.spec.containers[0] if role.pod_template else None
        for field in ("command", "args"):
            if container is not None and getattr(container, field):
                what = f"is set, and the role has an agent, {role.agent.type}, which is its command"
                hint = "remove it; arguments of the agent are in agent.args"
                found.append(Problem(f"{place}.podTemplate.spec.containers[0].{field}", what, hint))
    if spec.prompt is not None:
        try:
            check_syntax(spec.prompt)
        except PromptError as error:
            found.append(Problem("spec.prompt", f"the template is wrong: {error}"))
        if not has_agent:
            found.append(Problem("spec.prompt", "is read by no role: none has an agent", "remove it, or set agent"))
    return found


def call_of(agent: Agent, template: str | None) -> Json:
    """The fields of ``PodAgent`` for an instruction, which has the folder of its outputs itself.

    Args:
        agent: The agent.
        template: The user's template of prompts.
    """
    fields: Json = {
        "type": agent.type.value,
        "taskFile": f"{TASK_FOLDER}/{TASK_FILE}",
        "feedbackFile": f"{TASK_FOLDER}/{FEEDBACK_FILE}",
        "promptFile": PROMPT_PATH,
        "model": agent.model,
        "mayChangeNothing": agent.on_no_change is NoChange.SUCCEED,
        "template": template,
    }
    return {name: value for name, value in fields.items() if value}


def add_command(pod: Json, agent: Agent) -> None:
    """Makes the agent the command of a pod's first container.

    Args:
        pod: The spec of the pod; it is changed.
        agent: The agent.
    """
    pod["containers"][0]["command"] = list(command_of(agent))
