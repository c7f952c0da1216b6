"""The variables that a hook finds, the same in both shells. Pure."""

from parallelproject.core.hooks.hook_runs import HookLaunch
from parallelproject.model import names
from parallelproject.model.spec import Hook, Spec


def hook_role(spec: Spec, hook: Hook) -> str | None:
    """The role whose environment a hook has: its own, else the default one, else the only one; None: it has none."""
    if hook.role or spec.defaults.role:
        return hook.role or spec.defaults.role
    return spec.roles[0].name if len(spec.roles) == 1 else None


def hook_environment(project: str, spec: Spec, launch: HookLaunch) -> dict[str, str]:
    """The variables of a run of a hook, without those for paths.

    Args:
        project: Name of the project.
        spec: The spec.
        launch: The run.
    """
    occasion = launch.occasion
    where = {names.ENV_GROUP: occasion.group} if occasion.level is None else {names.ENV_LEVEL: str(occasion.level)}
    return where | {
        names.ENV_PROJECT: project,
        names.ENV_HOOK: occasion.kind.value,
        names.ENV_ATTEMPT: str(launch.number),
        names.ENV_ROLE: hook_role(spec, launch.hook) or "",
    }
