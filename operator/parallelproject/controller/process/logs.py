"""Logs: one JSON object a line for machines, or plain lines for a terminal."""

import logging
import sys

from pythonjsonlogger.json import JsonFormatter

from parallelproject.controller.projects.project_source import WEBHOOK


def configure(as_json: bool, level: int) -> None:
    """Sends all logs to stderr.

    Args:
        as_json: One JSON object a line, with the fields time, level, logger, message and those of the line.
        level: The lowest level shown, as in ``logging``.
    """
    handler = logging.StreamHandler(sys.stderr)
    if as_json:
        renamed = {"asctime": "time", "levelname": "level", "name": "logger"}
        fields = "%(asctime)s %(levelname)s %(name)s %(message)s"
        # kopf puts its own objects into records; values that are not JSON are written as text.
        date = "%Y-%m-%dT%H:%M:%S%z"
        handler.setFormatter(JsonFormatter(fields, rename_fields=renamed, datefmt=date, json_default=str))
    else:
        handler.setFormatter(_Plain("%(asctime)s %(levelname)-7s %(message)s", "%H:%M:%S"))
    handler.addFilter(_without_traceback)
    handler.addFilter(_is_no_refusal)
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for chatty in ("kopf", "aiohttp", "asyncio"):
        logging.getLogger(chatty).setLevel(max(level, logging.WARNING))


def _without_traceback(record: logging.LogRecord) -> bool:
    """When kopf ends, as after a deletion of the CRD, the message is enough: it is restarted."""
    if record.name in ("kopf._core.reactor.orchestration", "kopf._core.reactor.running"):
        record.exc_info = record.exc_text = None
    return True


def _is_no_refusal(record: logging.LogRecord) -> bool:
    """kopf logs a project that the webhook refuses as an error. It is an error of the user, who gets the message."""
    return not (record.name == "kopf.objects" and f"'{WEBHOOK}' failed permanently" in str(record.msg))


class _Plain(logging.Formatter):
    """A line that names the project that it is about."""

    def formatMessage(self, record: logging.LogRecord) -> str:
        """The line, with ``namespace/project`` at its end if it is about a project."""
        line = super().formatMessage(record)
        project = getattr(record, "project", None)
        return f"{line}: {getattr(record, 'namespace', '')}/{project}" if project else line
