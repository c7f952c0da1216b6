"""Commit messages: a task's text, and below it the trailers that identify its task. Pure.

Trailers are found by git's own rules (git-interpret-trailers(1)). A task's text cannot forge one of our trailers: lines
that look like one are removed before ours are added.
"""

import re
from collections.abc import Mapping

RUN = "Parallel-Run"
TASK = "Parallel-Task"
ATTEMPT = "Parallel-Attempt"
REPAIR = "Parallel-Repair"
"""Only of commits that repair what a task has landed: the number of the repair."""
REVERT = "Parallel-Revert"
"""Only of commits that take out the work of tasks: their number in the run."""
REVERTED = "Parallel-Reverted"
"""Only of these: the ids of the tasks, with blanks between them."""

_SUBJECT_MAX = 200
_BODY_MAX = 20_000
# git takes a key in any case, and spaces before the colon.
_OURS = re.compile(r"\s*parallel-[a-z0-9-]*\s*:", re.IGNORECASE)
# git ignores everything below such a line (wt_status_locate_end), including our trailers.
_SCISSORS = re.compile(r"# -+ >8 -+")
_TRAILER = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]*: \S")
_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")


def message(title: str, body: str, trailers: Mapping[str, str]) -> str:
    """A commit's message.

    Args:
        title: The first line; longer or of several lines, it is cut.
        body: Any text. Other trailers at its end (``Co-authored-by``) stay trailers.
        trailers: Ours, each of one line.
    """
    subject = " ".join(_without_ours(title).split()) or "Task"
    subject = subject if len(subject) <= _SUBJECT_MAX else subject[: _SUBJECT_MAX - 1] + "…"
    text = _without_ours(body[:_BODY_MAX]).strip()
    ours = "\n".join(f"{key}: {value}" for key, value in trailers.items())
    paragraphs = [subject, *([text] if text else [])]
    last = re.split(r"\n\s*\n", text)[-1] if text else ""
    joint = "\n" if last and all(_TRAILER.match(line) for line in last.split("\n")) else "\n\n"
    return "\n\n".join(paragraphs) + joint + ours + "\n"


def _without_ours(text: str) -> str:
    lines = _UNPRINTABLE.sub("", text.replace("\r\n", "\n").replace("\r", "\n")).split("\n")
    # Without the blanks before it: of the first line they are removed later, also those that git takes for letters.
    return "\n".join(
        line.rstrip() for line in lines if not any(each.match(line.lstrip()) for each in (_OURS, _SCISSORS))
    )
