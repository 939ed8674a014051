"""Searching entries, newest first."""

from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.responses import Response

from almanac.contract import Column
from almanac.workloads.logs.contract import CONTRACT
from serve.answers.release import ReleaseRoute
from serve.answers.responses import ENCODE
from serve.http.documented import page_of
from serve.http.query_models import PageQuery
from serve.routes.logs import columns, queries
from serve.routes.logs.parameters import EntriesQuery, LogsRelease

router = APIRouter(prefix="/v1/logs", tags=["logs"], route_class=ReleaseRoute)

HIGHLIGHT = Column(
    name="highlight",
    type="text",
    nullable=True,
    doc="The text around the words of the query, each between ⟦ and ⟧.",
)
EXAMPLE = columns.EXAMPLE | {"highlight": "⟦Connection⟧ to node 7 was broken"}
TOTAL = {"type": "integer"}
IS_CAPPED = {"type": "boolean", "description": "Whether there are more than `total`."}


class SearchQuery(EntriesQuery, PageQuery):
    """One page of the entries that fit."""


@router.get(
    "/search",
    **page_of(CONTRACT, [*columns.ROW, HIGHLIGHT], EXAMPLE, total=(TOTAL, 1), is_capped=(IS_CAPPED, False)),
)
async def search_entries(
    query: Annotated[SearchQuery, Depends(SearchQuery.read)], release: LogsRelease
) -> Response:
    """Search entries, newest first.

    An entry fits if it has all words, "words in quotes" side by side, and no -word; `or` between two words
    asks for one of them. node-7 asks for node and 7 side by side, as every word of several runs of letters
    and digits. A search finds an entry once a run has predicted it. `total` counts up to 10,000.
    """
    database, cursor = release.service.database, release.read.cursor
    search = await queries.search_of(database, release.edition, query.parameters())
    total, rows = await queries.read(database, search, cursor.key if cursor else ())
    counted = min(total, queries.MOST_COUNTED)
    return release.page_of_rows(rows, total=ENCODE(counted), is_capped=ENCODE(counted < total))
