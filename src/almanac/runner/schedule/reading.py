"""Read schedules from their text: that of a contract, or of the variable ALMANAC_SCHEDULE_<WORKLOAD>."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from almanac import discovery
from almanac.contract import Contract
from almanac.errors import UsageError
from almanac.runner.schedule.rhythm import DEFAULT, Arrival, CatchUp, Rhythm

VARIABLE = "ALMANAC_SCHEDULE_"
OFF = "off"
STEPS = ("collect", "train", "evaluate", "predict")
SECONDS = {"s": 1, "m": 60, "h": 3600}
STEP = "|".join(STEPS)
EVERY = re.compile(
    rf"(?:(?P<steps>(?:{STEP})(?:\+(?:{STEP}))*)\s+)?(?:every\s+)?(?P<number>\d{{1,6}})(?P<unit>[smh])"
    r"(?:\s+on_arrival\(rows=(?P<rows>\d{1,9}),\s*seconds=(?P<seconds>\d{1,5}(?:\.\d+)?)\))?"
)
LOCAL = re.compile(
    rf"(?P<steps>(?:{STEP})(?:\+(?:{STEP}))*)\s+(?:(?P<day>mon|tue|wed|thu|fri|sat|sun)\s+)?"
    r"(?P<hour>[01]\d|2[0-3]):(?P<minute>[0-5]\d)"
)
CATCH_UP = re.compile(r"catch-up\s+(?:(?P<name>latest|none)|all\s+(?P<most>\d{1,4}))")
EXAMPLES = (
    "'6h', 'collect+predict every 10m; train+evaluate 03:30 UTC', "
    "'collect 01:00, train 02:00, evaluate+predict 03:00 Europe/Stockholm; catch-up all 3' or 'off'"
)
UNCLEAR = (
    "The schedule of '{workload}' ({place}) has the part {part!r}, {reason}. Write for example {examples}."
)
LEAST_SECONDS, MOST_SECONDS = 1, 7 * 86_400


def rhythms(environment: Mapping[str, str]) -> list[Rhythm]:
    """Return the schedules of all workloads, each from its variable, else from its contract.

    Raises UsageError for a text that cannot be read and for a variable of no workload.
    """
    contracts = discovery.contracts()
    _refuse_unknown(environment, contracts)
    return [
        rhythm
        for name, contract in contracts.items()
        for rhythm in of_workload(contract, environment.get(f"{VARIABLE}{name.upper()}", ""))
    ]


def of_workload(contract: Contract, override: str = "") -> list[Rhythm]:
    """Return the schedules of one workload from a text, by default from its contract; raises UsageError."""
    place = f"{VARIABLE}{contract.name.upper()}" if override else "its contract"
    text = override or contract.schedule or f"{int(contract.cadence.total_seconds())}s"
    if text.strip() == OFF:
        return []
    parts = [part.strip() for part in text.split(";") if part.strip()]
    catch_up = CatchUp()
    schedules: list[Rhythm] = []
    for part in parts:
        try:
            if match := CATCH_UP.fullmatch(part):
                catch_up = _catch_up(match)
            else:
                schedules += _part(contract, part)
        except ValueError as error:
            names = {"workload": contract.name, "place": place, "part": part[:80], "reason": error}
            raise UsageError(UNCLEAR.format(**names, examples=EXAMPLES)) from None
    _refuse_twice(contract.name, place, schedules)
    return [replace(schedule, catch_up=catch_up) for schedule in schedules]


def _refuse_unknown(environment: Mapping[str, str], workloads: Iterable[str]) -> None:
    names = {f"{VARIABLE}{name.upper()}" for name in workloads}
    for variable in sorted(environment):
        if variable.startswith(VARIABLE) and variable not in names and environment[variable]:
            known_names = ", ".join(sorted(names))
            raise UsageError(f"{variable} names no workload. Such variables are: {known_names}.")


def _refuse_twice(workload: str, place: str, schedules: list[Rhythm]) -> None:
    names = [schedule.name for schedule in schedules]
    if not schedules:
        raise UsageError(f"The schedule of '{workload}' ({place}) is empty. Write for example {EXAMPLES}.")
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise UsageError(
            f"The schedule of '{workload}' ({place}) has two parts of the same steps ({', '.join(twice)}). "
            "Each part needs steps of its own."
        )


def _catch_up(match: re.Match[str]) -> CatchUp:
    if match["name"]:
        return CatchUp(match["name"], 1 if match["name"] == "latest" else 0)
    most = int(match["most"])
    if most == 0:
        raise ValueError("whose bound is 0; write 'catch-up none' for that")
    return CatchUp("all", most)


def _part(contract: Contract, part: str) -> list[Rhythm]:
    match = EVERY.fullmatch(part)
    return [_interval(contract, match)] if match else _chain(contract.name, part)


def _interval(contract: Contract, match: re.Match[str]) -> Rhythm:
    every = int(match["number"]) * SECONDS[match["unit"]]
    if not LEAST_SECONDS <= every <= MOST_SECONDS:
        raise ValueError("which is not between a second and a week")
    steps = _steps(match["steps"])
    if match["rows"] and not contract.entries:
        raise ValueError("but the workload has no entries that arrive")
    arrival = Arrival(int(match["rows"]), float(match["seconds"])) if match["rows"] else None
    if arrival and (arrival.rows == 0 or not 1 <= arrival.seconds <= every):
        raise ValueError("whose arrival needs at least one row, and seconds between 1 and the interval")
    # A run by hand without --slot takes a slot of this name too.
    is_default = not steps or "predict" in steps
    name = DEFAULT if is_default else "+".join(steps)
    return Rhythm(contract.name, name, steps, timedelta(seconds=every), arrival=arrival)


def _chain(workload: str, part: str) -> list[Rhythm]:
    """Return the links of a chain, each after the one before, such as `collect 01:00, train 02:00 UTC`."""
    times, _, zone = part.rpartition(" ")
    matches = [LOCAL.fullmatch(text.strip()) for text in times.split(",")]
    if not all(matches):
        raise ValueError("which is neither an interval nor local times with a zone")
    _refuse_zone(zone)
    links: list[Rhythm] = []
    for match in filter(None, matches):
        cron = f"{int(match['minute'])} {int(match['hour'])} * * {match['day'] or '*'}"
        upstream = links[-1].name if links else ""
        steps = _steps(match["steps"])
        links.append(Rhythm(workload, "+".join(steps), steps, cron=cron, zone=zone, upstream=upstream))
    return links


def _refuse_zone(zone: str) -> None:
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"whose zone {zone!r} is unknown") from None


def _steps(text: str | None) -> tuple[str, ...]:
    """Return steps in their order; raises ValueError for a step that comes twice."""
    names = text.split("+") if text else []
    if len({*names}) < len(names):
        raise ValueError("which names a step twice")
    return tuple(step for step in STEPS if step in names)
