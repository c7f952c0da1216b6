"""Labels and annotations of a project that its Jobs and pods get: for costs, queues and policies. Pure."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from parallelproject.model.names import GROUP, LABEL_MANAGED_BY
from parallelproject.model.spec import JobMetadata


class Inherited(NamedTuple):
    """Metadata that Jobs and pods inherit. Their own labels and annotations, and those of a template, take
    precedence."""

    labels: Mapping[str, str] = MappingProxyType({})
    annotations: Mapping[str, str] = MappingProxyType({})


NOTHING_INHERITED = Inherited()


def inherited(wanted: JobMetadata, metadata: Mapping[str, Any]) -> Inherited:
    """Those of the named labels and annotations that a project has.

    Args:
        wanted: The names.
        metadata: The project's.
    """
    return Inherited(
        _chosen(wanted.labels, metadata.get("labels")), _chosen(wanted.annotations, metadata.get("annotations"))
    )


def _chosen(names: list[str], found: object) -> dict[str, str]:
    given = found if isinstance(found, Mapping) else {}
    return {name: str(given[name]) for name in names if name in given and not is_ours(name)}


def is_ours(name: str) -> bool:
    """Whether a label or annotation identifies a Job, so that a user may not set it."""
    return name == LABEL_MANAGED_BY or name.partition("/")[0] == GROUP
