"""The home page: every workload with its release, its runs and its headline metric."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends
from pydantic import Field

from serve.answers.overview import Overview, overview
from serve.answers.service import ServiceDep
from serve.http.query_models import INSTANT, QueryModel
from serve.pages import words
from serve.pages.rendering import Page
from serve.pages.route import PageRoute

router = APIRouter(route_class=PageRoute)


class MomentQuery(QueryModel):
    """The instant at which the site is read."""

    as_of: Annotated[datetime | None, INSTANT, Field(description="Show the site as it was then.")] = None


@router.get("/")
async def show_home(service: ServiceDep, query: Annotated[MomentQuery, Depends(MomentQuery.read)]) -> Page:
    """Show every workload."""
    every = await overview(service, query.as_of)
    values = {"overviews": every, "summary": _summary(every), "states": states, "bars": bars}
    topics = () if query.as_of else ("release", "runs")
    editions = [each.edition for each in every if each.edition]
    return Page(
        "home.html", "Almanac", values, editions=editions, topics=topics, json_address="/v1/workloads"
    )


def states(each: Overview) -> list[str]:
    """Return the state of a workload in words; an empty list is one that is as it should be."""
    if each.edition is None:
        return ["rows no longer kept" if each.entry else "no release yet"]
    flags = {
        "stale": each.is_stale,
        "demo": each.edition.demo,
        "simulated": each.edition.simulated,
        "on hold": each.on_hold,
        "last run failed": bool(each.runs) and each.runs[-1].status == "failed",
        "running now": bool(each.runs) and each.runs[-1].status == "running",
    }
    return [word for word, is_so in flags.items() if is_so]


def bars(each: Overview) -> list[tuple[str, str]]:
    """Return the status of each run with its words."""
    return [
        (run.status, f"{run.run_id}: {run.status}{', ' + run.reason if run.reason else ''}")
        for run in each.runs
    ]


def _summary(every: list[Overview]) -> str:
    """Return the state of the site in one line."""
    counts = {
        "stale": sum(each.is_stale for each in every),
        "demo": sum(bool(each.edition and each.edition.demo) for each in every),
        "simulated": sum(bool(each.edition and each.edition.simulated) for each in every),
        "on hold": sum(each.on_hold for each in every),
        "without a release": sum(each.edition is None for each in every),
    }
    parts = [f"{count} {word}" for word, count in counts.items() if count]
    return ", ".join([words.plural(len(every), "workload"), *parts])
