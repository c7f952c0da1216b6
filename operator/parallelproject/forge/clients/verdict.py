"""The combined result of many checks. Pure."""

from collections.abc import Callable, Iterable, Mapping

from parallelproject.forge.clients.protocol import Checks

_WORST = (Checks.FAILED, Checks.PENDING, Checks.PASSED)


def worst(found: Iterable[Checks]) -> Checks:
    """The check that decides: a failure, else one that is not done yet."""
    present = set(found)
    return next((checks for checks in _WORST if checks in present), Checks.NONE)


def verdict(
    found: Mapping[str, Checks], required: Iterable[str], fits: Callable[[str, str], bool] = str.__eq__
) -> Checks:
    """The result of the checks of a commit.

    If the base requires some, those decide, and a missing one is pending. If it requires none, all existing checks
    decide.

    Args:
        found: By the check's name.
        required: The names, or patterns, that the base requires.
        fits: Whether a name matches a pattern.
    """
    patterns = list(required)
    if not patterns:
        return worst(found.values())
    return worst(
        worst([checks for name, checks in found.items() if fits(name, pattern)] or [Checks.PENDING])
        for pattern in patterns
    )
