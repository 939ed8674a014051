"""Averages of the leagues, and how often picks of a confidence came true."""

import json

from fastapi import APIRouter
from starlette.responses import Response

from almanac.contract import Column
from almanac.workloads.football.contract import CONTRACT, NO_ODDS
from serve.answers.release import ReleaseRoute
from serve.http import schemas
from serve.http.documented import released
from serve.reading.queries import OTHER
from serve.routes.football.matches import FootballRelease

router = APIRouter(prefix="/v1/football", tags=["football"], route_class=ReleaseRoute)

# What one unit on each bet at the imported odds would have returned on held-out matches.
RETURNS = (
    Column(name="bets", type="integer", doc="Bets with a positive expected value at the opening odds."),
    Column(name="return", type="real", doc="Mean profit of one unit staked on each."),
    Column(name="return_low", type="real", doc="Lower end of its 95 % interval."),
    Column(name="return_high", type="real", doc="Upper end of its 95 % interval."),
    Column(name="closed_bets", type="integer", doc="Bets with closing odds."),
    Column(
        name="closing_line_value",
        type="real",
        doc="Mean share by which the odds of these bets beat the closing odds; null without closing odds.",
        nullable=True,
    ),
    Column(name="closing_line_value_low", type="real", doc="Lower end of its 95 % interval.", nullable=True),
    Column(name="closing_line_value_high", type="real", doc="Upper end of its 95 % interval.", nullable=True),
)
RETURNS_OF_MODEL = b"""
SELECT coalesce(metrics -> 'returns', 'null')::text FROM api.model_versions
WHERE workload = %s AND version = %s"""
RETURNS_SCHEMA = schemas.row(RETURNS) | {
    "type": ["object", "null"],
    "description": "Null where no odds were imported before the evaluation.",
}
RETURNS_NOTE_SCHEMA = schemas.NULLABLE_TEXT | {"description": "Without returns: how to get them."}
RETURNS_EXAMPLE = {
    "bets": 1204,
    "return": -0.021,
    "return_low": -0.09,
    "return_high": 0.046,
    "closed_bets": 1204,
    "closing_line_value": -0.004,
    "closing_line_value_low": -0.009,
    "closing_line_value_high": 0.001,
}
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
        "returns": RETURNS_SCHEMA,
        "returns_note": RETURNS_NOTE_SCHEMA,
    },
    {
        "all": AVERAGES_EXAMPLE,
        "leagues": [AVERAGES_EXAMPLE | {"scope": "E0"}],
        "bands": [BAND_EXAMPLE],
        "returns": RETURNS_EXAMPLE,
        "returns_note": None,
    },
)


@router.get("/statistics", **STATISTICS)
async def read_statistics(release: FootballRelease) -> Response:
    """Return averages by league, and how often picks came true.

    `bands` compares the confidence of picks on held-out matches with how often they came true.
    Each band has n and a 95 % interval. `returns` tells what bets at the imported odds would have returned.
    """
    averages = await release.row(AVERAGES, ALL_LEAGUES)
    leagues = await release.whole(AVERAGES, ("scope", OTHER), values=(ALL_LEAGUES,))
    bands = await release.whole(BANDS)
    returns = await _returns(release)
    note = NO_ODDS if returns == "null" else None
    members = {"all": averages, "leagues": leagues, "bands": bands, "returns": returns}
    return release.answer(**members, returns_note=json.dumps(note))


async def _returns(release: FootballRelease) -> str:
    """Return the JSON of the returns that the evaluation of the model measured."""
    if release.edition is None:
        return "null"
    rows = await release.rows(RETURNS_OF_MODEL, (CONTRACT.name, release.edition.model_version))
    return rows[0][0] if rows else "null"
