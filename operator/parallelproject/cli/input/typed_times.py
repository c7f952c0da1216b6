"""Times of the command line, such as ``30m``, in seconds. Pure."""

from parallelproject.cli.output.failure import Failure
from parallelproject.core.times import length
from parallelproject.model.spec import SECONDS_MAX

NO_LIMIT = "none"
"""A ``--task-timeout`` without a limit."""


def seconds(text: str | None, option: str = "--timeout") -> float | None:
    """A time such as ``30s``, ``5m``, ``1h30m`` or ``90`` in seconds; ``option`` gave it.

    Raises:
        Failure: the text is not a time.
    """
    if text is None:
        return None
    found = length(text)
    if found is None:
        raise Failure(f"{option} {text}: not a time", hint="as in 30s, 5m or 2h", code=2)
    return found


def whole_seconds(option: str, text: str | None) -> int | None:
    """A time that was typed, in seconds; at least one.

    Raises:
        Failure: the text is not a time.
    """
    if text is None:
        return None
    found = length(text)
    if not found or found > SECONDS_MAX:
        more = f", or {NO_LIMIT}" if option == "--task-timeout" else ""
        raise Failure(f"{option} {text}: not a time", hint=f"as in 90s, 30m or 2h{more}", code=2)
    return max(1, round(found))
