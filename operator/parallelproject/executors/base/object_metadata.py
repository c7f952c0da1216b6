"""The metadata of an attempt's object: identity, inherited labels and finalizers. Pure."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from parallelproject.executors.base.identity import metadata
from parallelproject.executors.base.inherited_metadata import NOTHING_INHERITED, Inherited
from parallelproject.executors.base.owner import Owner
from parallelproject.model.work import WorkKey

Json = dict[str, Any]


def object_metadata(
    owner: Owner,
    key: WorkKey,
    claim: str,
    more_labels: Mapping[str, str] = MappingProxyType({}),
    inherited: Inherited = NOTHING_INHERITED,
    finalizers: Sequence[str] = (),
) -> Json:
    """The metadata of an attempt's object.

    Args:
        owner: The project.
        key: The attempt.
        claim: What it holds or publishes, for processes that find it later.
        more_labels: Further labels, in addition to those of its identity.
        inherited: Labels and annotations of the project, in addition to ours.
        finalizers: Finalizers that keep it when it is deleted.
    """
    found = metadata(owner, key, claim)
    found["labels"] = {**inherited.labels, **found["labels"], **more_labels}
    found["annotations"] = {**inherited.annotations, **found["annotations"]}
    if finalizers:
        found["finalizers"] = list(finalizers)
    return found
