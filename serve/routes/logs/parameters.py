"""The query parameters, and the release, that several routes of logs read."""

from datetime import datetime
from typing import Annotated, Final

from fastapi import Depends, Request
from pydantic import Field

from almanac import fields
from almanac.workloads.logs.contract import CONTRACT
from serve.answers.release import Release, ReleaseOf
from serve.answers.service import Service
from serve.http.query_models import (
    BOOLEAN,
    DEFAULT_LIMIT,
    INSTANT,
    MOST_ROWS,
    TEXT,
    EditionQuery,
    Parsed,
    QueryModel,
    whole,
)
from serve.reading.edition import Edition
from serve.reading.request import parse
from serve.routes.logs.words import WORDS

LogsRelease = Annotated[Release, Depends(ReleaseOf(CONTRACT))]

# In an address a list of texts is a text with commas.
TEXTS: Final = Parsed(fields.listed(fields.text), {"type": "string"})
PERIOD = {"since": "2025-04-14T06:00:00+00:00", "until": "2025-04-15T06:00:00+00:00"}

Levels = Annotated[
    tuple[str, ...] | None, TEXTS, Field(description="Levels, comma separated.", examples=["error"])
]
Source = Annotated[str | None, TEXT, Field(description="Of this source only.", examples=["broker"])]
Limit = Annotated[
    int, whole(1, MOST_ROWS), Field(description="Most rows of one page.", examples=[DEFAULT_LIMIT])
]


class PeriodQuery(QueryModel):
    """A period of event time; by default the last day that is published."""

    since: Annotated[
        datetime | None,
        INSTANT,
        Field(
            description="From this instant of event time on; by default a day before `until`.",
            examples=[PERIOD["since"]],
        ),
    ] = None
    until: Annotated[
        datetime | None,
        INSTANT,
        Field(
            description="Before this instant; by default the end of what is published.",
            examples=[PERIOD["until"]],
        ),
    ] = None


class EntriesQuery(EditionQuery):
    """Which entries a route reads: all that fit every parameter."""

    q: Annotated[
        str | None,
        WORDS,
        Field(
            description="Words to search for, with a letter or a digit.",
            examples=['connection "node 7" -heartbeat'],
        ),
    ] = None
    level: Levels = None
    severity: Annotated[
        tuple[str, ...] | None, TEXTS, Field(description="Severities, comma separated.", examples=["high"])
    ] = None
    template: Annotated[str | None, TEXT, Field(description="A template id.", examples=["3ab8a8b5cd15"])] = (
        None
    )
    anomaly: Annotated[
        bool | None, BOOLEAN, Field(description="Only anomalies, or only other entries.", examples=[True])
    ] = None
    source: Source = None
    session: Annotated[str | None, TEXT, Field(description="Of this session only.", examples=["req-81"])] = (
        None
    )
    since: Annotated[
        datetime | None,
        INSTANT,
        Field(description="Entries written at this instant or later.", examples=["2025-04-15T06:00:00Z"]),
    ] = None
    until: Annotated[
        datetime | None,
        INSTANT,
        Field(description="Entries written before this instant.", examples=["2025-04-16T06:00:00Z"]),
    ] = None


async def edition_of(service: Service, request: Request, query: EditionQuery) -> Edition | None:
    """Return the edition that a request names, for uncached answers; raises Problem 404, 410 or 422."""
    choice = await service.editions.choose(parse(CONTRACT, request, query.parameters()))
    return choice.edition
