"""The page of events: what batching costs, the queue, the worker, and the newest batches; it is live."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from markupsafe import Markup
from pydantic import Field

from almanac.workloads.events.contract import CONTRACT
from serve.answers import events
from serve.answers.release import Release, ReleaseOf
from serve.http.query_models import EditionQuery, whole
from serve.pages import charts
from serve.pages.rendering import Page
from serve.pages.route import PageRoute
from serve.pages.workload import released

router = APIRouter(prefix="/events", route_class=PageRoute)
EventsRelease = Annotated[Release, Depends(ReleaseOf(CONTRACT))]
PERIODS = ((1, "1 h"), (6, "6 h"), (24, "24 h"), (168, "7 d"))
POINTS, FIXED_SIZE, BATCHES = 60, 50, 15
# Batches whose size the released policy chose, or tried beside it.
BY_MODEL = ("published", "explore")


class HoursQuery(EditionQuery):
    """The period that the page looks back."""

    hours: Annotated[int, whole(1, 720), Field(description="Look back so many hours.")] = 24


@router.get("")
async def show_events(query: Annotated[HoursQuery, Depends(HoursQuery.read)], release: EventsRelease) -> Page:
    """Show the queue and what its batches cost."""
    service = release.service
    stats = json.loads(await events.stats(service, query.hours))
    points = json.loads(await events.cost(service, query.hours, POINTS, FIXED_SIZE))
    workers = json.loads(await events.workers(service, query.hours))
    batches = [json.loads(row) for row, _ in await events.batches(service, BATCHES)][:BATCHES]
    values = {
        "hours": query.hours,
        "periods": PERIODS,
        "stats": stats,
        "points": points,
        "series": {name: [point[name] for point in points] for name in ("events", "batches", "batch_size")},
        "chart": _cost_chart(points),
        "saving": _saving(points),
        "model_batches": _share_of_model(workers["sized_by"]),
        "workers": workers["rows"],
        "batches": batches,
        "fixed_size": FIXED_SIZE,
        "simulator": json.loads(await events.simulator(service)),
    }
    page = await released(release, Page("events/live.html", "Events", values, json_address="stats"))
    return replace(page, topics=(*page.topics, "events") if page.topics else ())


def _cost_chart(points: Sequence[Mapping[str, Any]]) -> Markup:
    """Return the cost of an event beside that with full batches of a fixed size."""
    own = [point["cost_per_event"] for point in points]
    fixed = [point["fixed_size_cost_per_event"] for point in points]
    label = f"Cost of an event over time, {charts.trend(own)}; with full batches {charts.trend(fixed)}"
    return charts.lines([("own", own), ("other", fixed)], label)


def _saving(points: Sequence[Mapping[str, Any]]) -> float | None:
    """Return by what share an event costs more than in full batches of a fixed size; negative is less."""
    count = sum(point["events"] for point in points)
    fixed = sum(point["fixed_size_cost_per_event"] * point["events"] for point in points)
    own = sum(point["cost_per_event"] * point["events"] for point in points)
    return own / fixed - 1 if count and fixed else None


def _share_of_model(sized_by: Mapping[str, int]) -> tuple[int, float | None]:
    """Return how many batches the released policy has sized, and their share."""
    count = sum(sized_by.get(name, 0) for name in BY_MODEL)
    total = sum(sized_by.values())
    return count, count / total if total else None
