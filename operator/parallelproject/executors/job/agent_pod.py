"""The coding agent of a role in a pod: the command of the task's container, and what our containers get of it. Pure.

The image of the role's template has the agent. One of our containers writes the prompt before, another one judges the
output after: those that land the work, or without ``spec.git`` two that only do that.
"""

from parallelproject.agents.catalog import PRESETS
from parallelproject.agents.invocation import command_of, cost_problem
from parallelproject.agents.prompt import PromptError, check_syntax
from parallelproject.executors.base.agent_session import AgentSession
from parallelproject.executors.base.pod import FEEDBACK_FILE, TASK_FILE, TASK_FOLDER, TOOLS, Json, entries, joined
from parallelproject.model.problem import Problem
from parallelproject.model.spec import Agent, NoChange, Spec

PROMPT_PATH = f"{TOOLS}/prompt.md"
"""Where the prompt of an attempt is."""
SESSIONS_VOLUME = "pproj-sessions"
"""The volume of a template on which agents keep their conversations, if it has one of this name."""
_SESSIONS = "/pproj/sessions"


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


def resumed(agent: Agent, pod: Json, before: AgentSession | None) -> AgentSession | None:
    """The session that an attempt continues; None: it starts one.

    Args:
        agent: Who makes it.
        pod: The spec of its pod.
        before: The session of the attempt before.
    """
    return before if before and _keeps_sessions(pod) and before.continued_by(agent) else None


def call_of(agent: Agent, template: str | None, session: AgentSession | None = None) -> Json:
    """The fields of ``PodAgent`` for an instruction, which has the folder of its outputs itself.

    Args:
        agent: The agent.
        template: The user's template of prompts.
        session: The session that it continues.
    """
    continued: Json = {}
    if session:
        tokens = session.tokens if any(session.tokens) else ()
        continued = {"session": session.id, "before": session.outcomes[-1], "usedBefore": tokens}
    fields: Json = {
        "type": agent.type.value,
        "taskFile": f"{TASK_FOLDER}/{TASK_FILE}",
        "feedbackFile": f"{TASK_FOLDER}/{FEEDBACK_FILE}",
        "promptFile": PROMPT_PATH,
        "model": agent.model,
        "mayChangeNothing": agent.on_no_change is NoChange.SUCCEED,
        "template": template,
    }
    return {name: value for name, value in (fields | continued).items() if value}


def add_command(pod: Json, agent: Agent, place: str, *, resumes: bool = False) -> None:
    """Makes the agent the command of a pod's first container, and mounts the volume of its conversations, if the
    template names one and does not mount it there itself.

    Args:
        pod: The spec of the pod; it is changed.
        agent: The agent.
        place: The folder of this task and step on that volume: agents of other tasks, and those that judge this one,
            do not see it.
        resumes: Whether it continues the session of ``PPROJ_SESSION``.
    """
    container = pod["containers"][0]
    container["command"] = list(command_of(agent, resumes=resumes))
    variable, mounts = PRESETS[agent.type].sessions_variable, entries(container.get("volumeMounts"))
    is_set = any(entry.get("name") == variable for entry in entries(container.get("env")))
    if variable and not is_set and _keeps_sessions(pod) and not any(m.get("name") == SESSIONS_VOLUME for m in mounts):
        mount = {"name": SESSIONS_VOLUME, "mountPath": _SESSIONS, "subPath": place}
        container["volumeMounts"] = joined([mount], container.get("volumeMounts"))
        container["env"] = joined([{"name": variable, "value": _SESSIONS}], container.get("env"))


def _keeps_sessions(pod: Json) -> bool:
    return any(volume.get("name") == SESSIONS_VOLUME for volume in entries(pod.get("volumes")))
