"""Repeat a command at each full interval, for `--every`."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from almanac.cli import show
from almanac.errors import AlmanacError, UsageError
from almanac.runner.slots import slot_of
from almanac.store.connections.database import connection_lost

UNITS = {"s": 1, "m": 60, "h": 3600}


def interval(text: str) -> timedelta:
    """Return a duration such as 90s, 10m or 6h; raises UsageError."""
    number, unit = text[:-1], text[-1:]
    if unit not in UNITS or not number.isdigit() or int(number) == 0:
        raise UsageError(f"'{text}' is not a duration. Write a number and s, m or h, for example 10m.")
    try:
        duration = timedelta(seconds=int(number) * UNITS[unit])
        seconds_until_next(duration)
    except OverflowError as error:
        raise UsageError(f"'{text}' is longer than the calendar.") from error
    return duration


def repeat(command: Callable[[], None], every: timedelta) -> None:
    """Call `command` at each full interval until interrupted.

    A command that fails, or whose database closes the connection, shows its error and is called again.
    """
    while True:
        try:
            command()
        except UsageError:
            raise
        except Exception as error:
            expected = error if isinstance(error, AlmanacError) else connection_lost(error)
            if expected is None:
                raise
            show.error(str(expected))
        time.sleep(seconds_until_next(every))


def seconds_until_next(every: timedelta) -> float:
    """Return the seconds until the next full interval begins."""
    now = datetime.now(UTC)
    return max(0.0, (slot_of(now, every) + every - now).total_seconds())
