"""Errors of providers and agents, classified by their words or their HTTP status: one table for all agents.

An agent's own fields (a subtype, a status) come first; its words are for what has no field. The words are those
that the programs print, each seen in a recorded stream of ``tests/agents/streams`` or in the program's source.
"""

import re

from parallelproject.agents.record import AgentFinding, AgentOutcome, one_line
from parallelproject.agents.reset_time import reset_time

_SIGNS: tuple[tuple[AgentOutcome, str], ...] = (
    (AgentOutcome.FAILED, r"prompt is too long|context (?:length|window)|maximum context|input token count exceeds"),
    (AgentOutcome.BUDGET_HIT, r"maximum budget|budget ?(?:limit|exceeded|has been exceeded)|max[_ -]?budget"),
    (
        AgentOutcome.TURN_LIMIT,
        r"maximum (?:number of )?turns|max[_ -]?(?:session[_ -]?)?turns|turn limit|max iterations",
    ),
    (
        AgentOutcome.QUOTA_EXHAUSTED,
        r"insufficient[_ ](?:quota|credits?|balance|funds)|quota exceeded|exceeded your (?:current|monthly|daily) quota"
        r"|exhausted your (?:daily|monthly) quota|credit balance is too low|billing_(?:error|hard_limit)"
        r"|out of (?:credits|extra usage)|payment required|premium request (?:limit|allowance)"
        r"|free (?:allocated )?quota|terminalquotaerror",
    ),
    (
        AgentOutcome.RATE_LIMITED,
        r"rate[_ -]?limit|(?:usage|session|weekly|5-hour|daily|monthly|spend) limit|too many requests|\b429\b"
        r"|resource[_ ]exhausted|retryablequotaerror|you(?:'|’)ve hit your .{0,40}limit",
    ),
    (
        AgentOutcome.AUTH,
        r"invalid[_ ](?:x-)?api[_ -]?key|incorrect api key|api[_ ]key (?:not|is not|is invalid|expired)|authentication"
        r"|unauthori[sz]ed|unauthenticated|not (?:logged|signed) in|please (?:run )?/?log ?in|sign in|auth method"
        r"|failed to authenticate|permission[_ ](?:denied on resource|error)|oauth token|\b401\b|no api key"
        r"|must specify the \w+_api_key|missing .{0,20}api key|permission_denied|\b403 forbidden",
    ),
    (
        AgentOutcome.TRANSIENT,
        r"overloaded|\b5(?:00|02|03|04|29)\b|internal server error|server[_ ]error|service unavailable|bad gateway"
        r"|gateway time-?out|econnre(?:set|fused)|etimedout|enotfound|eai_again|socket hang up"
        r"|connection (?:to the api )?(?:error|reset|refused|was lost|closed|aborted)"
        r"|stream (?:disconnected|error|closed)|network error|fetch failed"
        r"|high demand|temporarily unavailable|timed? ?out|terminated|incomplete chunked|peer closed connection",
    ),
)
_TABLE = tuple((outcome, re.compile(words, re.IGNORECASE)) for outcome, words in _SIGNS)
_STATUS = {
    401: AgentOutcome.AUTH, 402: AgentOutcome.QUOTA_EXHAUSTED, 403: AgentOutcome.AUTH, 408: AgentOutcome.TRANSIENT,
    429: AgentOutcome.RATE_LIMITED,
    500: AgentOutcome.TRANSIENT, 502: AgentOutcome.TRANSIENT, 503: AgentOutcome.TRANSIENT,
    504: AgentOutcome.TRANSIENT, 529: AgentOutcome.TRANSIENT,
}  # fmt: skip
_WHOLE_MESSAGE = re.compile(
    r"\s*(?:failed to authenticate\. )?(?:"
    r"api error(?: \(|:)|claude(?: ai)? usage limit reached|you(?:'|’)ve hit your .{0,40}limit"
    r"|credit balance is too low|invalid api key|execution error|prompt is too long|please run /login"
    r"|\[?api error: |quota exceeded\.|exceeded retry limit|stream disconnected|you(?:'|’)re out of extra usage)",
    re.IGNORECASE,
)
_SOON = 3600.0
"""Seconds within which a quota that comes back is a rate limit."""
_ERROR_MESSAGE_MAX = 1000
"""Characters. A longer answer is one, whatever it begins with."""


def by_words(text: str, now: float) -> AgentFinding | None:
    """What an error message says; None where its words are not known."""
    for outcome, words in _TABLE:
        if words.search(text):
            reset = reset_time(text, now)
            if outcome is AgentOutcome.QUOTA_EXHAUSTED and reset is not None and reset - now <= _SOON:
                outcome = AgentOutcome.RATE_LIMITED  # Gemini calls a limit by the minute a quota, too
            return AgentFinding(outcome, one_line(text), reset)
    return None


def by_status(status: int | None, text: str, now: float) -> AgentFinding | None:
    """What an HTTP status and the message with it say; words that are more exact than the status come first."""
    outcome = _STATUS.get(status or 0)
    found = by_words(text, now)
    if found and (outcome is None or found.outcome in (AgentOutcome.QUOTA_EXHAUSTED, AgentOutcome.RATE_LIMITED)):
        return found
    return AgentFinding(outcome, one_line(text), reset_time(text, now)) if outcome else None


def error_of(text: str, now: float, status: int | None = None) -> AgentFinding:
    """An error, whatever it is about: AgentError where its words are not known."""
    found = by_status(status, text, now) if status else by_words(text, now)
    return found or AgentFinding(
        AgentOutcome.AGENT_ERROR, one_line(text) or "the agent reported an error without a message"
    )


def as_last_message(text: str | None, now: float) -> AgentFinding | None:
    """An error that an agent gave as its answer: short, and worded from its beginning as agents word errors."""
    if not text or len(text) > _ERROR_MESSAGE_MAX or not _WHOLE_MESSAGE.match(text):
        return None
    found = error_of(text, now)
    if found.outcome in (AgentOutcome.RATE_LIMITED, AgentOutcome.QUOTA_EXHAUSTED, AgentOutcome.AUTH):
        return found
    return found._replace(outcome=AgentOutcome.AGENT_ERROR)  # an answer proves no trouble of the provider
