"""Lists: one page of predictions, and the address of the next."""

from collections.abc import Iterable, Sequence
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode

from fastapi import Request

from serve.reading import cursors
from serve.reading.request import PINS, ReadRequest


def cut(read: ReadRequest, pin: str, rows: Sequence[tuple[Any, ...]]) -> tuple[list[str], str | None]:
    """Return the JSON of the rows of a page, and the address of the next page if `rows` exceed the limit."""
    limit = read.values["limit"]
    page = [row for row, _ in rows[:limit]]
    if len(rows) <= limit:
        return page, None
    _, key = rows[limit - 1]
    return page, address(read.request, PINS, cursor=cursors.write(pin, key))


def cut_by_number(
    request: Request, rows: Sequence[tuple[str, int | str]], limit: int
) -> tuple[list[str], str | None]:
    """Return the same for rows of JSON and number or id, newest first, whose next page begins `before` it."""
    page = [row for row, _ in rows[:limit]]
    if len(rows) <= limit:
        return page, None
    _, number = rows[limit - 1]
    return page, address(request, (), before=number)


def members(rows: Iterable[str], following: str | None = None) -> dict[str, str]:
    """Return the members of a list answer, each as JSON."""
    return {"rows": f"[{','.join(rows)}]", "next": f'"{following}"' if following else "null"}


def address(request: Request, without: Iterable[str], **replaced: object) -> str:
    """Return the address of this request with some query parameters left out and others replaced."""
    parameters = {
        name: text
        for name, text in parse_qsl(request.url.query, keep_blank_values=True)
        if name not in without
    }
    path = f"{request.app.state.prefix}{quote(request.url.path)}"
    return f"{path}?{urlencode(parameters | replaced)}"
