"""The pages of football: coming matches, picks, results as served, how good the model is, and clubs."""

import json
from collections.abc import Mapping
from datetime import date
from itertools import groupby
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from pydantic import Field

from almanac.workloads.football.contract import CONTRACT
from serve.answers import football, pages
from serve.answers.release import Release, ReleaseOf
from serve.http.problems import NotFound
from serve.http.query_models import TEXT, EditionQuery, PageQuery, filtered, number
from serve.pages.football import charts
from serve.pages.rendering import Page
from serve.pages.route import PageRoute
from serve.pages.workload import released
from serve.reading.queries import OTHER

router = APIRouter(prefix="/football", route_class=PageRoute)
FootballRelease = Annotated[Release, Depends(ReleaseOf(CONTRACT))]
MatchQuery = filtered(CONTRACT)
AVERAGES, BANDS = CONTRACT.table("statistics"), CONTRACT.table("bands")
ALL_LEAGUES = "all"
MOST_MATCHES = 200
LIKELY = 0.6
NO_CLUB = "This release has no match of such a club, neither to come nor played."
TABS = [("", "Coming"), ("/picks", "Picks"), ("/results", "Results as served"), ("/quality", "How good?")]


class PicksQuery(EditionQuery):
    """The least confidence of a pick."""

    min_confidence: Annotated[float, number(1), Field(description="Least chance of the pick.")] = LIKELY


class ClubQuery(EditionQuery):
    """One club."""

    club: Annotated[str, TEXT, Field(description="Name of the club.")]


@router.get("")
async def show_coming(
    request: Request, query: Annotated[PageQuery, Depends(MatchQuery.read)], release: FootballRelease
) -> Page:
    """Show the coming matches by day and league."""
    rows = await release.page_rows(query.parameters())
    pin = release.edition.pin if release.edition else ""
    page, following = pages.cut(release.read, pin, rows)
    values = {
        "days": _by_day([json.loads(row) for row in page]),
        "leagues": await football.leagues(release),
        "following": following,
        "query": dict(request.query_params),
        "is_filtered": any(each.name in request.query_params for each in CONTRACT.filters),
    }
    return await _page(release, "coming", CONTRACT.title, values, f"predictions?{request.url.query}")


@router.get("/picks")
async def show_picks(
    query: Annotated[PicksQuery, Depends(PicksQuery.read)], release: FootballRelease
) -> Page:
    """Show the picks that the model is surest of."""
    rows = await football.picks(release, query.min_confidence, MOST_MATCHES)
    values = {"rows": rows, "confidence": query.min_confidence, "most": MOST_MATCHES}
    address = f"picks?min_confidence={query.min_confidence:g}"
    return await _page(release, "picks", "Picks", values, address)


@router.get("/results")
async def show_results(release: FootballRelease) -> Page:
    """Show results beside what was served before each match."""
    values = {
        "rows": await football.newest_results(release, MOST_MATCHES),
        "summary": await football.summary(release),
        "most": MOST_MATCHES,
    }
    return await _page(release, "results", "Results as served", values, "results")


@router.get("/quality")
async def show_quality(release: FootballRelease) -> Page:
    """Show how often picks of a confidence came true on held-out matches, and scores by league."""
    bands = json.loads(await release.whole(BANDS))
    leagues = json.loads(await release.whole(AVERAGES, ("scope", OTHER), values=(ALL_LEAGUES,)))
    try:
        every = json.loads(await release.row(AVERAGES, ALL_LEAGUES))
    except NotFound:
        every = None
    values = {
        "bands": bands,
        "chart": charts.calibration(bands),
        "leagues": leagues,
        "every": every,
        "names": {each["league"]: each["league_name"] for each in await football.leagues(release)},
    }
    return await _page(release, "quality", "How good are the predictions?", values, "statistics")


@router.get("/teams/{club:path}")
async def show_club(query: Annotated[ClubQuery, Depends(ClubQuery.read)], release: FootballRelease) -> Page:
    """Show the coming matches of one club, and its results beside what was served."""
    coming = await football.matches(release, query.club, MOST_MATCHES)
    past = await football.newest_results(release, MOST_MATCHES, query.club)
    if not coming and not past:
        raise NotFound(NO_CLUB)
    values = {"club": query.club, "days": _by_day(coming), "rows": past}
    return await _page(release, "club", query.club, values, "predictions")


async def _page(
    release: Release, template: str, title: str, values: Mapping[str, Any], json_address: str
) -> Page:
    own = {"tabs": TABS, "chances": charts.chances, "picked": charts.PICKED, **values}
    return await released(release, Page(f"football/{template}.html", title, own, json_address=json_address))


def _by_day(matches: list[dict[str, Any]]) -> list[tuple[str, list[tuple[str, list[dict[str, Any]]]]]]:
    """Return the matches of each day by league, in the order that they come in."""
    days = groupby(matches, key=lambda match: match["date"])
    return [(f"{date.fromisoformat(day):%A %Y-%m-%d}", _by_league(list(group))) for day, group in days]


def _by_league(matches: list[dict[str, Any]]) -> list[tuple[str, list[dict[str, Any]]]]:
    ordered = sorted(matches, key=lambda match: (match["league_name"], match["kickoff"] or ""))
    return [(name, list(group)) for name, group in groupby(ordered, key=lambda match: match["league_name"])]
