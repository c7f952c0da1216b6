"""Points in time that come from others, such as a provider or a pod: any number may be given."""

from datetime import UTC, datetime

LAST = datetime(9999, 12, 31, tzinfo=UTC).timestamp()
"""The last one that can be written as a date, in seconds since the epoch."""


def moment(value: object) -> float | None:
    """A number of seconds since the epoch; None for anything else, and for one that cannot be written as a date."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= LAST:
        return None
    return float(value)
