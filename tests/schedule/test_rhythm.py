"""Rhythms: texts of schedules, and slots over changes of the clock, leap days and a whole year."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from almanac import discovery
from almanac.errors import UsageError
from almanac.runner.schedule import reading
from almanac.runner.schedule.rhythm import Arrival, CatchUp, Rhythm
from tests.stub import STUB

STOCKHOLM = ZoneInfo("Europe/Stockholm")
CHAIN = "collect 01:00, train 02:00, evaluate+predict 03:00 Europe/Stockholm"


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def of(text: str, entries: str = "") -> list[Rhythm]:
    return reading.of_workload(STUB.model_copy(update={"entries": entries}), text)


def daily(time: str, zone: str = "Europe/Stockholm") -> Rhythm:
    return of(f"train {time} {zone}")[0]


def hours(rhythm: Rhythm, after: str, until: str) -> list[str]:
    return [f"{slot:%dT%H:%M}" for slot in rhythm.between(at(after), at(until), 100)]


def test_an_interval_is_the_schedule_that_runs_by_hand_belong_to() -> None:
    assert of("6h") == [Rhythm("stub", "default", (), timedelta(hours=6))]
    assert of("predict+collect every 10m")[0].steps == ("collect", "predict")


def test_each_link_of_a_chain_follows_the_one_before() -> None:
    links = [(link.name, link.steps, link.upstream) for link in of(CHAIN)]
    assert links == [
        ("collect", ("collect",), ""),
        ("train", ("train",), "collect"),
        ("evaluate+predict", ("evaluate", "predict"), "train"),
    ]


def test_parts_arrival_and_catch_up_stand_side_by_side() -> None:
    text = "collect+predict 10m on_arrival(rows=1000, seconds=30); train sun 03:30 UTC; catch-up all 3"
    fast, slow = of(text, "entries")
    assert fast.arrival == Arrival(1000, 30.0)
    assert (slow.cron, slow.words) == ("30 3 * * sun", "sun 03:30 UTC")
    assert fast.catch_up == slow.catch_up == CatchUp("all", 3)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("hourly", "neither an interval nor local times with a zone"),
        ("0h", "not between a second and a week"),
        ("8000000s", "neither an interval"),
        ("200h", "not between a second and a week"),
        ("train 25:00 UTC", "neither an interval"),
        ("train 01:00", "neither an interval"),
        ("train 01:00 Europe/Atlantis", "zone 'Europe/Atlantis' is unknown"),
        ("train 01:00 ../../etc/passwd", "zone '../../etc/passwd' is unknown"),
        ("train+train 1h", "names a step twice"),
        ("10m on_arrival(rows=0, seconds=5)", "needs at least one row"),
        ("10m on_arrival(rows=1, seconds=700)", "seconds between 1 and the interval"),
        ("10m on_arrival(rows=1, seconds=1)", "has no entries that arrive"),
        ("6h; catch-up all 0", "write 'catch-up none'"),
        ("6h; 5m", "two parts of the same steps"),
        (";", "is empty"),
    ],
)
def test_a_text_that_cannot_be_read_is_refused_with_the_variable_the_part_and_examples(
    text: str, reason: str
) -> None:
    with pytest.raises(UsageError) as refused:
        of(text, "" if "no entries" in reason else "entries")
    message = str(refused.value)
    assert message.startswith("The schedule of 'stub' (ALMANAC_SCHEDULE_STUB)")
    assert reason in message


def test_a_variable_of_no_workload_is_refused() -> None:
    with pytest.raises(UsageError, match="ALMANAC_SCHEDULE_FOTBALL names no workload"):
        reading.rhythms({"ALMANAC_SCHEDULE_FOTBALL": "1h"})


def test_a_variable_takes_the_place_of_the_contract_and_off_is_no_schedule() -> None:
    environment = {f"ALMANAC_SCHEDULE_{name.upper()}": "off" for name in discovery.names()}
    assert reading.rhythms(environment) == []
    (only,) = reading.rhythms(environment | {"ALMANAC_SCHEDULE_GAMES": "90m"})
    assert (only.workload, only.every) == ("games", timedelta(minutes=90))


def test_every_workload_declares_a_schedule_that_collects_trains_and_predicts() -> None:
    for name in discovery.names():
        schedules = [rhythm for rhythm in reading.rhythms({}) if rhythm.workload == name]
        steps = {step for rhythm in schedules for step in rhythm.steps or reading.STEPS}
        assert steps == {*reading.STEPS}, name


def test_a_time_that_the_clock_leaps_over_is_due_where_it_leaps_and_every_day_has_one() -> None:
    # On 29 March 2026 the clock goes from 02:00 to 03:00, which is 01:00 UTC.
    expected = ["28T01:30", "29T01:00", "30T00:30"]
    assert hours(daily("02:30"), "2026-03-28T00:00+00:00", "2026-03-30T23:00+00:00") == expected
    two, three = daily("02:00"), daily("03:00")
    assert two.latest(at("2026-03-29T12:00+00:00")) == three.latest(at("2026-03-29T12:00+00:00"))


def test_a_time_that_comes_twice_is_due_once_from_wherever_one_looks() -> None:
    # On 25 October 2026 the hour from 02:00 comes twice: from 00:00 and from 01:00 UTC.
    rhythm = daily("02:30")
    first, following = at("2026-10-25T00:30+00:00"), at("2026-10-26T01:30+00:00")
    for minute in range(0, 24 * 60, 7):
        instant = first + timedelta(minutes=minute)
        assert (rhythm.latest(instant), rhythm.following(instant)) == (first, following), instant


def test_a_leap_day_has_its_slot_in_every_rhythm() -> None:
    days = hours(daily("23:30", "America/New_York"), "2028-02-28T05:00+00:00", "2028-03-02T05:00+00:00")
    assert days == ["29T04:30", "01T04:30", "02T04:30"]
    assert len(of("6h")[0].between(at("2028-02-29T00:00+00:00"), at("2028-03-01T00:00+00:00"), 100)) == 4


@pytest.mark.parametrize("zone", ["Europe/Stockholm", "America/New_York", "Australia/Lord_Howe", "UTC"])
@pytest.mark.parametrize("time", ["00:00", "01:00", "02:30", "03:00"])
def test_a_year_has_one_slot_a_day_in_order_and_following_agrees_with_latest(time: str, zone: str) -> None:
    rhythm = daily(time, zone)
    slots = rhythm.between(at("2025-12-31T12:00+00:00"), at("2026-12-31T12:00+00:00"), 1000)
    assert len(slots) == 365
    dates = [slot.astimezone(ZoneInfo(zone)).date() for slot in slots]
    assert len({*dates}) == 365
    for before, after in zip(slots[:-1:30], slots[1::30], strict=True):
        assert rhythm.following(before) == after
        assert rhythm.latest(after) == after
        assert rhythm.latest(after - timedelta(seconds=1)) == before


def test_the_bound_keeps_the_newest_slots() -> None:
    start, end = at("2025-01-01T00:00+00:00"), at("2026-01-01T00:00+00:00")
    assert of("10m")[0].between(start, end, 3) == [end - timedelta(minutes=m) for m in (20, 10, 0)]
    assert len(daily("01:00").between(start, end, 3)) == 3


@pytest.mark.parametrize("text", ["90m", "7s", "168h"])
def test_intervals_are_full_ones_of_utc(text: str) -> None:
    (rhythm,) = of(text)
    assert rhythm.every is not None
    slot = rhythm.latest(at("2026-05-05T12:34:56+00:00"))
    assert slot.timestamp() % rhythm.every.total_seconds() == 0
    assert rhythm.following(slot) == slot + rhythm.every
