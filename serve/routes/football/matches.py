"""Football's own routes: leagues, picks, statistics, and what became of the predictions."""

from functools import partial
from typing import Any

from fastapi import Request
from starlette.responses import Response

from almanac import fields
from almanac.contract import Column, Contract
from serve.answers import pages
from serve.answers.cache import Payload
from serve.answers.service import Service
from serve.http import parameters, schemas
from serve.http.documented import example_of
from serve.http.endpoints import FROM_RELEASE, LIST, Endpoint
from serve.http.parameters import Parameter, Values
from serve.http.problems import Problem
from serve.reading import queries
from serve.reading.edition import Edition
from serve.reading.request import parse

NOTICE = "Chances are estimates of a model. They are no betting advice."
EXAMPLE = {
    "match_id": "E0-2024-25-arsenal-fc-chelsea-fc", "league": "E0", "league_name": "Premier League", "season": "2024-25", "date": "2025-04-19",
    "kickoff": "15:00", "home": "Arsenal FC", "away": "Chelsea FC", "home_win": 0.52, "draw": 0.26, "away_win": 0.22, "home_or_draw": 0.78,
    "home_or_away": 0.74, "draw_or_away": 0.48, "over_1_5": 0.76, "over_2_5": 0.52, "over_3_5": 0.3, "both_score": 0.54,
    "expected_home_goals": 1.7, "expected_away_goals": 1.03, "likely_scores": [{"score": "1-1", "chance": 0.12}, {"score": "1-0", "chance": 0.11}],
    "pick": "home_or_draw", "confidence": 0.78, "reason": "Arsenal FC is rated 90 points above Chelsea FC, home advantage included.", "odds": None,
}  # fmt: skip
PICK_COLUMNS = (
    "match_id",
    "league",
    "league_name",
    "date",
    "kickoff",
    "home",
    "away",
    "pick",
    "confidence",
    "reason",
    "odds",
)
COMPARED = (
    Column(name="release", type="bigint", doc="The release that served the prediction."),
    Column(name="match_id", type="text"),
    Column(name="league", type="text", doc="League code."),
    Column(name="date", type="date"),
    Column(name="home", type="text"),
    Column(name="away", type="text"),
    Column(name="home_win", type="real", doc="Chance that was served."),
    Column(name="draw", type="real", doc="Chance that was served."),
    Column(name="away_win", type="real", doc="Chance that was served."),
    Column(name="pick", type="text", doc="Pick that was served."),
    Column(name="confidence", type="real", doc="Chance that the model gave to its pick."),
    Column(name="home_goals", type="integer", doc="What happened."),
    Column(name="away_goals", type="integer", doc="What happened."),
    Column(name="outcome", type="text", doc="home, draw or away."),
    Column(name="hit", type="boolean", doc="Whether the pick came true."),
)
SUMMARY = (
    Column(name="matches", type="bigint", doc="Served predictions whose result is known."),
    Column(name="hits", type="bigint", doc="Picks that came true."),
    Column(name="hit_rate", type="real", nullable=True),
    Column(
        name="promised",
        type="real",
        nullable=True,
        doc="Mean confidence of these picks: the hit rate that was promised.",
    ),
)
# For each match with a result the newest prediction that was served before it; a demonstration is served after its matches.
SERVED = """
WITH served AS (
    SELECT DISTINCT ON (result.date, result.match_id) release.release_id AS release, result.match_id, result.league, result.date, result.home,
        result.away, guess.home_win, guess.draw, guess.away_win, guess.pick, guess.confidence, result.home_goals, result.away_goals, result.outcome,
        result.outcome = ANY (string_to_array(guess.pick, '_or_')) AS hit
    FROM api.football_results AS result
    JOIN api.releases AS release ON release.workload = 'football' AND release.pruned_at IS NULL AND release.data_as_of <= result.date
        AND CASE WHEN %(release)s::bigint IS NULL THEN release.demo OR release.released_at < result.date + 1 ELSE release.release_id = %(release)s END
    JOIN api.football_predictions AS guess ON guess.run_id = ANY (release.run_ids) AND guess.match_id = result.match_id
    WHERE result.run_id = ANY (%(live)s)
    ORDER BY result.date, result.match_id, release.release_id DESC
)"""
COMPARISON = f"""{SERVED}
SELECT row_to_json(served)::text, json_build_array(date, match_id) FROM served
WHERE %(day)s::date IS NULL OR (date, match_id) > (%(day)s, %(match)s) ORDER BY date, match_id LIMIT %(limit)s""".encode()
TOTAL = f"""{SERVED}
SELECT row_to_json(total)::text FROM (
    SELECT count(*) AS matches, count(*) FILTER (WHERE hit) AS hits, avg(hit::int)::float8 AS hit_rate, avg(confidence) AS promised FROM served
) AS total""".encode()


def endpoints(service: Service, contract: Contract) -> list[Endpoint]:
    """Return the routes that only football has."""
    return [
        _leagues(service, contract),
        _league(service, contract),
        _picks(service, contract),
        _statistics(service, contract),
        _results(service, contract),
    ]


def _leagues(service: Service, contract: Contract) -> Endpoint:
    table = contract.table("leagues")
    row = schemas.example_row(table.columns) | {
        "league": "E0",
        "league_name": "Premier League",
        "country": "England",
        "first_season": "2015-16",
    }
    return Endpoint(
        path="/v1/football/leagues",
        summary="The leagues of this release",
        doc="Each with the number of coming matches that are predicted and of played matches that the model knows.",
        handler=partial(_read_leagues, service, contract),
        schema=schemas.envelope({"rows": {"type": "array", "items": schemas.row(table.columns)}}),
        example=example_of(contract, rows=[row]),
        parameters=parameters.edition(),
        refusals=(404, 410, 422, 503),
        headers=FROM_RELEASE,
        tag="football",
    )


def _league(service: Service, contract: Contract) -> Endpoint:
    code = parameters.of_path("code", contract.table("leagues").column("league"), "E0")
    return Endpoint(
        path="/v1/football/leagues/{code}/predictions",
        summary="The coming matches of one league",
        doc="As /v1/football/predictions, for one league. An unknown league is 404, a league without coming matches an empty list.",
        handler=partial(_read_league, service, contract),
        schema=schemas.envelope(schemas.rows(schemas.row(contract.predictions.columns))),
        example=example_of(contract, rows=[EXAMPLE], next=None),
        parameters=(
            code,
            *parameters.filters(contract, without="league"),
            *parameters.paging(),
            *parameters.edition(),
        ),
        refusals=(404, 410, 422, 503),
        headers=LIST,
        tag="football",
    )


def _picks(service: Service, contract: Contract) -> Endpoint:
    columns = [contract.predictions.column(name) for name in PICK_COLUMNS]
    members = schemas.rows(schemas.row(columns)) | {"notice": {"type": "string"}}
    return Endpoint(
        path="/v1/football/picks",
        summary="Suggested picks with their confidence and reason",
        doc=f"One pick for each coming match. /v1/football/statistics tells how often picks of a confidence came true. {NOTICE}",
        handler=partial(_read_picks, service, contract),
        schema=schemas.envelope(members),
        example=example_of(
            contract, rows=[{name: EXAMPLE[name] for name in PICK_COLUMNS}], next=None, notice=NOTICE
        ),
        parameters=(*parameters.filters(contract), *parameters.paging(), *parameters.edition()),
        refusals=(404, 410, 422, 503),
        headers=LIST,
        tag="football",
    )


def _statistics(service: Service, contract: Contract) -> Endpoint:
    averages, bands = contract.table("statistics").columns, contract.table("bands").columns
    every = schemas.example_row(averages) | {"scope": "all"}
    members: schemas.Schema = {
        "all": schemas.row(averages),
        "leagues": {"type": "array", "items": schemas.row(averages)},
        "bands": {"type": "array", "items": schemas.row(bands)},
    }
    band = schemas.example_row(bands) | {
        "band": "0.60-0.70",
        "low": 0.6,
        "high": 0.7,
        "picks": 1204,
        "hits": 783,
        "hit_rate": 0.65,
    }
    return Endpoint(
        path="/v1/football/statistics",
        summary="Averages of all leagues and of each, and how often picks came true",
        doc="`bands` compares the confidence of picks on held-out matches with how often they came true, with n and a 95 % interval.",
        handler=partial(_read_statistics, service, contract),
        schema=schemas.envelope(members),
        example=example_of(contract, all=every, leagues=[every | {"scope": "E0"}], bands=[band]),
        parameters=parameters.edition(),
        refusals=(404, 410, 422, 503),
        headers=FROM_RELEASE,
        tag="football",
    )


def _results(service: Service, contract: Contract) -> Endpoint:
    row = (
        schemas.example_row(COMPARED)
        | {name: EXAMPLE[name] for name in ("match_id", "league", "date", "home", "away", "pick")}
        | {"outcome": "home"}
    )
    members = schemas.rows(schemas.row(COMPARED)) | {"summary": schemas.row(SUMMARY)}
    read_id = fields.integer(1, 2**63 - 1)
    release = Parameter(
        "release", read_id, {"type": "integer", "minimum": 1}, "Compare what this release served.", 12
    )
    return Endpoint(
        path="/v1/football/results",
        summary="What was served, beside what happened",
        doc="The results that the live release knows, each with the last prediction that was served before the match, or with that of `release`.",
        handler=partial(_read_results, service, contract),
        schema=schemas.envelope(members),
        example=example_of(
            contract,
            rows=[row],
            next=None,
            summary={"matches": 1, "hits": 1, "hit_rate": 1.0, "promised": 0.78},
        ),
        parameters=(release, *parameters.paging()),
        refusals=(404, 410, 422, 503),
        headers=LIST,
        tag="football",
    )


async def _read_leagues(service: Service, contract: Contract, request: Request, values: Values) -> Response:
    async def make(edition: Edition | None) -> Payload:
        if edition is None:
            return Payload(b'"rows":[]')
        return Payload(b'"rows":' + await _rows_of(service, contract, "leagues", edition))

    return await service.answer(parse(contract, request, values), make)


async def _read_league(service: Service, contract: Contract, request: Request, values: Values) -> Response:
    question = parse(contract, request, {**values, "league": (values["code"],)})

    async def make(edition: Edition | None) -> Payload | None:
        if edition and not await service.database.rows(
            *queries.one(contract, contract.table("leagues"), edition, values["code"])
        ):
            return None
        return await pages.page(service, question, edition)

    return await service.answer(question, make)


async def _read_picks(service: Service, contract: Contract, request: Request, values: Values) -> Response:
    question = parse(contract, request, values)

    async def make(edition: Edition | None) -> Payload:
        page = await pages.page(service, question, edition, chosen=PICK_COLUMNS)
        return Payload(page.content + f',"notice":"{NOTICE}"'.encode(), page.next)

    return await service.answer(question, make)


async def _read_statistics(
    service: Service, contract: Contract, request: Request, values: Values
) -> Response:
    table = contract.table("statistics")

    async def make(edition: Edition | None) -> Payload | None:
        every = await service.database.rows(*queries.one(contract, table, edition, "all")) if edition else []
        if edition is None or not every:
            return None
        [(leagues,)] = await service.database.rows(
            queries.whole(contract, table, edition, ("scope", queries.OTHER)), ("all",)
        )
        bands = await _rows_of(service, contract, "bands", edition)
        return Payload(f'"all":{every[0][0]},"leagues":{leagues},"bands":'.encode() + bands)

    return await service.answer(parse(contract, request, values), make)


async def _read_results(service: Service, contract: Contract, request: Request, values: Values) -> Response:
    question, release = parse(contract, request, values), values.get("release")
    if release is not None and await service.editions.release(contract, release) is None:
        raise Problem(404, "Football has no such release. GET /v1/football/releases lists them.")

    async def make(edition: Edition | None) -> Payload:
        if edition is None:
            return Payload(
                b'"rows":[],"next":null,"summary":{"matches":0,"hits":0,"hit_rate":null,"promised":null}'
            )
        day, match = question.cursor.key if question.cursor else (None, None)
        wanted: dict[str, Any] = {
            "release": release,
            "live": list(edition.run_ids),
            "day": day,
            "match": match,
            "limit": values["limit"] + 1,
        }
        found = await service.database.rows(COMPARISON, wanted)
        [(total,)] = await service.database.rows(TOTAL, wanted)
        page = pages.limited(question, edition, found)
        return Payload(page.content + f',"summary":{total}'.encode(), page.next)

    return await service.answer(question, make)


async def _rows_of(service: Service, contract: Contract, name: str, edition: Edition) -> bytes:
    [(rows,)] = await service.database.rows(queries.whole(contract, contract.table(name), edition))
    return str(rows).encode()
