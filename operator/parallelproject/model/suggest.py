"""The known name that is closest to one that is not known: ``did you mean "api-schema"?``. Pure."""

import difflib
from collections.abc import Sequence

from parallelproject.model.problem import quoted


def did_you_mean(word: str, words: Sequence[str]) -> str:
    """The fix for a name that is not known: the closest known one, if any is close."""
    # difflib is quadratic in the length of words, and their number is bounded by nobody: look at near ones.
    near = [w for w in words if abs(len(w) - len(word)) <= 3 and w[:1].lower() == word[:1].lower()][:500]
    # One slip is always close; difflib, which looks for long common parts, can miss it in short words.
    close = sorted((w for w in near if _is_one_edit(word, w)), reverse=True) or difflib.get_close_matches(
        word, near, n=1, cutoff=0.6
    )
    return f"did you mean {quoted(close[0])}?" if close else ""


def _is_one_edit(a: str, b: str) -> bool:
    """Whether one letter added, removed or changed makes one word of the other."""
    short, long = sorted((a, b), key=len)
    if len(long) - len(short) > 1:
        return False
    at = next((i for i, (x, y) in enumerate(zip(short, long, strict=False)) if x != y), len(short))
    return long[at + 1 :] in (short[at:], short[at + 1 :])
