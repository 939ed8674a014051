"""Several liked games made one list: the published neighbours of all of them, combined."""

from typing import Annotated

from fastapi import APIRouter
from starlette.responses import Response

from almanac.contract import Column
from almanac.workloads.games.contract import CONTRACT
from serve.answers.games import combining
from serve.answers.games.combining import Liked
from serve.answers.release import ReleaseRoute
from serve.answers.responses import ENCODE
from serve.http import schemas
from serve.http.documented import released
from serve.http.problems import refused
from serve.http.request_bodies import body
from serve.routes.games.catalogue import BY, ID, TITLED, TITLED_EXAMPLE, GamesRelease

router = APIRouter(prefix="/v1/games", tags=["games"], route_class=ReleaseRoute)

DOC = "Ids or titles of liked games; games to leave out; platforms, years and places that fit; most rows."
COLUMNS = (
    Column(name="game_id", type="text"),
    Column(name="title", type="text"),
    Column(name="year", type="integer", nullable=True),
    Column(name="platforms", type="json"),
    Column(name="score", type="real", doc="Mean nearness to the liked games."),
    Column(name="because", type="json", doc="The liked games it is near to, nearest first."),
    BY,
)
ROW = {
    "game_id": "steam:72850",
    "title": "The Elder Scrolls V: Skyrim",
    "year": 2011,
    "platforms": ["windows"],
    "score": 0.39,
    "because": ["The Witcher® 3: Wild Hunt"],
    "by": "content",
}
BODY = {"liked": [ID, "Dark Souls III"], "platforms": ["windows"], "from_year": 2010, "limit": 5}
UNMATCHED = {**schemas.array({"type": "integer"}), "description": "Places in `liked` without a game, from 0."}


@router.post(
    "/recommendations",
    **released(
        CONTRACT,
        {
            "liked": schemas.array(TITLED),
            "unmatched": UNMATCHED,
            "rows": schemas.array(schemas.row(COLUMNS)),
        },
        {"liked": [TITLED_EXAMPLE], "unmatched": [], "rows": [ROW]},
        headers=None,
    ),
)
async def recommend(liked: Annotated[Liked, body(Liked, BODY, doc=DOC)], release: GamesRelease) -> Response:
    """Recommend games for several liked games.

    The published neighbours of all liked games, combined: a game near to many of them, or very near to some,
    stands first. Where fewer than ten fit, well-known games of their genres follow with a score of 0.
    """
    if liked.contradiction:
        first, last = liked.contradiction
        raise refused({"in": "body", "name": first, "reason": f"must not be later than {last}"})
    combination = await combining.combine(release, liked)
    unmatched = ENCODE(list(combination.unmatched))
    return release.answer(liked=combination.games, unmatched=unmatched, rows=combination.rows)
