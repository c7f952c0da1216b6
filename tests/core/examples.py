"""How many examples the property tests try: enough for every run by default, many more with ``--deep``."""

from hypothesis import HealthCheck, settings

_USUAL = 100
_PROFILES = {"quick": _USUAL // 5, "usual": _USUAL, "deep": _USUAL * 30}
"""How many examples a property is tried with that says nothing else."""


def load(*, quick: bool, deep: bool) -> None:
    """Set how many are tried. No example is judged by how long it takes."""
    for name, count in _PROFILES.items():
        settings.register_profile(name, max_examples=count, deadline=None)
    settings.load_profile("deep" if deep else "quick" if quick else "usual")


def is_deep() -> bool:
    """Whether as many are tried as there is time for."""
    return settings.get_current_profile_name() == "deep"


def tries(count: int) -> int:
    """So many examples; fewer with ``--quick``, many more with ``--deep``."""
    return max(1, count * _PROFILES.get(settings.get_current_profile_name(), _USUAL) // _USUAL)


def examples(count: int) -> settings:
    """As ``tries``, and the same each time; with ``--deep`` others each time."""
    return settings(
        max_examples=tries(count),
        derandomize=not is_deep(),
        database=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
