"""How deep data of a user is nested: too deep data cannot be serialised. Pure."""

from collections.abc import Iterable

from parallelproject.model.base import Model

DEPTH_MAX = 100
"""A PodTemplateSpec needs about 15 levels, a Workflow about 25."""


def is_deep(found: object) -> bool:
    """Whether something is nested more than ``DEPTH_MAX`` levels deep; checked without recursion."""
    level = [found]
    for _ in range(DEPTH_MAX):
        level = [child for node in level for child in _children(node)]
    return bool(level)


def _children(node: object) -> Iterable[object]:
    if isinstance(node, Model):
        return [*vars(node).values(), *(node.model_extra or {}).values()]
    return node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
