"""Lists: one page of predictions, and the address of the next."""

from collections.abc import Iterable, Sequence
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode

from fastapi import Request

from serve.answers.cache import Payload
from serve.answers.service import Service
from serve.reading import cursors, queries
from serve.reading.edition import Edition
from serve.reading.request import PINS, ReadRequest


async def page(
    service: Service, question: ReadRequest, edition: Edition | None, *, chosen: Sequence[str] = ()
) -> Payload:
    """Return one page of predictions and the address of the next; `chosen` are its columns where not all are wanted."""
    if edition is None:
        return listed([])
    after = question.cursor.key if question.cursor else ()
    query, wanted = queries.page(question.contract, edition, question.values, chosen=chosen, key=after)
    return limited(question, edition, await service.database.rows(query, wanted))


def limited(question: ReadRequest, edition: Edition, found: Sequence[tuple[Any, ...]]) -> Payload:
    """Return a page out of pairs of JSON and key, of which one more than the limit was asked for."""
    return listed(*cut(question, edition.pin, found))


def listed(rows: Iterable[str], following: str | None = None) -> Payload:
    """Return the members of a list answer from the JSON of its rows."""
    parts = members(rows, following)
    return Payload(",".join(f'"{name}":{value}' for name, value in parts.items()).encode(), following)


def cut(read: ReadRequest, pin: str, rows: Sequence[tuple[Any, ...]]) -> tuple[list[str], str | None]:
    """Return the JSON of the rows of a page, and the address of the next where there is a row more than the limit."""
    limit = read.values["limit"]
    page = [row for row, _ in rows[:limit]]
    if len(rows) <= limit:
        return page, None
    _, key = rows[limit - 1]
    return page, address(read.request, PINS, cursor=cursors.write(pin, key))


def members(rows: Iterable[str], following: str | None = None) -> dict[str, str]:
    """Return the members of a list answer, each as JSON."""
    return {"rows": f"[{','.join(rows)}]", "next": f'"{following}"' if following else "null"}


def address(request: Request, without: Iterable[str], **replaced: object) -> str:
    """Return the address of this request with some query parameters left out and others replaced."""
    kept = {
        name: text
        for name, text in parse_qsl(request.url.query, keep_blank_values=True)
        if name not in without
    }
    return f"{quote(request.url.path)}?{urlencode(kept | replaced)}"
