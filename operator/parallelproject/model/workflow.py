"""What is checked of the Argo Workflow that a role runs. Argo's own controller checks the rest."""

from typing import Annotated

from pydantic import ConfigDict, Field, StrictBool

from parallelproject.model.base import Model


class WorkflowTemplateRef(Model):
    """A WorkflowTemplate of the project's namespace, or a ClusterWorkflowTemplate."""

    name: Annotated[str, Field(min_length=1, max_length=253)]
    """Name of the template."""
    cluster_scope: StrictBool = False
    """Whether it is a ClusterWorkflowTemplate."""


class WorkflowSpec(Model):
    """The spec of a Workflow: the fields below are checked, all others are kept as they are."""

    model_config = ConfigDict(extra="allow")

    entrypoint: Annotated[str, Field(min_length=1, max_length=253)]
    """Name of the template that is run first."""
