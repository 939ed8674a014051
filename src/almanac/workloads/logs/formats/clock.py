"""What written times leave open: the year, and the zone with its repeated and missing hours."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import Any, Final
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from almanac.errors import UsageError

# Clocks of other machines may be ahead by a zone.
AHEAD: Final = timedelta(days=1)
# Back to the last 29 February.
MOST_YEARS: Final = 9
# Threads write a little out of order. What goes back further in a repeated hour is its second pass.
BACK: Final = np.timedelta64(60, "s")


@dataclass
class Clock:
    """How times of one file are understood.

    `year` is that of times without one, `zone` that of times without one; both may be unknown, then a time
    lies in the most recent year that is not in the future, and in UTC.
    """

    year: int | None = None
    zone: tzinfo | None = None
    now: datetime = field(default_factory=lambda: datetime.now(UTC))
    _last: np.datetime64 | None = None
    _is_second: bool = False

    def in_year(self, *rest: int) -> datetime | None:
        """Return a time without zone from month, day, hour, minute, second and microsecond, or None."""
        if self.year is not None:
            return _moment(self.year, *rest)
        latest = self.now.replace(tzinfo=None) + AHEAD
        moments = (_moment(self.now.year + 1 - back, *rest) for back in range(MOST_YEARS + 1))
        return next((moment for moment in moments if moment and moment <= latest), None)

    def localized(self, times: pa.Array) -> pa.Array:
        """Return instants of times without zone, in the order of the file.

        Of the hour that comes twice the second pass begins where times go back. The hour that is left out
        is taken as the one behind it.
        """
        if self.zone is None:
            return times.cast(pa.timestamp("us", "UTC"))
        written = pd.Series(times.to_numpy(zero_copy_only=False).astype("datetime64[us]"))
        first, second = (self._in_zone(written, np.full(len(written), which)) for which in (True, False))
        is_ambiguous = (first != second).to_numpy() & written.notna().to_numpy()
        if is_ambiguous.any():
            first = self._in_zone(written, ~self._second_passes(written.to_numpy(), is_ambiguous))
        elif len(written):
            self._is_second, self._last = False, None
        in_utc = first.dt.tz_convert("UTC").dt.tz_localize(None).to_numpy()
        return pa.array(in_utc, pa.timestamp("us"), from_pandas=True).cast(pa.timestamp("us", "UTC"))

    def _in_zone(self, written: pd.Series, is_summer: npt.NDArray[np.bool_]) -> pd.Series:
        try:
            later = pd.Timedelta(hours=1)
            times = written.dt.tz_localize(self.zone, ambiguous=is_summer, nonexistent=later)
        except ValueError:
            times = written.dt.tz_localize(self.zone, ambiguous=is_summer, nonexistent="shift_forward")
        return pd.Series(times)

    def _second_passes(
        self, written: npt.NDArray[np.datetime64], is_ambiguous: npt.NDArray[np.bool_]
    ) -> npt.NDArray[np.bool_]:
        """Return which of the ambiguous times belong to the second pass."""
        passes = np.zeros(len(written), np.bool_)
        for place, (moment, is_open) in enumerate(zip(written, is_ambiguous, strict=True)):
            if not is_open:
                self._is_second = False
            elif self._last is not None and moment < self._last - BACK:
                self._is_second = True
            self._last = moment if is_open else None
            passes[place] = self._is_second
        return passes


def zone_of(name: str) -> tzinfo | None:
    """Return the zone of a name such as Europe/Berlin, UTC or +02:00; None of no name. Raises UsageError."""
    if not name:
        return None
    try:
        if name[0] in "+-":
            return timezone(datetime.strptime(name, "%z").utcoffset() or timedelta(0))
        return ZoneInfo(name)
    except (ValueError, OSError, LookupError) as error:
        raise UsageError(
            f"Unknown time zone {name!r}. Name one as Europe/Berlin or America/New_York, UTC or +02:00."
        ) from error


def _moment(year: int, *rest: Any) -> datetime | None:
    try:
        return datetime(year, *rest)  # noqa: DTZ001  # its zone is the caller's
    except (ValueError, OverflowError, TypeError):
        return None
