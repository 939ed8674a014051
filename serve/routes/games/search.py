"""Games by their title: a list, and the recommendations of the first."""

from typing import Annotated

from fastapi import APIRouter, Depends
from pydantic import AfterValidator, Field
from starlette.responses import Response

from almanac import fields
from almanac.fields import StrictModel, Text
from almanac.workloads.games.contract import CONTRACT, LISTED
from serve.answers.games import titles
from serve.answers.games.lists import RECOMMENDED
from serve.answers.release import ReleaseRoute
from serve.http import schemas
from serve.http.documented import released
from serve.http.query_models import TEXT, EditionQuery, Parsed, whole
from serve.http.request_bodies import body
from serve.routes.games.catalogue import (
    EXAMPLE,
    NEIGHBOUR,
    NEIGHBOURS,
    TABLE,
    TITLED,
    TITLED_EXAMPLE,
    GamesRelease,
)

router = APIRouter(prefix="/v1/games", tags=["games"], route_class=ReleaseRoute)
MOST_CHARACTERS = 500


def _searchable(text: str) -> str:
    if not titles.is_searchable(text):
        raise ValueError("must hold a letter or a digit")
    return text


TITLE = Parsed(lambda text: _searchable(fields.text(text)), {**TEXT.schema, "minLength": 1})


class SearchQuery(EditionQuery):
    """The words of a title."""

    q: Annotated[
        str,
        TITLE,
        Field(description="Title, or the beginning of one; a mistake is forgiven.", examples=["witchr"]),
    ]
    limit: Annotated[int, whole(1, LISTED), Field(description="Most rows.", examples=[LISTED])] = LISTED


class Title(StrictModel):
    """The words of a title."""

    query: Annotated[Text, Field(min_length=1, max_length=MOST_CHARACTERS), AfterValidator(_searchable)]
    limit: int = Field(default=LISTED, ge=1, le=LISTED, description="Most rows.")


@router.get(
    "/search",
    **released(
        CONTRACT,
        {"rows": schemas.array(schemas.row(map(TABLE.column, titles.COLUMNS)))},
        {"rows": [{name: EXAMPLE[name] for name in titles.COLUMNS}]},
    ),
)
async def search_games(
    query: Annotated[SearchQuery, Depends(SearchQuery.read)], release: GamesRelease
) -> Response:
    """Find games by title.

    The whole title first, then titles that begin so, then others with these words; within each the popular
    first. Abbreviations are known (GTA 5, CSGO), and a mistake is forgiven.
    """
    games = await titles.search(release, query.q, query.limit)
    return release.answer(rows=f"[{','.join(game.row for game in games)}]")


@router.post(
    "/search/recommendations",
    **released(
        CONTRACT,
        {"match": {"anyOf": [TITLED, {"type": "null"}]}, "rows": NEIGHBOURS},
        {"match": TITLED_EXAMPLE, "rows": [NEIGHBOUR]},
        headers=None,
    ),
)
async def recommend_by_title(
    title: Annotated[
        Title, body(Title, {"query": "witchr", "limit": 5}, doc="A title, or the beginning of one.")
    ],
    release: GamesRelease,
) -> Response:
    """Recommend games for a title.

    Searches as /v1/games/search does and answers with the recommendations of the first game; `match` is null
    where the words that tell a title, no numbers, stop words or names of editions, fit none.
    """
    games = await titles.search(release, title.query, 1)
    if not games or not games[0].is_meant:
        return release.answer(match="null", rows="[]")
    [(match, rows)] = await release.rows(RECOMMENDED, (title.limit, release.run_id, games[0].game_id))
    return release.answer(match=match, rows=rows)
