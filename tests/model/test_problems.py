"""What is wrong with a spec is said in words of YAML and JSON, not of Python."""

import re
from typing import Any

import pytest

from parallelproject.model.problem import ProblemsError
from parallelproject.model.project import parse_spec


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"tasks": {"a": 1}}, "spec.tasks: a mapping: input should be a valid list"),
        ({"tasks": ["a"]}, 'spec.tasks[0]: "a": input should be a mapping of fields'),
        ({"hooks": []}, "spec.hooks: a list: input should be a mapping of fields"),
        ({"git": "x"}, 'spec.git: "x": input should be a mapping of fields'),
    ],
)
def test_a_value_of_another_kind(fields: dict[str, Any], said: str) -> None:
    with pytest.raises(ProblemsError, match=re.escape(said)) as found:
        parse_spec(fields)
    assert "instance of" not in str(found.value)
