"""How many examples the property tests of the core try.

By default few enough for every run, and the same each time; HYPOTHESIS_PROFILE=thorough tries many more, and others.
"""

import os

from hypothesis import HealthCheck, settings

THOROUGH = os.environ.get("HYPOTHESIS_PROFILE") == "thorough"


def examples(count: int) -> settings:
    return settings(
        max_examples=count * 30 if THOROUGH else count,
        derandomize=not THOROUGH,
        deadline=None,
        database=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
