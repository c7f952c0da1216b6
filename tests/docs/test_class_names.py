"""A class name stands once in the package: who reads it in one room must not think of another's."""

import ast
from collections import defaultdict
from pathlib import Path

PACKAGE = Path(__file__).parents[2] / "operator" / "parallelproject"
OF_THEIR_FILE = frozenset({"_Reader"})
"""Private names that mean "the one of this file", and nothing else."""


def test_a_class_name_stands_once_in_the_package() -> None:
    found: dict[str, list[str]] = defaultdict(list)
    for file in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.ClassDef):
                found[node.name].append(f"{file.relative_to(PACKAGE)}:{node.lineno}")
    assert len(found) > 200
    twice = {name: places for name, places in found.items() if len(places) > 1}
    assert {name: places for name, places in twice.items() if name not in OF_THEIR_FILE} == {}
