"""How many examples the property tests try: few enough for every run by default, many more with ``--deep``."""

from hypothesis import HealthCheck, settings

_USUAL = 100
DEEP = 30
"""How many times as many examples are tried with ``--deep``."""


def load(*, deep: bool) -> None:
    """Set what property tests do that say nothing else. No example is judged by how long it takes."""
    settings.register_profile("fast", max_examples=_USUAL, deadline=None)
    settings.register_profile("deep", max_examples=_USUAL * DEEP, deadline=None)
    settings.load_profile("deep" if deep else "fast")


def is_deep() -> bool:
    """Whether all that there is time for is tried."""
    return settings.get_current_profile_name() == "deep"


def tries(count: int) -> int:
    """So many examples; with ``--deep`` many more."""
    return count * DEEP if is_deep() else count


def examples(count: int) -> settings:
    """So many examples, the same each time; with ``--deep`` many more, and others each time."""
    return settings(
        max_examples=tries(count),
        derandomize=not is_deep(),
        database=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
