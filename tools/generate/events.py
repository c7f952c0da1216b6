"""The reference of the events that ``pproj run -o json`` prints, as a Markdown page."""

from parallelproject.core.report.event_document import FIELDS, MEANINGS

_INTRODUCTION = """\
<!-- Generated from operator/parallelproject/core/report/event_document.py by `make generate`; don't edit. -->
# Events of a local run

`pproj run -o json` prints each event as one line of JSON on stdout, as soon as it happens. Stdout has nothing else;
notes and errors are on stderr. The last line is the event `Ended`.

```sh
pproj run -o json | jq -r 'select(.event == "TaskFailed") | .task'
```

```json
{"time": "2026-11-30T09:12:04.180Z", "project": "shop", "event": "Failed", "task": "backend", "attempt": 1,
 "reason": "ExitCode", "exitCode": 3, "seconds": 41.2, "retryInSeconds": 10.0,
 "log": "/home/ada/shop/.pproj/shop/logs/backend.1.log", "message": "backend: ExitCode 3 in attempt 1"}
```
"""


def events() -> str:
    """The page's text."""
    return "\n".join(
        [
            _INTRODUCTION,
            "## Fields",
            "",
            "A field that is empty or not known is absent. Others may be added; none changes its meaning.",
            "",
            *_table("Field", FIELDS),
            "",
            "## Events",
            "",
            *_table("Event", MEANINGS),
            "",
        ]
    )


def _table(head: str, rows: dict[str, str]) -> list[str]:
    return [f"| {head} | |", "|---|---|", *(f"| `{name!s}` | {text} |" for name, text in rows.items())]
