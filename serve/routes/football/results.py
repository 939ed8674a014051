"""Results beside the predictions that were served before them."""

from typing import Annotated

from fastapi import APIRouter, Depends
from pydantic import Field
from starlette.responses import Response

from almanac.contract import Column
from almanac.workloads.football.contract import CONTRACT
from serve.answers import football
from serve.answers.release import ReleaseRoute
from serve.answers.service import ServiceDep
from serve.http import schemas
from serve.http.documented import page_of
from serve.http.problems import NotFound
from serve.http.query_models import NUMBER, CursorQuery
from serve.routes.football.matches import EXAMPLE, FootballRelease

router = APIRouter(prefix="/v1/football", tags=["football"], route_class=ReleaseRoute)

UNKNOWN_RELEASE = "Football has no such release. GET /v1/football/releases lists them."
COLUMNS = (
    Column(name="release", type="bigint", doc="The release that served the prediction."),
    Column(name="match_id", type="text"),
    Column(name="league", type="text", doc="League code."),
    Column(name="date", type="date"),
    Column(name="home", type="text"),
    Column(name="away", type="text"),
    Column(name="home_win", type="real", doc="Chance that was served."),
    Column(name="draw", type="real", doc="Chance that was served."),
    Column(name="away_win", type="real", doc="Chance that was served."),
    Column(name="pick", type="text", doc="Pick that was served."),
    Column(name="confidence", type="real", doc="Chance that the model gave to its pick."),
    Column(name="home_goals", type="integer", doc="What happened."),
    Column(name="away_goals", type="integer", doc="What happened."),
    Column(name="outcome", type="text", doc="home, draw or away."),
    Column(name="hit", type="boolean", doc="Whether the pick came true."),
)
SUMMARY_COLUMNS = (
    Column(name="matches", type="bigint", doc="Served predictions whose result is known."),
    Column(name="hits", type="bigint", doc="Picks that came true."),
    Column(name="hit_rate", type="real", nullable=True),
    Column(
        name="promised",
        type="real",
        nullable=True,
        doc="Mean confidence of these picks: the hit rate that was promised.",
    ),
)
FROM_PREDICTION = ("match_id", "league", "date", "home", "away", "pick")
RESULT_EXAMPLE = (
    schemas.example_row(COLUMNS) | {name: EXAMPLE[name] for name in FROM_PREDICTION} | {"outcome": "home"}
)
SUMMARY_EXAMPLE = {"matches": 1, "hits": 1, "hit_rate": 1.0, "promised": 0.78}


class ResultQuery(CursorQuery):
    """A page of results."""

    release: Annotated[
        int | None, NUMBER, Field(description="Compare what this release served.", examples=[12])
    ] = None


@router.get(
    "/results",
    **page_of(CONTRACT, COLUMNS, RESULT_EXAMPLE, summary=(schemas.row(SUMMARY_COLUMNS), SUMMARY_EXAMPLE)),
)
async def list_results(
    query: Annotated[ResultQuery, Depends(ResultQuery.read)], release: FootballRelease, service: ServiceDep
) -> Response:
    """List results, each with the prediction that was served.

    The results that the live release knows.
    Each has the last prediction that was served before the match, or that of `release`.
    """
    if query.release is not None and await service.editions.release(CONTRACT, query.release) is None:
        raise NotFound(UNKNOWN_RELEASE)
    day, match = release.read.cursor.key if release.read.cursor else (None, None)
    rows, summary = await football.results(release, football.Place(query.release, day, match), query.limit)
    return release.page_of_rows(rows, summary=summary)
