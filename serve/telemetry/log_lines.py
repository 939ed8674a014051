"""What the server writes to standard error: words for a person, JSON for programs that collect logs."""

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Any

from fastapi.exceptions import ValidationException
from pydantic import ValidationError

INPUT_ERRORS = (ValidationError, ValidationException)


class WithoutInput(logging.Formatter):
    """Tracebacks that do not repeat what was sent: the message of a validation error holds it."""

    def formatException(self, ei: Any) -> str:  # the name of logging
        """Return the traceback, without the messages of validation errors."""
        text = super().formatException(ei)
        error = ei[1]
        while error is not None:
            if isinstance(error, INPUT_ERRORS):
                text = text.replace(str(error), "the message is left out, it may hold what was sent")
            error = error.__cause__ or error.__context__
        return text


class JsonLines(WithoutInput):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as JSON."""
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(),
            "level": record.levelname,
            "event": record.getMessage(),
        }
        line |= getattr(record, "fields", {})
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        return json.dumps(line)


class Words(WithoutInput):
    """One readable line."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as words; control characters in a path are written as escapes."""
        fields = getattr(record, "fields", None)
        if fields is None:
            return super().format(record)
        return f"{fields['method']} {ascii(fields['path'])[1:-1]} {fields['status']} {fields['ms']} ms"


def set_up(level: str) -> None:
    """Log to standard error from this level on."""
    _leave_out_what_no_line_has()
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(Words() if sys.stderr.isatty() else JsonLines())
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for chatty in ("uvicorn.error", "psycopg.pool"):
        logging.getLogger(chatty).setLevel("WARNING" if level == "INFO" else level)


def _leave_out_what_no_line_has() -> None:
    """Let records have no place in the source, thread and process: finding these takes a third of a line's time."""
    logging._srcfile = None  # as "Optimization" in the logging HOWTO says
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
