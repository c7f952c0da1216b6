"""Texts that fit into the result of a container."""

import json

QUESTION_BYTES = 700
"""Most bytes of a question in a result, as JSON. The whole is in the log of the container ``git``."""


def start_of(text: str, most: int) -> str:
    """The start of a text, of at most so many bytes."""
    return text.encode(errors="replace")[: max(0, most)].decode(errors="ignore")


def end_of(text: str, most: int) -> str:
    """The end of a text, of at most so many bytes."""
    found = text.encode(errors="replace")
    return found[max(0, len(found) - max(0, most)) :].decode(errors="ignore")


def short(text: str, most: int) -> str:
    """The start of a text, of at most so many bytes as JSON."""
    cut = text
    while len(json.dumps(cut)) > most:
        cut = cut[: len(cut) * most // len(json.dumps(cut)) - 1]
    return cut if cut == text else f"{cut}…"
