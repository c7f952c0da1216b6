"""The CustomResourceDefinition as YAML."""

import yaml

from parallelproject.model.crd import crd

HEADER = "# Generated from operator/parallelproject/model by `make generate`; don't edit.\n"


def crd_file() -> str:
    """The file that ``kubectl apply`` takes."""
    return HEADER + crd_text()


def crd_text() -> str:
    """The object alone."""
    return yaml.safe_dump(crd(), sort_keys=False, allow_unicode=True, width=100)
