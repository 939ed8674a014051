"""Log lines of server and laboratory: JSON for programs, text for a person at a terminal."""

import json
import logging
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

OMITTED = "the message is left out, because it may hold input"
Clean = Callable[[str], str]


def fields(**values: Any) -> dict[str, Any]:
    """Return the `extra` of a log call whose line carries these values."""
    return {"fields": values}


def unchanged(text: str) -> str:
    """Return a text that needs no cleaning."""
    return text


class SafeTracebacks(logging.Formatter):
    """Tracebacks without the messages of validation errors, which repeat the input."""

    def formatException(self, ei: Any) -> str:
        """Return the traceback."""
        text = super().formatException(ei)
        error = ei[1]
        while error is not None:
            if hasattr(error, "errors"):
                text = text.replace(str(error), OMITTED)
            error = error.__cause__ or error.__context__
        return text


class JsonLines(SafeTracebacks):
    """One JSON object a line: instant, level and event, then the fields of the record."""

    def __init__(self, clean: Clean = unchanged) -> None:
        super().__init__()
        self.clean = clean

    def members(self, record: logging.LogRecord) -> dict[str, Any]:
        """Return the members that every line has."""
        instant = datetime.fromtimestamp(record.created, UTC).isoformat()
        return {"time": instant, "level": record.levelname, "event": record.getMessage()}

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as JSON, cleaned."""
        line = self.members(record) | getattr(record, "fields", {})
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        return self.clean(json.dumps(line, default=str))


class TextLines(SafeTracebacks):
    """One readable line: time of day, level, event, and the fields as name=value."""

    def __init__(self, clean: Clean = unchanged) -> None:
        super().__init__("%(asctime)s %(levelname)-7s %(message)s", "%H:%M:%S")
        self.clean = clean

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as text, cleaned."""
        values = getattr(record, "fields", {})
        words = [super().format(record), *(f"{name}={value}" for name, value in values.items())]
        return self.clean(" ".join(words))


def configure(level: str, formatter: logging.Formatter, *, levels: Mapping[str, str]) -> None:
    """Log to standard error from `level` on; `levels` has the level of each logger that differs."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    # A log file that is added later may take lines from a lower level on.
    handler.setLevel(level)
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for name, own_level in levels.items():
        logging.getLogger(name).setLevel(own_level)


def writes_json(log_format: str) -> bool:
    """Return whether lines on standard error are JSON: by LOG_FORMAT=json, or because it is no terminal."""
    return log_format == "json" or not sys.stderr.isatty()
