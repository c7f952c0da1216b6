"""Argo's ``depends``: which tasks must have succeeded, if the expression says only that. Pure.

https://argo-workflows.readthedocs.io/en/latest/enhanced-depends-logic/: ``A`` stands for ``A.Succeeded || A.Skipped ||
A.Daemoned``; here no task is skipped or a daemon.
"""

import re

from parallelproject.model.problem import quoted

_TOKEN = re.compile(r"\s*(?:(&&|\|\||!|\(|\))|([A-Za-z0-9_][A-Za-z0-9_-]*)(?:\.([A-Za-z]+))?)")
_AS_GOOD = frozenset({"Skipped", "Daemoned", "Omitted"})
_LENGTH_MAX = 20_000
_DEPTH_MAX = 50


class DependsError(ValueError):
    """The expression has a condition other than the success of tasks."""


def succeeded(text: str) -> list[str]:
    """The tasks that an expression needs to have succeeded.

    Raises:
        DependsError: it is not an expression, or has another condition.
    """
    if len(text) > _LENGTH_MAX:
        raise DependsError("is too long")
    parser = _Parser(_tokens(text))
    names = parser.all_of(0)
    if parser.more():
        raise DependsError(f"{quoted(text)} is not an expression")
    return list(dict.fromkeys(names))


def _tokens(text: str) -> list[tuple[str, str, str]]:
    """(operator, name, state) each."""
    tokens, at = [], 0
    text = text.rstrip()
    while at < len(text):
        found = _TOKEN.match(text, at)
        if found is None:
            raise DependsError(f"{quoted(text[at:])} cannot be parsed")
        tokens.append((found[1] or "", found[2] or "", found[3] or ""))
        at = found.end()
    return tokens


class _Parser:
    """``A && (B.Succeeded || B.Skipped)``, by descent."""

    def __init__(self, tokens: list[tuple[str, str, str]]) -> None:
        self._tokens = tokens
        self._at = 0

    def more(self) -> bool:
        return self._at < len(self._tokens)

    def all_of(self, depth: int) -> list[str]:
        names = self._either(depth)
        while self._next("&&"):
            names += self._either(depth)
        return names

    def _either(self, depth: int) -> list[str]:
        """One operand; or one task's states with ``||`` between, of which one is Succeeded."""
        names, state = self._operand(depth)
        if not self._is("||"):
            if state in _AS_GOOD:
                raise DependsError(f"{names[0]}.{state} is never true here")
            return names
        states = {state}
        while self._next("||"):
            others, state = self._operand(depth)
            states.add(state)
            if others != names or len(names) != 1:
                raise DependsError("has || between tasks (any of them), which a project cannot express")
        if "Succeeded" not in states:
            raise DependsError(f"{names[0]} need not succeed, which a project cannot express")
        return names

    def _operand(self, depth: int) -> tuple[list[str], str]:
        if depth > _DEPTH_MAX:
            raise DependsError("is nested too deeply")
        if self._next("!"):
            raise DependsError("has a !, which a project cannot express")
        if self._next("("):
            names = self.all_of(depth + 1)
            if not self._next(")"):
                raise DependsError("has a ( that is not closed")
            return names, "Succeeded"
        if not self.more() or not self._tokens[self._at][1]:
            raise DependsError("ends too early" if not self.more() else "has an operator in the wrong place")
        _, name, state = self._tokens[self._at]
        self._at += 1
        state = state or "Succeeded"
        if state != "Succeeded" and state not in _AS_GOOD:
            raise DependsError(f"{name}.{state}: only success can be waited for here")
        return [name], state

    def _is(self, operator: str) -> bool:
        return self.more() and self._tokens[self._at][0] == operator

    def _next(self, operator: str) -> bool:
        found = self._is(operator)
        self._at += found
        return found
