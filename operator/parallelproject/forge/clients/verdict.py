"""What many checks say together. Pure."""

from collections.abc import Callable, Iterable, Mapping

from parallelproject.forge.clients.protocol import Checks

_WORST = (Checks.FAILED, Checks.PENDING, Checks.PASSED)


def worst(found: Iterable[Checks]) -> Checks:
    """The one that decides: a failure, else one that is not done yet."""
    present = set(found)
    return next((checks for checks in _WORST if checks in present), Checks.NONE)


def verdict(
    found: Mapping[str, Checks], required: Iterable[str], fits: Callable[[str, str], bool] = str.__eq__
) -> Checks:
    """What the checks of a commit say.

    Where the base requires some, those decide, and one that has not shown up yet is pending. Where it requires none,
    all that have shown up decide.

    Args:
        found: By the check's name.
        required: The names, or patterns, that the base requires.
        fits: Whether a name is of a pattern.
    """
    patterns = list(required)
    if not patterns:
        return worst(found.values())
    return worst(
        worst([checks for name, checks in found.items() if fits(name, pattern)] or [Checks.PENDING])
        for pattern in patterns
    )
