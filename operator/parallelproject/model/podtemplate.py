"""The checks of a role's pod template: enough to run a task in it. The API server checks the rest."""

from typing import Annotated

from pydantic import ConfigDict, Field

from parallelproject.model.base import Model


class _Open(Model):
    """A part of Kubernetes' own types: the fields below are checked, all others are passed on unchanged."""

    model_config = ConfigDict(extra="allow")


class PodMetadata(_Open):
    """Metadata of the pods."""

    labels: Annotated[dict[str, Annotated[str, Field(max_length=63)]], Field(max_length=64)] = {}
    """Labels of the pods, next to those of the operator."""
    annotations: Annotated[dict[str, Annotated[str, Field(max_length=65_536)]], Field(max_length=64)] = {}
    """Annotations of the pods, next to those of the operator."""


class Container(_Open):
    """A container, as in any pod."""

    name: Annotated[str, Field(min_length=1, max_length=63, pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$")]
    """Name; unique in the pod."""
    image: Annotated[str, Field(min_length=1, max_length=1024)] | None = None
    """Image that it runs."""
    command: Annotated[list[Annotated[str, Field(max_length=65_536)]], Field(max_length=256)] = []
    """Program and first arguments; the container that runs the task must set it, unless its role has an agent.
    Variables such as $(PPROJ_TASK_FILE) are replaced."""
    args: Annotated[list[Annotated[str, Field(max_length=65_536)]], Field(max_length=256)] = []
    """Further arguments."""


class PodSpec(_Open):
    """What the pods run: a PodSpec, checked as a whole when a Job is created from it."""

    containers: Annotated[list[Container], Field(min_length=1, max_length=32)]
    """Containers; the first one runs the task and must set command, unless the role has an agent."""


class PodTemplate(_Open):
    """A PodTemplateSpec, as in a Job."""

    metadata: PodMetadata | None = None
    """Labels and annotations of the pods."""
    spec: PodSpec
    """What the pods run: a PodSpec, checked as a whole when a Job is created from it."""
