"""What a spec says as a whole, found although some of its fields are wrong. Pure.

A misspelt field must not hide a cycle: what is wrong by itself is taken out, and the rest is checked as a graph. What
is then found may only come of the taking out (a dependency on a task whose id was refused); such findings are dropped.
"""

import copy
import re
from collections.abc import Iterable
from typing import Any

from pydantic import ValidationError

from parallelproject.core.graph.graph import compile_graph
from parallelproject.model.base import later_fields
from parallelproject.model.problem import Problem, ProblemsError, quoted
from parallelproject.model.spec import Spec

_ROUNDS = 30  # a part that is taken out may be one that its parent needs, and so on up
_NAMED = {"tasks": "id", "roles": "name", "retries": "id", "approvals": "id"}
"""Lists of which no item may go, since the places of others count them: by what an item is called."""
_ITEM = re.compile(r"^(.*)\[(\d+)\](.*)$", re.DOTALL)
_Path = tuple[int | str, ...]


class Salvage:
    """The part of a spec that can be used."""

    def __init__(self, data: object) -> None:
        self.spec: Spec | None = None
        """None where nothing can be."""
        self._refused: set[str] = set()
        """Names of tasks and roles that were taken out."""
        self._out: list[str] = []
        """Places of what was taken out."""
        self._shifts: dict[str, list[int]] = {}
        """By list: which of its items were taken out."""
        if isinstance(data, dict):
            self._spec(copy.deepcopy(data))

    def problems(self) -> list[Problem]:
        """What is wrong with the rest as a whole."""
        if self.spec is None:
            return []
        later = "is not available in this version"
        found = [Problem(at, f"{what} {later}", "remove it") for at, what in later_fields(self.spec, "spec")]
        try:
            compile_graph(self.spec)
        except ProblemsError as error:
            found += error.problems
        return self.sift(found)

    def sift(self, problems: Iterable[Problem]) -> list[Problem]:
        """Those of some problems of ``spec`` that do not come of the taking out, at the places of the whole."""
        kept = []
        for problem in problems:
            place = self._unshifted(problem.place)
            near = any(place.startswith(out) or out.startswith(f"{place}.") for out in self._out)
            if not near and not any(problem.found.startswith(quoted(name)) for name in self._refused):
                kept.append(Problem(place, problem.found, problem.hint, problem.reason, problem.severity))
        return kept

    def _spec(self, data: dict[str, Any]) -> None:
        for _ in range(_ROUNDS):
            try:
                self.spec = Spec.model_validate(data, by_name=False)
            except ValidationError as error:
                paths = {_reached(data, found["loc"]) for found in error.errors(include_url=False)}
                for path in sorted(paths, key=lambda path: [str(part).zfill(9) for part in path], reverse=True):
                    self._take_out(data, path)
            else:
                return

    def _take_out(self, data: dict[str, Any], path: _Path) -> None:
        """Takes a part out; an item whose name is wrong gets another one."""
        if not path:
            return
        self._out.append(_text(path))
        match path:
            case (str(items), int(index), *field) if field in ([], [_NAMED.get(items)]):
                key, old = _NAMED.get(items, ""), data[items][index]
                if key:
                    name = old.get(key) if isinstance(old, dict) else old
                    self._refused |= {str(name)} - {"None"}
                    data[items][index] = {**(old if isinstance(old, dict) else {}), key: f"refused-{index}"}
                    return
        at: Any = data
        for part in path[:-1]:
            try:
                at = at[part]
            except (KeyError, IndexError, TypeError):
                return  # a part of what has just been taken out
        if isinstance(at, list) and isinstance(path[-1], int) and path[-1] < len(at):
            del at[path[-1]]
            self._shifts.setdefault(_text(path[:-1]), []).append(path[-1])
        elif isinstance(at, dict):
            at.pop(str(path[-1]), None)

    def _unshifted(self, place: str) -> str:
        """A place, with the index that it has where nothing was taken out."""
        found = _ITEM.match(place)
        if found is None or found[1] not in self._shifts:
            return place
        index = int(found[2])
        for gone in sorted(self._shifts[found[1]]):
            index += gone <= index
        return f"{found[1]}[{index}]{found[3]}"


def _reached(data: object, path: Iterable[int | str]) -> _Path:
    """As much of pydantic's path as there is: its last parts may name a type, or a field that is missing."""
    reached: list[int | str] = []
    at: Any = data
    for part in path:
        if isinstance(at, dict) and part in at:
            at = at[str(part)]
        elif isinstance(at, list) and isinstance(part, int) and part < len(at):
            at = at[part]
        else:
            break
        reached.append(part)
    return tuple(reached)


def _text(path: Iterable[int | str]) -> str:
    return "spec" + "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
