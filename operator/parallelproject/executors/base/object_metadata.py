"""The metadata of the object that an attempt at a task is: whose it is, what it inherits, and what holds it. Pure."""

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
        claim: What it holds or publishes, for whoever finds it later.
        more_labels: Labels that say more of it than whose it is.
        inherited: Labels and annotations that it has besides ours.
        finalizers: What holds it when it is deleted.
    """
    found = metadata(owner, key, claim)
    found["labels"] = {**inherited.labels, **found["labels"], **more_labels}
    found["annotations"] = {**inherited.annotations, **found["annotations"]}
    if finalizers:
        found["finalizers"] = list(finalizers)
    return found
