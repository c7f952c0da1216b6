"""The command that containers run: ``pproj-git prepare|deliver|land|salvage [FILE]``.

Its instruction is JSON: the fields of ``Delivery`` in camelCase, with ``workspace`` and ``private``, in FILE or in
``PPROJ_GIT``. Its result is JSON of at most 4 KiB, as a container's termination message may be. Exit codes: 0, and
those of ``outcome``; an error in the program itself is 25, since the work is where it was. ``deliver`` is ``land`` for
the container beside a task's: it waits for the command to end, and keeps what one that failed has left.
"""

import argparse
import json
import os
import re
import signal
import sys
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from parallelproject.git import sidecar
from parallelproject.git.delivery import Delivery, Place
from parallelproject.git.land import Landed, land
from parallelproject.git.outcome import DeliveryError, Outcome, PolicyError
from parallelproject.git.prepare import Prepared, prepare
from parallelproject.git.salvage import Salvaged, salvage
from parallelproject.git.sidecar import Failed, State

VARIABLE = "PPROJ_GIT"
RESULT_MAX = 4096
"""Most bytes of a result (kubelet's limit of a termination message)."""
_SIGNING_KEY = "signing-key"
"""In the folder of credentials: the key that commits on the branch are signed with."""
_INTERNAL = 25
_STEPS = ("prepare", "deliver", "land", "salvage")


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one step, and gives its exit code."""
    parser = argparse.ArgumentParser(prog="pproj-git", description="Deliver one attempt's work by git.")
    parser.add_argument("step", choices=_STEPS)
    parser.add_argument("file", nargs="?", type=Path, help=f"the instruction; without it, {VARIABLE} holds it")
    parser.add_argument("--result", type=Path, help="where the result is written; standard output without it")
    parser.add_argument("--state", type=Path, help="in a pod: the folder shared with the task's container")
    parser.add_argument("--tools", type=Path, help="in a pod: where prepare puts what runs the task's command")
    parser.add_argument("--busybox", type=Path, default=sidecar.BUSYBOX, help="the shell that prepare puts there")
    asked = parser.parse_args(arguments)
    if asked.step == "deliver" and not asked.state:
        parser.error("deliver needs --state")
    if asked.step == "prepare" and bool(asked.state) != bool(asked.tools):
        parser.error("--state and --tools go together")
    if asked.step in ("land", "salvage"):
        # Nothing is gained by stopping half-way: what is not safe yet would be lost.
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        delivery, place = read(asked.file.read_text() if asked.file else os.environ.get(VARIABLE, ""))
        code, result = 0, _shown(asdict(_step(asked, delivery, place)))
    except sidecar.StoppedError:
        return sidecar.STOPPED
    except DeliveryError as error:
        code = error.exit_code
        told = {"outcome": error.outcome, "reason": error.reason, "message": str(error)}
        result = _shown({**told, "paths": error.paths, "ref": error.ref})
    except Exception as error:
        code = _INTERNAL
        # Without the message: what is in it is not known, and it must hold no credential.
        frame = traceback.extract_tb(error.__traceback__)[-1]
        text = f"{type(error).__name__} in {Path(frame.filename).name}:{frame.lineno}"
        result = _shown({"outcome": Outcome.TRANSIENT, "reason": "InternalError", "message": text})
    text = encode(result)
    if asked.result:
        asked.result.write_text(text)
    else:
        print(text)  # noqa: T201  the command's result
    return code


def _step(asked: argparse.Namespace, delivery: Delivery, place: Place) -> Prepared | Landed | Salvaged | Failed:
    match asked.step:
        case "deliver":
            return sidecar.deliver(delivery, place, State(asked.state))
        case "prepare" if asked.state:
            return sidecar.prepare_pod(delivery, place, State(asked.state), asked.tools, asked.busybox)
        case "prepare":
            return prepare(delivery, place)
        case "land":
            return land(delivery, place)
        case _:
            return salvage(delivery, place)


def read(text: str) -> tuple[Delivery, Place]:
    """Reads an instruction.

    Raises:
        PolicyError: it is none; the message names the fields.
    """
    from pydantic import TypeAdapter, ValidationError

    try:
        content = _snake(json.loads(text))
        place = {name: content.pop(name, None) for name in ("workspace", "private")}
        unknown = sorted(set(content) - set(Delivery.__dataclass_fields__))
        if unknown:
            raise PolicyError("InvalidInstruction", f"the instruction has unknown fields: {', '.join(unknown)}")
        delivery = TypeAdapter(Delivery).validate_python(content)
        if delivery.credentials and not delivery.signing_key and (delivery.credentials / _SIGNING_KEY).is_file():
            delivery = replace(delivery, signing_key=delivery.credentials / _SIGNING_KEY)
        return delivery, TypeAdapter(Place).validate_python(place)
    except ValidationError as error:
        fields = ", ".join(".".join(map(str, found["loc"])) + f": {found['msg']}" for found in error.errors())
        raise PolicyError("InvalidInstruction", f"the instruction is not valid: {fields}") from None
    except (ValueError, TypeError, AttributeError):
        raise PolicyError("InvalidInstruction", "the instruction is not a JSON object") from None


def encode(result: Mapping[str, Any]) -> str:
    """A result as JSON of at most ``RESULT_MAX`` bytes: long lists are cut, with their full length beside them."""
    shown = dict(result)
    text = json.dumps(shown)
    lists = [key for key, value in shown.items() if isinstance(value, list)]
    while len(text) > RESULT_MAX:
        longest = max(lists, key=lambda key: len(json.dumps(shown[key])), default=None)
        if longest is None or not shown[longest]:
            shown["message"] = str(shown.get("message", ""))[:300] + "…"
            return json.dumps(shown)
        shown.setdefault(f"{longest}Total", len(shown[longest]))
        shown[longest] = shown[longest][: len(shown[longest]) // 2]
        text = json.dumps(shown)
    return text


def _shown(result: Mapping[str, Any]) -> dict[str, Any]:
    """A result's fields as they are written: camelCase, text that every reader takes, nothing that is empty."""
    return {_camel(key): _text(value) for key, value in result.items() if value not in (None, (), "")}


def _text(value: Any) -> Any:
    if isinstance(value, (tuple, list)):
        return [_text(item) for item in value]
    return value.encode(errors="replace").decode() if isinstance(value, str) else value


def _camel(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(part.capitalize() for part in rest)


def _snake(value: Any) -> Any:
    """Keys in snake_case, as the classes have them."""
    if isinstance(value, dict):
        return {re.sub(r"(?<!^)([A-Z])", r"_\1", str(key)).lower(): _snake(item) for key, item in value.items()}
    return value


if __name__ == "__main__":
    sys.exit(main())
