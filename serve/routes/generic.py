"""The routes that every workload has, made from its contract."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from fastapi import Request
from starlette.responses import Response

from almanac import fields
from almanac.contract import Contract
from serve.answers import pages
from serve.answers.cache import Payload
from serve.answers.service import Service
from serve.http import parameters, schemas
from serve.http.endpoints import FROM_RELEASE, HEADERS, LIST, Endpoint
from serve.http.parameters import Parameter, Values
from serve.http.problems import Problem
from serve.reading import queries, records
from serve.reading.edition import Edition
from serve.reading.request import parse

NEWEST = 2**63 - 1
RUN_EXAMPLE = "20250415t060000-1f2e3d4c"
BEFORE = Parameter(
    "before",
    fields.integer(1, NEWEST),
    {"type": "integer", "minimum": 1},
    "Only releases with a smaller number.",
    12,
    default=NEWEST,
)
LIMIT, _ = parameters.paging()


def endpoints(
    service: Service, contract: Contract, example: Mapping[str, Any] | None = None
) -> list[Endpoint]:
    """Return the routes of one workload; `example` is a prediction that a stranger understands."""
    shown = dict(example or schemas.example_row(contract.predictions.columns))
    return [
        _model(service, contract),
        _releases(service, contract),
        _run(service, contract),
        predictions_endpoint(service, contract, shown),
        _prediction(service, contract, shown),
    ]


def predictions_endpoint(service: Service, contract: Contract, example: Mapping[str, Any]) -> Endpoint:
    """Return the list of a workload's predictions."""
    row = schemas.row(contract.predictions.columns)
    return Endpoint(
        path=f"/v1/{contract.name}/predictions",
        summary=f"{contract.title}: all that fit the filters",
        doc=f"{contract.doc} Sorted by {', '.join(queries.key_columns(contract))}. Each page names the next and stays in the release it began with.",
        handler=partial(_read_predictions, service, contract),
        schema=schemas.envelope(schemas.rows(row)),
        example=example_of(contract, rows=[example], next=None),
        parameters=(*parameters.filters(contract), *parameters.paging(), *parameters.edition()),
        refusals=(404, 410, 422, 503),
        headers=LIST,
        tag=contract.name,
    )


def example_of(contract: Contract, **members: Any) -> dict[str, Any]:
    """Return an answer of `contract` as it might be, with these members."""
    head = {
        "workload": contract.name,
        "release": 12,
        "published_at": "2025-04-15T06:02:11.482913Z",
        "model_version": 3,
        "run": RUN_EXAMPLE,
    }
    return (
        head
        | {"data_as_of": "2025-04-15", "source": "openfootball", "attribution": contract.attribution}
        | members
    )


def _prediction(service: Service, contract: Contract, example: Mapping[str, Any]) -> Endpoint:
    return Endpoint(
        path=f"/v1/{contract.name}/predictions/{{entity:path}}",
        summary=f"{contract.title}: one by its {contract.entity}",
        doc=contract.predictions.doc,
        handler=partial(_read_prediction, service, contract),
        schema=schemas.envelope({"row": schemas.row(contract.predictions.columns)}),
        example=example_of(contract, row=example),
        parameters=(parameters.entity(contract, example[contract.entity]), *parameters.edition()),
        refusals=(404, 410, 422, 503),
        headers=FROM_RELEASE,
        tag=contract.name,
    )


def _model(service: Service, contract: Contract) -> Endpoint:
    model = schemas.example_row(records.MODEL_COLUMNS) | {
        "version": 3,
        "primary_metric": contract.primary_metric,
        "run": RUN_EXAMPLE,
    }
    return Endpoint(
        path=f"/v1/{contract.name}/model",
        summary=f"{contract.title}: the model that answers",
        doc="Version, held-out figures and what it was trained on. With `as_of` or `model_version`, those of another.",
        handler=partial(_read_model, service, contract),
        schema=schemas.envelope({"model": schemas.row(records.MODEL_COLUMNS)}),
        example=example_of(contract, model=model),
        parameters=parameters.edition(),
        refusals=(404, 410, 422, 503),
        headers=FROM_RELEASE,
        tag=contract.name,
    )


def _releases(service: Service, contract: Contract) -> Endpoint:
    entry = schemas.example_row(records.ENTRY_COLUMNS) | {
        "workload": contract.name,
        "run": RUN_EXAMPLE,
        "kind": "publish",
        "pruned_at": None,
    }
    return Endpoint(
        path=f"/v1/{contract.name}/releases",
        summary=f"{contract.title}: the ledger of releases, newest first",
        doc="Which run answered from which moment on, who released it and why. The first row is live. Nothing is ever removed from the ledger.",
        handler=partial(_read_releases, service, contract),
        schema=schemas.listing(schemas.row(records.ENTRY_COLUMNS)),
        example={"workload": contract.name, "rows": [entry], "next": None},
        parameters=(LIMIT, BEFORE),
        headers=HEADERS,
        tag=contract.name,
    )


def _run(service: Service, contract: Contract) -> Endpoint:
    run = schemas.example_row(records.RUN_COLUMNS) | {
        "run": RUN_EXAMPLE,
        "workload": contract.name,
        "kind": "run",
        "status": "succeeded",
    }
    return Endpoint(
        path=f"/v1/{contract.name}/runs/{{run}}",
        summary=f"{contract.title}: everything known about one run",
        doc="Parameters, commit, hashes of data, model and predictions, the notebooks with their hashes, time and memory.",
        handler=partial(_read_run, service, contract),
        schema={
            "type": "object",
            "required": ["workload", "run"],
            "properties": {"run": schemas.row(records.RUN_COLUMNS)},
        },
        example={"workload": contract.name, "run": run},
        parameters=(
            Parameter(
                "run", fields.text, parameters.TEXT, "Id of the run, as answers name it.", RUN_EXAMPLE, "path"
            ),
        ),
        refusals=(404, 422, 503),
        headers=HEADERS,
        tag=contract.name,
    )


async def _read_predictions(
    service: Service, contract: Contract, request: Request, values: Values
) -> Response:
    question = parse(contract, request, values)

    async def make(edition: Edition | None) -> Payload:
        return await pages.page(service, question, edition)

    return await service.answer(question, make)


async def _read_prediction(
    service: Service, contract: Contract, request: Request, values: Values
) -> Response:
    async def make(edition: Edition | None) -> Payload | None:
        if edition is None:
            return None
        found = await service.database.rows(
            *queries.one(contract, contract.predictions, edition, values["entity"])
        )
        return Payload(b'"row":' + found[0][0].encode()) if found else None

    return await service.answer(parse(contract, request, values), make)


async def _read_model(service: Service, contract: Contract, request: Request, values: Values) -> Response:
    async def make(edition: Edition | None) -> Payload | None:
        if edition is None or edition.model_version is None:
            return None
        found = await service.database.rows(
            records.MODEL, (contract.primary_metric, contract.name, edition.model_version)
        )
        return Payload(b'"model":' + found[0][0].encode()) if found else None

    return await service.answer(parse(contract, request, values), make)


async def _read_releases(service: Service, contract: Contract, request: Request, values: Values) -> Response:
    found = await service.database.rows(
        records.LEDGER, (contract.name, values["before"], values["limit"] + 1)
    )
    kept = found[: values["limit"]]
    following = pages.address(request, (), before=kept[-1][0]) if len(found) > len(kept) else None
    members = pages.listed((entry for _, entry in kept), following)
    return service.document(
        request, Payload(f'{{"workload":"{contract.name}",'.encode() + members.content + b"}", following)
    )


async def _read_run(service: Service, contract: Contract, request: Request, values: Values) -> Response:
    found = await service.database.rows(records.RUN, (contract.name, values["run"]))
    if not found:
        raise Problem(
            404,
            f"'{contract.name}' has no run with this id. GET /v1/{contract.name}/releases names those it released.",
        )
    return service.document(
        request, Payload(f'{{"workload":"{contract.name}","run":{found[0][0]}}}'.encode())
    )
