# ruff: noqa: DTZ001  # times without a zone are what is tested
"""Times without a year or a zone: the latest year that is not ahead, summer time, and order."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from almanac.errors import UsageError
from almanac.workloads.logs import formats
from almanac.workloads.logs.formats import times
from almanac.workloads.logs.formats.clock import Clock, zone_of

NOVEMBER = datetime(2026, 11, 30, 12, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")


def read(*lines: str, **options: Any) -> list[datetime]:
    parts = formats.parse(["".join(f"{line}\n" for line in lines).encode()], **options)
    return [row["event_time"] for part in parts for row in part.entries.to_pylist()]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Dec 31 23:59:58", datetime(2025, 12, 31, 23, 59, 58)),
        ("Nov 30 11:59:58", datetime(2026, 11, 30, 11, 59, 58)),
        ("Dec  1 06:00:00", datetime(2026, 12, 1, 6)),
        ("Dec  2 06:00:00", datetime(2025, 12, 2, 6)),
        ("Jan  1 00:00:00", datetime(2026, 1, 1)),
        ("Feb 29 00:00:00", datetime(2024, 2, 29)),
    ],
)
def test_a_time_without_a_year_is_the_latest_that_is_not_ahead(text: str, expected: datetime) -> None:
    assert times.one_with_month(text, Clock(now=NOVEMBER)) == expected


def test_the_year_of_the_user_counts() -> None:
    assert read("Dec 31 23:59:58 web1 app: x", year=2015) == [datetime(2015, 12, 31, 23, 59, 58, tzinfo=UTC)]


@given(st.datetimes(datetime(2018, 3, 1), datetime(2026, 11, 30)))
def test_no_time_without_a_year_lies_ahead(moment: datetime) -> None:
    read_as = times.one_with_month(f"{moment:%b %d %H:%M:%S}", Clock(now=NOVEMBER))
    assert read_as is not None
    assert read_as <= NOVEMBER.replace(tzinfo=None) + timedelta(days=1)
    assert (read_as.month, read_as.day) == (moment.month, moment.day)


@pytest.mark.parametrize(
    ("zone", "hour"), [("", 6), ("UTC", 6), ("Europe/Berlin", 4), ("America/New_York", 10), ("+05:30", 0)]
)
@pytest.mark.parametrize(
    "line",
    [
        "2025-04-15 06:00:00,000 INFO app.db: x",
        "Apr 15 06:00:00 web1 app: x",
        '{"time": "2025-04-15 06:00:00", "msg": "x"}',
        "2025/04/15 06:00:00 [error] 1#2: x",
    ],
)
def test_a_time_without_a_zone_is_in_the_zone_of_the_user(line: str, zone: str, hour: int) -> None:
    (moment,) = read(line, timezone=zone, year=2025)
    assert (moment.day, moment.hour) == (15, hour)


@pytest.mark.parametrize(
    "line",
    [
        "2025-04-15T06:00:00Z web1 app: x",
        '{"time": "2025-04-15T06:00:00Z", "msg": "x"}',
        '{"ts": 1744696800, "msg": "x"}',
    ],
)
def test_a_time_with_a_zone_is_left_as_it_is(line: str) -> None:
    assert read(line, timezone="America/New_York") == [datetime(2025, 4, 15, 6, tzinfo=UTC)]


@pytest.mark.parametrize("form", ["%Y-%m-%d %H:%M:%S,000 INFO app.db: x", "%b %d %H:%M:%S web1 app: x"])
@pytest.mark.parametrize("step", [1, 10, 29])
def test_the_repeated_hour_is_told_apart_by_order(form: str, step: int) -> None:
    begin = datetime(2025, 10, 25, 23, 0, tzinfo=UTC)
    written = [begin + timedelta(minutes=minute) for minute in range(0, 240, step)]
    lines = [moment.astimezone(BERLIN).strftime(form) for moment in written]
    assert read(*lines, timezone="Europe/Berlin", year=2025) == written


def test_the_missing_hour_is_not_lost() -> None:
    lines = [f"2025-03-30 02:{minute:02d}:00,000 INFO app.db: x" for minute in (0, 30, 59)]
    moments = read(*lines, timezone="Europe/Berlin")
    assert moments == [datetime(2025, 3, 30, 1, minute, tzinfo=UTC) for minute in (0, 30, 59)]


@given(
    st.datetimes(datetime(2000, 1, 1), datetime(2026, 1, 1)),
    st.sampled_from(["Europe/Berlin", "Australia/Lord_Howe", "UTC"]),
)
def test_every_time_of_a_zone_is_some_instant(moment: datetime, zone: str) -> None:
    (instant,) = read(f"{moment:%Y-%m-%d %H:%M:%S},000 INFO app.db: x", timezone=zone)
    ahead = moment.replace(microsecond=0, tzinfo=UTC) - instant
    assert timedelta(hours=-1) <= ahead <= timedelta(hours=12)


@pytest.mark.parametrize("name", ["Europe/Nowhere", "+25:99", "../etc/passwd", "CET+", "\0"])
def test_an_unknown_zone_is_refused_by_its_name(name: str) -> None:
    with pytest.raises(UsageError, match="Unknown time zone"):
        zone_of(name)
