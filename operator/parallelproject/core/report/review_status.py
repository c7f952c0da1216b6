"""The record of a followed pull request in a status, as it is written and read. Pure."""

import json
from collections.abc import Mapping
from typing import Any

from parallelproject.core.review.following import FollowRecord
from parallelproject.core.verification.packed_lines import pack, unpack_whole
from parallelproject.model.verification_status import TEXT_MAX

Json = dict[str, Any]

_RECORD_MAX = 16_000_000
"""Maximum bytes of a record that is read."""
_PIECES_MAX = 2
"""Of a record; the texts of findings are dropped from a larger one."""


def render_review(record: FollowRecord) -> Json:
    """The field ``review`` of a status."""
    text = pack(json.dumps(record.to_json()))
    if len(text) > TEXT_MAX * _PIECES_MAX:
        text = pack(json.dumps(_without_texts(record.to_json())))
    found: Json = {
        "attempts": record.number,
        "record": [text[at : at + TEXT_MAX] for at in range(0, len(text), TEXT_MAX)][:_PIECES_MAX],
    }
    if record.url:
        found["url"] = record.url
    if record.state.repairs:
        found["rounds"] = [{"task": task, "rounds": len(each)} for task, each in record.state.repairs.items()]
    return found


def read_review(status: Mapping[str, Any]) -> FollowRecord:
    """The record in a status. One that is not in our format is none: it is followed from the start."""
    found = status.get("review")
    if not isinstance(found, Mapping):
        return FollowRecord()
    try:
        return FollowRecord.from_json(json.loads(unpack_whole("".join(found["record"]), _RECORD_MAX)))
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError):
        return FollowRecord()


def _without_texts(record: Json) -> Json:
    for repairs in record["state"]["repairs"].values():
        for repair in repairs:
            repair["findings"] = [{**one, "text": ""} for one in repair["findings"]]
    return record
