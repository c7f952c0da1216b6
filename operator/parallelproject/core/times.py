"""Times as Kubernetes writes them (RFC 3339, whole seconds, UTC) and as the core counts them (epoch seconds)."""

import re
from datetime import UTC, datetime
from functools import lru_cache

from parallelproject.model.moment import moment

_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)?")
_UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400}


@lru_cache(maxsize=4096)
def iso(seconds: int) -> str:
    """``2026-11-21T11:37:00Z``."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@lru_cache(maxsize=4096)
def epoch(text: str | None) -> float | None:
    """Seconds since the epoch; None for a value that is absent, is not a time, or could not be written again."""
    try:
        seconds = datetime.fromisoformat(text).timestamp() if isinstance(text, str) else -1.0
    except (ValueError, OverflowError):
        return None
    return moment(seconds)


def doubling(first: float, failures: int, longest: float) -> float:
    """Seconds to wait after a number of failures in a row: doubled with each failure."""
    return min(first * 2.0 ** min(max(failures - 1, 0), 64), longest)


def duration(seconds: float) -> str:
    """A duration for people: ``0.4 s``, ``12 s``, ``3 min 20 s``, ``2 h 5 min``."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def length(text: str) -> float | None:
    """A length as people type it (``30s``, ``5m``, ``1h30m``, ``90``) in seconds; None where it is none."""
    parts = _PART.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text.strip():
        return None
    return float(sum(float(number) * _UNITS[unit or "s"] for number, unit in parts))
