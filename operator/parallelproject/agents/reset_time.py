"""When a limit ends, by the words of who reports it.

Seen: ``try again in 20s``, ``after 5h3m``, ``try again at 4:42 AM``, ``resets 3pm (Europe/Berlin)``,
``reached|1796009841``, ``retryDelay: 34s``, ``resets at 2026-11-30T04:42:00Z``, ``resets Dec 3, 9am``.
"""

import re
from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

from parallelproject.model.moment import moment

_EPOCH = re.compile(r"reached\|(\d{10})")
_ISO = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d)?(?:\.\d+)?(?:Z|[+-]\d\d:?\d\d))")
_UNIT = r"(?:d|days?|h|hrs?|hours?|m|mins?|minutes?|s|secs?|seconds?|ms)"
_IN = re.compile(
    rf"(?:\bin|after|retry-?after:?|retrydelay\W{{0,4}})\s*((?:\d+(?:\.\d+)?\s*{_UNIT}\b[\s,]*(?:and\s+)?)+)"
    rf"|(?:\bin|after|retry-?after:?|retrydelay\W{{0,4}})\s*((?:\d+(?:\.\d+)?{_UNIT})+)\b",
    re.IGNORECASE,
)
_PART = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|[dhms])", re.IGNORECASE)
_SECONDS = {"d": 86400.0, "h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
_AT = re.compile(
    r"(?:at|resets?(?: at| on)?|until)\s+(?:(?P<month>[A-Z][a-z]{2,8})\.? (?P<day>\d{1,2})(?:st|n[d]|rd|th)?,?"
    r"(?: (?P<year>\d{4}),?)?(?: at)? )?(?P<hour>\d{1,2})(?::(?P<minute>\d\d))? ?(?P<half>[AaPp][Mm])"
    r"(?: \((?P<zone>[A-Za-z_]+(?:/[A-Za-z_]+)*)\))?"
)

_JUST_PASSED = timedelta(minutes=2)
"""A time of day that has passed by less than this is meant: it was reported before. Else the next one is meant."""


def reset_time(text: str, now: float) -> float | None:
    """The time, in seconds since the epoch; None where none is given, or one that does not exist.

    Args:
        text: The message.
        now: Seconds since the epoch: what is relative counts from here, a time of day is the next one, or one that has
            just passed. Without a zone it is one of this machine.
    """
    try:
        at = _found(text, now)
    except (ValueError, OverflowError, OSError):
        return None
    return moment(at)


def _found(text: str, now: float) -> float | None:
    if found := _EPOCH.search(text):
        return float(found[1])
    if found := _IN.search(text):
        parts = _PART.findall(found[1] or found[2])
        return now + sum(float(number) * _SECONDS[unit.lower()] for number, unit in parts)
    if found := _ISO.search(text):
        return datetime.fromisoformat(found[1].replace("Z", "+00:00")).timestamp()
    if found := _AT.search(text):
        return _at(found, now)
    return None


def _at(found: re.Match[str], now: float) -> float | None:
    zone: tzinfo | None = None
    if found["zone"]:
        try:
            zone = ZoneInfo(found["zone"]) if found["zone"] != "UTC" else UTC
        except (KeyError, ValueError, OSError):
            zone = None
    here = datetime.fromtimestamp(now, zone)
    hour = int(found["hour"]) % 12 + (12 if found["half"].lower() == "pm" else 0)
    at = here.replace(hour=hour, minute=int(found["minute"] or 0), second=0, microsecond=0)
    if found["month"]:
        month = datetime.strptime(found["month"][:3], "%b").month
        at = at.replace(month=month, day=int(found["day"]), year=int(found["year"] or here.year))
        if not found["year"] and at < here - timedelta(days=1):
            at = at.replace(year=here.year + 1)
    elif at <= here - _JUST_PASSED:
        at += timedelta(days=1)
    return at.timestamp()
