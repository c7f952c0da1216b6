"""Values in an Argo Workflow as text, and the items of a loop. Pure."""

import json


def scalar(value: object) -> str:
    """A value as Argo puts it into text: as JSON, but texts as they are."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def expanded(item: object, name: str) -> str | None:
    """What ``item`` or ``item.key`` stands for; None where the item has no such part."""
    if item is None:
        return None
    if name == "item":
        return scalar(item)
    key = name.removeprefix("item.")
    return scalar(item[key]) if isinstance(item, dict) and key in item else None
