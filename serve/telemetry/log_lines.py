"""Log lines on standard error: text for a person, JSON for programs that collect logs."""

import logging

from almanac import log_lines
from almanac.log_lines import JsonLines, SafeTracebacks
from almanac.settings import Settings

QUIET = ("uvicorn.error", "psycopg.pool")


class TextLines(SafeTracebacks):
    """One readable line."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as text; control characters in a path are written as escapes."""
        fields = getattr(record, "fields", None)
        if fields is None:
            return super().format(record)
        path = ascii(fields["path"])[1:-1]
        return f"{fields['method']} {path} {fields['status']} {fields['ms']} ms"


def configure(settings: Settings) -> None:
    """Log to standard error from LOG_LEVEL on."""
    _omit_unused_attributes()
    level = settings.log_level
    formatter = JsonLines() if log_lines.writes_json(settings.log_format) else TextLines()
    quiet_level = "WARNING" if level == "INFO" else level
    log_lines.configure(level, formatter, levels=dict.fromkeys(QUIET, quiet_level))


def _omit_unused_attributes() -> None:
    """Leave position, thread and process out of records: to find them takes a third of a line's time."""
    logging._srcfile = None  # as "Optimization" in the logging HOWTO says
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
