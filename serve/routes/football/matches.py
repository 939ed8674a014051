"""Coming matches: the leagues, the matches of one league, and suggested picks."""

import json
from typing import Annotated, Final

from fastapi import APIRouter, Depends
from pydantic import Field
from starlette.responses import Response

from almanac.workloads.football.contract import CONTRACT
from serve.answers.release import Release, ReleaseOf, ReleaseRoute
from serve.http import schemas
from serve.http.documented import page_of, released
from serve.http.query_models import PageQuery, filtered, of_column

router = APIRouter(prefix="/v1/football", tags=["football"], route_class=ReleaseRoute)
FootballRelease = Annotated[Release, Depends(ReleaseOf(CONTRACT))]

TABLE = CONTRACT.predictions
LEAGUES = CONTRACT.table("leagues")
LEAGUE_CODE = LEAGUES.column("league")
NOTICE = "Chances are estimates of a model. They are no betting advice."
EXAMPLE = {
    "match_id": "E0-2024-25-arsenal-fc-chelsea-fc",
    "league": "E0",
    "league_name": "Premier League",
    "season": "2024-25",
    "date": "2025-04-19",
    "kickoff": "15:00",
    "home": "Arsenal FC",
    "away": "Chelsea FC",
    "home_win": 0.52,
    "draw": 0.26,
    "away_win": 0.22,
    "home_or_draw": 0.78,
    "home_or_away": 0.74,
    "draw_or_away": 0.48,
    "over_1_5": 0.76,
    "over_2_5": 0.52,
    "over_3_5": 0.3,
    "both_score": 0.54,
    "expected_home_goals": 1.7,
    "expected_away_goals": 1.03,
    "likely_scores": [{"score": "1-1", "chance": 0.12}, {"score": "1-0", "chance": 0.11}],
    "pick": "home_or_draw",
    "confidence": 0.78,
    "reason": "Arsenal FC is rated 90 points above Chelsea FC, home advantage included.",
    "home_goals_low": 0,
    "home_goals_high": 3,
    "away_goals_low": 0,
    "away_goals_high": 2,
    "odds": None,
}
LEAGUE_EXAMPLE = schemas.example_row(LEAGUES.columns) | {
    "league": "E0",
    "league_name": "Premier League",
    "country": "England",
    "first_season": "2015-16",
}
PICK_COLUMNS = (
    "match_id", "league", "league_name", "date", "kickoff", "home", "away", "pick", "confidence", "reason",
    "odds",
)  # fmt: skip
PICKS = page_of(
    CONTRACT,
    map(TABLE.column, PICK_COLUMNS),
    {name: EXAMPLE[name] for name in PICK_COLUMNS},
    notice=({"type": "string"}, NOTICE),
)
NOTICE_JSON: Final = json.dumps(NOTICE)


class LeagueQuery(PageQuery):
    """A page of the matches of one league."""

    code: Annotated[str, of_column(LEAGUE_CODE), Field(description=LEAGUE_CODE.doc, examples=["E0"])]


MatchQuery = filtered(CONTRACT)
LeagueMatchQuery = filtered(CONTRACT, without="league", base=LeagueQuery)


@router.get(
    "/leagues",
    **released(CONTRACT, {"rows": schemas.array(schemas.row(LEAGUES.columns))}, {"rows": [LEAGUE_EXAMPLE]}),
)
async def list_leagues(release: FootballRelease) -> Response:
    """List the leagues of this release.

    Each with the number of coming matches that are predicted and of played matches that the model knows.
    """
    return release.answer(rows=await release.whole(LEAGUES))


@router.get("/leagues/{code}/predictions", **page_of(CONTRACT, TABLE.columns, EXAMPLE))
async def list_league_predictions(
    query: Annotated[LeagueQuery, Depends(LeagueMatchQuery.read)], release: FootballRelease
) -> Response:
    """List the coming matches of one league.

    As /v1/football/predictions, for one league.
    An unknown league is 404, a league without coming matches an empty list.
    """
    if not await release.exists(LEAGUES, query.code):
        raise release.not_found()
    return await release.page(query.narrowed(league=(query.code,)))


@router.get("/picks", **PICKS)
async def list_picks(
    query: Annotated[PageQuery, Depends(MatchQuery.read)], release: FootballRelease
) -> Response:
    """List suggested picks with confidence and reason.

    One pick for each coming match. /v1/football/statistics tells how often picks of a confidence came true.
    Chances are estimates of a model. They are no betting advice.
    """
    return await release.page(query.parameters(), columns=PICK_COLUMNS, notice=NOTICE_JSON)
