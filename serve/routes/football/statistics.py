"""Averages of the leagues, and how often picks of a confidence came true."""

from fastapi import APIRouter
from starlette.responses import Response

from almanac.workloads.football.contract import CONTRACT
from serve.answers.release import ReleaseRoute
from serve.http import schemas
from serve.http.documented import released
from serve.reading.queries import OTHER
from serve.routes.football.matches import FootballRelease

router = APIRouter(prefix="/v1/football", tags=["football"], route_class=ReleaseRoute)

AVERAGES, BANDS = CONTRACT.table("statistics"), CONTRACT.table("bands")
ALL_LEAGUES = "all"
AVERAGES_EXAMPLE = schemas.example_row(AVERAGES.columns) | {"scope": ALL_LEAGUES}
BAND_EXAMPLE = schemas.example_row(BANDS.columns) | {
    "band": "0.60-0.70",
    "low": 0.6,
    "high": 0.7,
    "picks": 1204,
    "hits": 783,
    "hit_rate": 0.65,
}
STATISTICS = released(
    CONTRACT,
    {
        "all": schemas.row(AVERAGES.columns),
        "leagues": schemas.array(schemas.row(AVERAGES.columns)),
        "bands": schemas.array(schemas.row(BANDS.columns)),
    },
    {"all": AVERAGES_EXAMPLE, "leagues": [AVERAGES_EXAMPLE | {"scope": "E0"}], "bands": [BAND_EXAMPLE]},
)


@router.get("/statistics", **STATISTICS)
async def read_statistics(release: FootballRelease) -> Response:
    """Return averages by league, and how often picks came true.

    `bands` compares the confidence of picks on held-out matches with how often they came true.
    Each band has n and a 95 % interval.
    """
    averages = await release.row(AVERAGES, ALL_LEAGUES)
    leagues = await release.whole(AVERAGES, ("scope", OTHER), values=(ALL_LEAGUES,))
    return release.answer(all=averages, leagues=leagues, bands=await release.whole(BANDS))
