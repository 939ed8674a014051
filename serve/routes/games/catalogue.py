"""The catalogue: one game, its two lists, and the model with the health of its lists."""

from typing import Annotated, Final

from fastapi import APIRouter, Depends
from pydantic import Field
from starlette.responses import Response

from almanac.contract import Column
from almanac.workloads.games.contract import CONTRACT, LISTED
from serve.answers.games import lists
from serve.answers.release import Release, ReleaseOf, ReleaseRoute
from serve.http import schemas
from serve.http.documented import released
from serve.http.query_models import EditionQuery, of_column, whole
from serve.reading import records
from serve.routes import generic

router = APIRouter(prefix="/v1/games", tags=["games"], route_class=ReleaseRoute)
GamesRelease = Annotated[Release, Depends(ReleaseOf(CONTRACT))]

TABLE = CONTRACT.predictions
HEALTH = CONTRACT.table("health")
GAME_ID = TABLE.column("game_id")
ID = "steam:292030"
NEIGHBOUR = {
    "game_id": "steam:72850",
    "title": "The Elder Scrolls V: Skyrim",
    "score": 0.407,
    "why": "open world, role-playing",
    "by": "content",
}
EXAMPLE = {
    "game_id": ID,
    "title": "The Witcher® 3: Wild Hunt",
    "title_key": "witcher 3 wild hunt",
    "rank": 20,
    "year": 2015,
    "released": "2015-05-18",
    "main_genre": "rpg",
    "genres": ["RPG"],
    "themes": ["Open World", "RPG", "Story Rich"],
    "platforms": ["windows"],
    "developer": "CD PROJEKT RED",
    "publisher": "CD PROJEKT RED",
    "rating": 0.974,
    "popularity": 0.83,
    "adult": False,
    "players": 0,
    "similar": [NEIGHBOUR],
    "recommended": None,
    "recommended_titles": "The Elder Scrolls V: Skyrim",
    "pool": [["steam:72850", 0.407]],
}
BY = Column(
    name="by",
    type="text",
    nullable=True,
    doc="What has brought it: players or content; null in releases that do not say it.",
)
NEIGHBOUR_COLUMNS = (
    Column(name="game_id", type="text", doc="The neighbour."),
    Column(name="title", type="text"),
    Column(
        name="score", type="real", doc="How well it fits, at most about 1; only to compare within one list."
    ),
    Column(name="why", type="text", doc="What the two have in common."),
    BY,
)
TITLED: Final = schemas.row([GAME_ID, TABLE.column("title")])
TITLED_EXAMPLE = {"game_id": ID, "title": EXAMPLE["title"]}
NEIGHBOURS: Final = schemas.array(schemas.row(NEIGHBOUR_COLUMNS))
LISTS = released(
    CONTRACT,
    {"game": TITLED, "rows": NEIGHBOURS},
    {"game": TITLED_EXAMPLE, "rows": [NEIGHBOUR]},
)


class GameQuery(EditionQuery):
    """One game."""

    game: Annotated[str, of_column(GAME_ID), Field(description=GAME_ID.doc, examples=[ID])]


class ListQuery(GameQuery):
    """One list of a game."""

    limit: Annotated[int, whole(1, LISTED), Field(description="Most rows.", examples=[LISTED])] = LISTED


@router.get(
    "/catalogue/{game}",
    **released(
        CONTRACT,
        {"game": schemas.row(map(TABLE.column, lists.GAME_COLUMNS))},
        {"game": {name: EXAMPLE[name] for name in lists.GAME_COLUMNS}},
    ),
)
async def read_game(query: Annotated[GameQuery, Depends(GameQuery.read)], release: GamesRelease) -> Response:
    """Return one game.

    Its lists have addresses of their own.
    """
    return release.answer(game=await lists.game(release, query.game))


@router.get("/catalogue/{game}/recommendations", **LISTS)
async def list_recommendations(
    query: Annotated[ListQuery, Depends(ListQuery.read)], release: GamesRelease
) -> Response:
    """List what players of a game also liked.

    The ten best, each with score and reason. Without data on players, both lists are by content.
    """
    game, rows = await lists.recommended(release, query.game, query.limit)
    return release.answer(game=game, rows=rows)


@router.get("/catalogue/{game}/similar", **LISTS)
async def list_similar(
    query: Annotated[ListQuery, Depends(ListQuery.read)], release: GamesRelease
) -> Response:
    """List the games most like a game.

    The ten best, each with score and reason. Without data on players, both lists are by content.
    """
    game, rows = await lists.similar(release, query.game, query.limit)
    return release.answer(game=game, rows=rows)


@router.get(
    "/model",
    **released(
        CONTRACT,
        {
            "model": schemas.row(records.MODEL_COLUMNS),
            "health": schemas.array(schemas.row(HEALTH.columns)),
        },
        {
            "model": generic.model_example(CONTRACT),
            "health": [schemas.example_row(HEALTH.columns) | {"measure": "coverage", "value": 0.19}],
        },
    ),
)
async def read_model(release: GamesRelease) -> Response:
    """Return the model that answers, with the health of its lists.

    Version, held-out figures, what it was trained on, and figures of the release as a whole.
    """
    model = await release.model()
    return release.answer(model=model, health=await release.whole(HEALTH))
