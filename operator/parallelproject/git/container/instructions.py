"""The instructions of containers and their results: JSON with the fields of our classes in camelCase."""

import json
import os
import re
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

from parallelproject.git.plumbing.outcome import DeliveryError, Outcome, PolicyError, TransientError

RESULT_MAX = 1536
"""Maximum bytes of a result. The kubelet keeps 4 KiB of a container's termination message, and 12 KiB per pod: with
this limit, those of eight containers fit."""
MESSAGE_MAX = 4096
"""Maximum bytes of a result and the outputs below it."""
T = TypeVar("T")


def parse(text: str) -> dict[str, Any]:
    """The fields of an instruction, in snake_case.

    Raises:
        PolicyError: it is not a JSON object.
    """
    try:
        content = _snake(json.loads(text))
    except ValueError:
        content = None
    if not isinstance(content, dict):
        raise PolicyError("InvalidInstruction", "the instruction is not a JSON object")
    return content


def as_type(kind: type[T], fields: Mapping[str, Any]) -> T:
    """The dataclass that these fields describe.

    Raises:
        PolicyError: they do not; the message names them.
    """
    from pydantic import TypeAdapter, ValidationError

    unknown = sorted(set(fields) - set(getattr(kind, "__dataclass_fields__", fields)))
    if unknown:
        raise PolicyError("InvalidInstruction", f"the instruction has unknown fields: {', '.join(unknown)}")
    try:
        return TypeAdapter(kind).validate_python(dict(fields))
    except ValidationError as error:
        found = ", ".join(".".join(map(str, found["loc"])) + f": {found['msg']}" for found in error.errors())
        raise PolicyError("InvalidInstruction", f"the instruction is not valid: {found}") from None


def of_error(error: Exception) -> tuple[int, dict[str, Any]]:
    """The exit code and the result of a step that failed."""
    if isinstance(error, DeliveryError):
        output = {"outcome": error.outcome, "reason": error.reason, "message": str(error)}
        return error.exit_code, shown({**output, "paths": error.paths, "ref": error.ref})
    # Without the message, which might contain a credential.
    frame = traceback.extract_tb(error.__traceback__)[-1]
    text = f"{type(error).__name__} in {Path(frame.filename).name}:{frame.lineno}"
    return TransientError.exit_code, shown({"outcome": Outcome.TRANSIENT, "reason": "InternalError", "message": text})


def asked(file: Path | None, variable: str) -> str:
    """The text of an instruction, from a file or an environment variable."""
    return file.read_text(encoding="utf-8") if file else os.environ.get(variable, "")


def answer(
    result: Mapping[str, Any],
    file: Path | None,
    most: int = RESULT_MAX,
    outputs: Mapping[str, str] = MappingProxyType({}),
    report: Callable[[int], str] | None = None,
) -> None:
    """Writes a result with a maximum size into a file, or to standard output.

    Below it are the outputs of the task, a line each: of a message that is cut, the result stays, and so do the first
    of them. The shortest come first, since those are used as values. Or there is a report of a gate below it, as it is.

    Args:
        result: Its fields.
        file: The file; None: standard output.
        most: Maximum bytes of the result.
        outputs: By name, the outputs.
        report: Gives the report, by the bytes that the result takes of the message.
    """
    text = encode(result, most)
    if report is not None:
        answer_text(f"{text}\n{report(len(text) + 1)}", file)
        return
    left = MESSAGE_MAX - len(text)
    lines = [f"\n{json.dumps([name, value])}" for name, value in outputs.items()]
    for line in sorted(lines, key=lambda each: (len(each), each)):
        if len(line) <= left:
            text += line
            left -= len(line)
    answer_text(text, file)


def answer_text(text: str, file: Path | None) -> None:
    """Writes a report into a file, or to standard output."""
    if file:
        file.write_text(text, encoding="utf-8")
    else:
        print(text)  # noqa: T201  the command's result


def encode(result: Mapping[str, Any], most: int = RESULT_MAX) -> str:
    """A result as JSON with a maximum size: long lists are cut, and their full length is added."""
    kept = dict(result)
    text = json.dumps(kept)
    lists = [key for key, value in kept.items() if isinstance(value, list)]
    while len(text) > most:
        longest = max(lists, key=lambda key: len(json.dumps(kept[key])), default=None)
        if longest is None or not kept[longest]:
            kept["message"] = str(kept.get("message", ""))[:300] + "…"
            return json.dumps(kept)
        kept.setdefault(f"{longest}Total", len(kept[longest]))
        kept[longest] = kept[longest][: len(kept[longest]) // 2]
        text = json.dumps(kept)
    return text


def shown(result: Mapping[str, Any]) -> dict[str, Any]:
    """A result's fields as they are written: camelCase, printable text, without empty values."""
    return {_camel(key): _text(value) for key, value in result.items() if value not in (None, (), "")}


def _text(value: Any) -> Any:
    if isinstance(value, (tuple, list)):
        return [_text(item) for item in value]
    if isinstance(value, dict):
        return shown(value)
    return value.encode(errors="replace").decode() if isinstance(value, str) else value


def _camel(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(part.capitalize() for part in rest)


def _snake(value: Any) -> Any:
    """Keys in snake_case, as the classes have them."""
    if isinstance(value, dict):
        return {re.sub(r"(?<!^)([A-Z])", r"_\1", str(key)).lower(): _snake(item) for key, item in value.items()}
    return [_snake(item) for item in value] if isinstance(value, list) else value
