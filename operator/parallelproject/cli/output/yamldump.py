"""YAML for people: long texts as blocks, lists of words on a line, no aliases, keys in their own order."""

import re
from typing import Any

import yaml

_NUMBER_LIKE = re.compile(r"[-+.]?[0-9][-+.:_0-9a-fA-FoOxX]*$|[yYnN]$")
"""Texts that some reader of YAML takes for a number or a boolean, although ours does not: put into quotes."""
_WIDTH = 110


class _Dumper(getattr(yaml, "CSafeDumper", yaml.SafeDumper)):  # type: ignore[misc]
    def ignore_aliases(self, data: Any) -> bool:
        return True


def _text(dumper: Any, text: str) -> Any:
    style = "|" if "\n" in text else "'" if _NUMBER_LIKE.match(text) else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


def _list(dumper: Any, items: list[Any]) -> Any:
    on_a_line = all(not isinstance(item, (list, dict)) and "\n" not in str(item) for item in items)
    return dumper.represent_sequence("tag:yaml.org,2002:seq", items, flow_style=on_a_line)


_Dumper.add_representer(str, _text)
_Dumper.add_representer(list, _list)


def as_yaml(data: Any) -> str:
    """Plain data as a YAML document."""
    text: str = yaml.dump(
        data, Dumper=_Dumper, sort_keys=False, default_flow_style=False, allow_unicode=True, width=_WIDTH
    )
    return text
