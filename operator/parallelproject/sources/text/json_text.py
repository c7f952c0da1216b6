"""JSON from strangers: strict, bounded, every error with its line and column. Knows no format."""

import json
import math
import re
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from parallelproject.model.problem import quoted
from parallelproject.sources.text.findings import Findings

DEPTH_MAX = 100
DIGITS_MAX = 100

_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|(-?(?:NaN|Infinity|\d[-+.\deE]*))', re.DOTALL)
_SURROGATE = re.compile("[\ud800-\udfff]")


class _NumberError(ValueError):
    """A number that JSON or we do not take."""

    def __init__(self, literal: str) -> None:
        super().__init__(literal)
        self.literal = literal


def parse(text: str, findings: Findings, *, exact: bool = True, first_line: int = 1) -> Any:
    """Reads one JSON value.

    Args:
        text: The text, without a byte order mark.
        findings: Where to note what is wrong; a key given twice is a warning.
        exact: Whether fractions come as Decimal, so that an id ``1.10`` keeps its zero.
        first_line: Line of the file on which the text starts.

    Raises:
        ProblemsError: not JSON (NaN and Infinity are not), a number of more than ``DIGITS_MAX`` digits or
            out of range, or nested deeper than ``DEPTH_MAX``.
    """

    def number(literal: str) -> object:
        if len(literal) > DIGITS_MAX or not math.isfinite(float(literal)):
            raise _NumberError(literal)
        if literal.lstrip("-").isdigit():
            return int(literal)
        return Decimal(literal) if exact else float(literal)

    def constant(literal: str) -> object:
        raise _NumberError(literal)

    twice: dict[str, None] = {}

    def mapping(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        made = dict(pairs)
        if len(made) < len(pairs):
            seen: set[str] = set()
            for key, _ in pairs:
                if key in seen:
                    twice[key] = None
                seen.add(key)
        return made

    try:
        data = json.loads(
            text, parse_int=number, parse_float=number, parse_constant=constant, object_pairs_hook=mapping
        )
    except json.JSONDecodeError as error:
        place = findings.line(error.lineno + first_line - 1, error.colno)
        found = error.msg[0].lower() + error.msg[1:]
        findings.stop(place, f"not JSON: {found}", _hint(error))
    except _NumberError as error:
        place = _place_of(error.literal, text, findings, first_line)
        findings.stop(place, f"{quoted(error.literal, 40)} is not a usable number")
    except RecursionError:
        findings.stop(findings.line(first_line), f"nested deeper than {DEPTH_MAX} levels", "flatten it")
    for key in twice:
        place = findings.line(first_line) if first_line > 1 else findings.file
        findings.warn(place, f"an object has {quoted(key)} twice; the last one counts", "remove the others")
    check(data, findings, findings.line(first_line))
    return data


def check(data: object, findings: Findings, place: str, *, surrogates: bool = False) -> None:
    """Makes sure that data can be walked through recursively, and on request written as UTF-8.

    Raises:
        ProblemsError: nested deeper than ``DEPTH_MAX``; or with ``surrogates``, a text has a lone one.
    """
    level: list[object] = [data]
    for _ in range(DEPTH_MAX):
        below: list[object] = []
        for value in level:
            inner: Iterable[object] = ()
            if isinstance(value, dict):
                inner = [*value, *value.values()]
            elif isinstance(value, list):
                inner = value
            elif surrogates and isinstance(value, str) and _SURROGATE.search(value):
                findings.stop(place, f"{quoted(value)} contains half a character (a lone surrogate)", "remove it")
            below.extend(inner)
        level = below
        if not level:
            return
    findings.stop(place, f"nested deeper than {DEPTH_MAX} levels", "flatten it")


def _hint(error: json.JSONDecodeError) -> str:
    before = error.doc[: error.pos].rstrip()
    after = error.doc[error.pos : error.pos + 1]
    if before.endswith(",") and after in ("]", "}", ""):
        return "remove the comma before it"
    if not after:
        return "the text ends too early; is the file complete?"
    return "give --format if it is not a JSON file" if error.pos == 0 else ""


def _place_of(literal: str, text: str, findings: Findings, first_line: int) -> str:
    for token in _TOKEN.finditer(text):
        if token[1] is not None and token[1].startswith(literal):
            before = text[: token.start()]
            return findings.line(before.count("\n") + first_line, token.start() - before.rfind("\n"))
    return findings.line(first_line)
