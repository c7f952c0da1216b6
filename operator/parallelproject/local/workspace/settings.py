"""Which settings of a spec need a repository in a local run. Pure, and loaded by every run."""

from parallelproject.model.spec import Spec


def of_a_repository(spec: Spec) -> list[str]:
    """The places of settings that are set and have no meaning without a repository."""
    asked = {
        "spec.conflicts.enforceFiles": spec.conflicts.enforce_files,
        "spec.workspace.setup": spec.workspace.setup,
        "spec.workspace.copy": spec.workspace.copy_files,
        "spec.workspace.link": spec.workspace.link,
        "spec.steps": spec.steps,
    }
    return [place for place, is_set in asked.items() if is_set]
