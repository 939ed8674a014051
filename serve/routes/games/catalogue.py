"""The routes that only games has: the catalogue, its two lists, several liked games combined, and search."""

from functools import partial

from fastapi import Request
from starlette.responses import Response

from almanac import fields
from almanac.contract import Column, Contract
from almanac.workloads.games.contract import LISTED
from serve.answers.cache import Payload
from serve.answers.service import Service
from serve.http import parameters, schemas
from serve.http.endpoints import FROM_RELEASE, Endpoint
from serve.http.parameters import Parameter, Values
from serve.http.problems import refused
from serve.http.request_bodies import JsonBody
from serve.reading import queries, records
from serve.reading.edition import Edition
from serve.reading.request import parse
from serve.routes.games import combined, search
from serve.routes.generic import example_of

ID = "steam:292030"
ENTRY = {
    "game_id": "steam:72850",
    "title": "The Elder Scrolls V: Skyrim",
    "score": 0.407,
    "why": "open world, role-playing",
}
EXAMPLE = {
    "game_id": ID, "title": "The Witcher® 3: Wild Hunt", "title_key": "witcher 3 wild hunt", "rank": 20, "year": 2015, "released": "2015-05-18",
    "main_genre": "rpg", "genres": ["RPG"], "themes": ["Open World", "RPG", "Story Rich"], "platforms": ["windows"], "developer": "CD PROJEKT RED",
    "publisher": "CD PROJEKT RED", "rating": 0.974, "popularity": 0.83, "adult": False, "players": 0, "similar": [ENTRY], "recommended": None,
    "recommended_titles": "The Elder Scrolls V: Skyrim", "pool": [["steam:72850", 0.407]],
}  # fmt: skip
TOLD = ("game_id", "title", "rank", "year", "released", "genres", "themes", "platforms", "developer", "publisher", "rating", "popularity", "adult",
        "players")  # fmt: skip
FOUND = ("game_id", "title", "year", "main_genre", "rank", "rating", "adult")
ENTRIES = (
    Column(name="game_id", type="text", doc="The neighbour."),
    Column(name="title", type="text"),
    Column(
        name="score", type="real", doc="How well it fits, at most about 1; only to compare within one list."
    ),
    Column(name="why", type="text", doc="What the two have in common."),
)
LIMIT = Parameter(
    "limit",
    fields.integer(1, LISTED),
    {"type": "integer", "minimum": 1, "maximum": LISTED, "default": LISTED},
    "Most rows.",
    LISTED,
    default=LISTED,
)
QUERY = Parameter(
    "q",
    fields.text,
    {**parameters.TEXT, "minLength": 1},
    "Title, or the beginning of one; a mistake is forgiven.",
    "witchr",
)
EMPTY = {"name": "q", "reason": "must hold a letter or a digit"}
GAME = f"""
SELECT row_to_json(told)::text FROM (SELECT {", ".join(TOLD)} FROM api.games_predictions WHERE run_id = %s AND game_id = %s) AS told""".encode()
# PostgreSQL knows SIMILAR as a word of its own.
CHOSEN = {"similar": '"similar"', "recommendations": 'coalesce(recommended, "similar")'}


def endpoints(service: Service, contract: Contract) -> list[Endpoint]:
    """Return the routes that only games has; its own model route takes the place of the generic one."""
    return [
        _game(service, contract),
        _list(service, contract, "recommendations", "What players of a game took to as well"),
        _list(service, contract, "similar", "The games most like a game"),
        _search(service, contract),
        _combined(service, contract),
        _searched(service, contract),
        _model(service, contract),
    ]


def _game(service: Service, contract: Contract) -> Endpoint:
    row = schemas.row([contract.predictions.column(name) for name in TOLD])
    return Endpoint(
        path="/v1/games/catalogue/{game}",
        summary="One game",
        doc="What is known of a game; its lists have addresses of their own.",
        handler=partial(_read_game, service, contract),
        schema=schemas.envelope({"game": row}),
        example=example_of(contract, game={name: EXAMPLE[name] for name in TOLD}),
        parameters=(_id(contract), *parameters.edition()),
        refusals=(404, 410, 422, 503),
        headers=FROM_RELEASE,
        tag="games",
    )


def _list(service: Service, contract: Contract, kind: str, summary: str) -> Endpoint:
    rows: schemas.Schema = {"type": "array", "items": schemas.row(ENTRIES)}
    return Endpoint(
        path=f"/v1/games/catalogue/{{game}}/{kind}",
        summary=summary,
        doc="The ten best, each with score and reason. Where nobody's plays are known, both lists are by content.",
        handler=partial(_read_list, service, contract, kind),
        schema=schemas.envelope({"game": schemas.row(_named(contract, "game_id", "title")), "rows": rows}),
        example=example_of(contract, game={"game_id": ID, "title": EXAMPLE["title"]}, rows=[ENTRY]),
        parameters=(_id(contract), LIMIT, *parameters.edition()),
        refusals=(404, 410, 422, 503),
        headers=FROM_RELEASE,
        tag="games",
    )


def _search(service: Service, contract: Contract) -> Endpoint:
    rows: schemas.Schema = {"type": "array", "items": schemas.row(_named(contract, *FOUND))}
    return Endpoint(
        path="/v1/games/search",
        summary="Games by their title",
        doc="Whole titles first, then titles that begin so, then others with these words; within each the popular first. A mistake is forgiven.",
        handler=partial(_read_search, service, contract),
        schema=schemas.envelope({"rows": rows}),
        example=example_of(contract, rows=[{name: EXAMPLE[name] for name in FOUND}]),
        parameters=(QUERY, LIMIT, *parameters.edition()),
        refusals=(404, 410, 422, 503),
        headers=FROM_RELEASE,
        tag="games",
    )


def _combined(service: Service, contract: Contract) -> Endpoint:
    members: schemas.Schema = {
        "liked": {"type": "array", "items": schemas.row(_named(contract, "game_id", "title"))},
        "unmatched": {
            "type": "array",
            "items": {"type": "integer"},
            "description": "Places in `liked` that no game was found for, from 0.",
        },
        "rows": {"type": "array", "items": schemas.row(combined.COLUMNS)},
    }
    row = {
        "game_id": ENTRY["game_id"],
        "title": ENTRY["title"],
        "year": 2011,
        "platforms": ["windows"],
        "score": 0.39,
        "because": [EXAMPLE["title"]],
    }
    return Endpoint(
        path="/v1/games/recommendations",
        summary="What to play after several games",
        doc="The published neighbours of all liked games, combined: a game near to many of them, or very near to some, stands first.",
        handler=partial(_read_combined, service, contract),
        schema=schemas.envelope(members),
        example=example_of(
            contract, liked=[{"game_id": ID, "title": EXAMPLE["title"]}], unmatched=[], rows=[row]
        ),
        parameters=parameters.edition(),
        refusals=(404, 410, 422, 503),
        tag="games",
        method="POST",
        body=JsonBody(
            combined.Liked,
            {"liked": [ID, "Dark Souls III"], "platforms": ["windows"], "from_year": 2010, "limit": 5},
            combined.DOC,
        ),
    )


def _searched(service: Service, contract: Contract) -> Endpoint:
    match = schemas.row(_named(contract, "game_id", "title"))
    members: schemas.Schema = {
        "match": {"anyOf": [match, {"type": "null"}]},
        "rows": {"type": "array", "items": schemas.row(ENTRIES)},
    }
    return Endpoint(
        path="/v1/games/search/recommendations",
        summary="The list of the game that a query means",
        doc="Searches as /v1/games/search does and answers with the recommendations of the first game; `match` is null where none is found.",
        handler=partial(_read_searched, service, contract),
        schema=schemas.envelope(members),
        example=example_of(contract, match={"game_id": ID, "title": EXAMPLE["title"]}, rows=[ENTRY]),
        parameters=parameters.edition(),
        refusals=(404, 410, 422, 503),
        tag="games",
        method="POST",
        body=JsonBody(
            combined.Searched, {"query": "witchr", "limit": 5}, "A title, or the beginning of one."
        ),
    )


def _model(service: Service, contract: Contract) -> Endpoint:
    model = schemas.example_row(records.MODEL_COLUMNS) | {
        "version": 3,
        "primary_metric": contract.primary_metric,
    }
    measure = schemas.example_row(contract.table("health").columns) | {"measure": "coverage", "value": 0.19}
    members: schemas.Schema = {
        "model": schemas.row(records.MODEL_COLUMNS),
        "health": {"type": "array", "items": schemas.row(contract.table("health").columns)},
    }
    return Endpoint(
        path="/v1/games/model",
        summary=f"{contract.title}: the model that answers",
        doc="Version, held-out figures and what it was trained on, and how the live release looks as a whole.",
        handler=partial(_read_model, service, contract),
        schema=schemas.envelope(members),
        example=example_of(contract, model=model, health=[measure]),
        parameters=parameters.edition(),
        refusals=(404, 410, 422, 503),
        headers=FROM_RELEASE,
        tag="games",
    )


async def _read_game(service: Service, contract: Contract, request: Request, values: Values) -> Response:
    async def make(edition: Edition | None) -> Payload | None:
        found = await service.database.rows(GAME, (edition.run_id, values["game"])) if edition else []
        return Payload(b'"game":' + found[0][0].encode()) if found else None

    return await service.answer(parse(contract, request, values), make)


async def _read_list(
    service: Service, contract: Contract, kind: str, request: Request, values: Values
) -> Response:
    async def make(edition: Edition | None) -> Payload | None:
        found = (
            await service.database.rows(
                combined.list_of(CHOSEN[kind]), (values["limit"], edition.run_id, values["game"])
            )
            if edition
            else []
        )
        return Payload(f'"game":{found[0][0]},"rows":{found[0][1]}'.encode()) if found else None

    return await service.answer(parse(contract, request, values), make)


async def _read_search(service: Service, contract: Contract, request: Request, values: Values) -> Response:
    parts = search.parts_of(values.get("q", ""))
    if not parts:
        raise refused({"in": "query", **EMPTY})

    async def make(edition: Edition | None) -> Payload:
        found = (
            await search.search(service.database, edition.run_id, parts, values["limit"]) if edition else []
        )
        return Payload(f'"rows":[{",".join(row for row, _ in found)}]'.encode())

    return await service.answer(parse(contract, request, values), make)


async def _read_combined(service: Service, contract: Contract, request: Request, values: Values) -> Response:
    wanted: combined.Liked = values["body"]
    wanted.refuse_contradiction()

    async def make(edition: Edition | None) -> Payload:
        return (
            await combined.combined(service.database, edition.run_id, wanted)
            if edition
            else Payload(b'"liked":[],"unmatched":[],"rows":[]')
        )

    return await service.answer(parse(contract, request, values), make)


async def _read_searched(service: Service, contract: Contract, request: Request, values: Values) -> Response:
    wanted: combined.Searched = values["body"]
    parts = search.parts_of(wanted.query)
    if not parts:
        raise refused({"in": "body", **EMPTY, "name": "query"})

    async def make(edition: Edition | None) -> Payload:
        found = await search.search(service.database, edition.run_id, parts, 1) if edition else []
        if not found or edition is None:
            return Payload(b'"match":null,"rows":[]')
        [(match, rows)] = await service.database.rows(
            combined.list_of(CHOSEN["recommendations"]), (wanted.limit, edition.run_id, found[0][1])
        )
        return Payload(f'"match":{match},"rows":{rows}'.encode())

    return await service.answer(parse(contract, request, values), make)


async def _read_model(service: Service, contract: Contract, request: Request, values: Values) -> Response:
    async def make(edition: Edition | None) -> Payload | None:
        if edition is None or edition.model_version is None:
            return None
        found = await service.database.rows(
            records.MODEL, (contract.primary_metric, contract.name, edition.model_version)
        )
        [(health,)] = await service.database.rows(queries.whole(contract, contract.table("health"), edition))
        return Payload(f'"model":{found[0][0]},"health":{health}'.encode()) if found else None

    return await service.answer(parse(contract, request, values), make)


def _id(contract: Contract) -> Parameter:
    return parameters.of_path("game", contract.predictions.column("game_id"), ID)


def _named(contract: Contract, *names: str) -> list[Column]:
    return [contract.predictions.column(name) for name in names]
