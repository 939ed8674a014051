"""The routes that every workload has, made from its contract."""

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from pydantic import Field
from starlette.responses import Response

from almanac.contract import Contract
from serve.answers import pages
from serve.answers.release import Release, ReleaseOf, ReleaseRoute
from serve.answers.responses import ENCODE, payload
from serve.answers.service import ServiceDep
from serve.http import query_models, schemas
from serve.http.documented import RUN_EXAMPLE, TAGGED, answers, page_of, released
from serve.http.problems import NotFound
from serve.http.query_models import (
    DEFAULT_LIMIT,
    MOST_ROWS,
    NUMBER,
    TEXT,
    EntityQuery,
    PageQuery,
    QueryModel,
    whole,
)
from serve.reading import queries, records

NEWEST = 2**63 - 1
NO_RUN = "'{}' has no run with this id. GET /v1/{}/releases names those it released."
LEDGER_DOC = """\
Which run answered from which moment on, who released it and why. The first row is live. Nothing is ever
removed from the ledger."""
PAGES_DOC = "Each page names the next and stays in the release it began with."
RUN_DOC = """\
Parameters, commit, hashes of data, model and predictions, the notebooks with their hashes, time and
memory."""
MODEL_DOC = """\
Version, held-out figures and what it was trained on. With `as_of` or `model_version`, those of another."""
RUN = schemas.object_of(workload={"type": "string"}, run=schemas.row(records.RUN_COLUMNS))
LEDGER = schemas.listing(schemas.row(records.ENTRY_COLUMNS))


class LedgerQuery(QueryModel):
    """A page of the ledger."""

    limit: Annotated[
        int, whole(1, MOST_ROWS), Field(description="Most rows of one page.", examples=[DEFAULT_LIMIT])
    ] = DEFAULT_LIMIT
    before: Annotated[
        int | None, NUMBER, Field(description="Only releases with a smaller number.", examples=[12])
    ] = None


class RunQuery(QueryModel):
    """One run."""

    run: Annotated[str, TEXT, Field(description="Id of the run, as answers name it.", examples=[RUN_EXAMPLE])]


def make_router(contract: Contract, example: Mapping[str, Any] | None = None) -> APIRouter:
    """Return the routes of a workload; `example` is a prediction that a stranger understands."""
    router = APIRouter(prefix=f"/v1/{contract.name}", tags=[contract.name], route_class=ReleaseRoute)
    prediction = dict(example or schemas.example_row(contract.predictions.columns))
    _add_predictions(router, contract, prediction)
    _add_prediction(router, contract, prediction)
    _add_model(router, contract)
    _add_ledger(router, contract)
    _add_run(router, contract)
    return router


def _add_predictions(router: APIRouter, contract: Contract, example: Mapping[str, Any]) -> None:
    order = ", ".join(queries.key_columns(contract))

    @router.get(
        "/predictions",
        summary=f"{contract.title}: all that fit the filters",
        description=f"{contract.doc} Sorted by {order}. {PAGES_DOC}",
        **page_of(contract, contract.predictions.columns, example),
    )
    async def list_predictions(
        query: Annotated[PageQuery, Depends(query_models.filtered(contract).read)],
        release: Annotated[Release, Depends(ReleaseOf(contract))],
    ) -> Response:
        return await release.page(query.parameters())


def _add_prediction(router: APIRouter, contract: Contract, example: Mapping[str, Any]) -> None:
    table = contract.predictions
    entity = query_models.of_entity(contract, example[contract.entity])

    @router.get(
        "/predictions/{entity:path}",
        summary=f"{contract.title}: one by its {contract.entity}",
        description=table.doc,
        **released(contract, {"row": schemas.row(table.columns)}, {"row": example}),
    )
    async def read_prediction(
        query: Annotated[EntityQuery, Depends(entity.read)],
        release: Annotated[Release, Depends(ReleaseOf(contract))],
    ) -> Response:
        return release.answer(row=await release.row(table, query.entity))


def _add_model(router: APIRouter, contract: Contract) -> None:
    example = model_example(contract)

    @router.get(
        "/model",
        summary=f"{contract.title}: the model that answers",
        description=MODEL_DOC,
        **released(contract, {"model": schemas.row(records.MODEL_COLUMNS)}, {"model": example}),
    )
    async def read_model(release: Annotated[Release, Depends(ReleaseOf(contract))]) -> Response:
        return release.answer(model=await release.model())


def _add_ledger(router: APIRouter, contract: Contract) -> None:
    entry = schemas.example_row(records.ENTRY_COLUMNS)
    entry |= {"workload": contract.name, "run": RUN_EXAMPLE, "kind": "publish", "pruned_at": None}
    example = {"workload": contract.name, "rows": [entry], "next": None}

    @router.get(
        "/releases",
        summary=f"{contract.title}: the ledger of releases, newest first",
        description=LEDGER_DOC,
        **answers(LEDGER, example, 503, headers=TAGGED),
    )
    async def list_releases(
        request: Request, service: ServiceDep, query: Annotated[LedgerQuery, Depends(LedgerQuery.read)]
    ) -> Response:
        values = (contract.name, query.before or NEWEST, query.limit + 1)
        rows = await service.database.rows(records.LEDGER, values)
        page, following = pages.cut_by_number(request, rows, query.limit)
        members = {"workload": ENCODE(contract.name)} | pages.members(page, following)
        return service.document(request, payload(members, following))


def _add_run(router: APIRouter, contract: Contract) -> None:
    run = schemas.example_row(records.RUN_COLUMNS)
    run |= {"run": RUN_EXAMPLE, "workload": contract.name, "kind": "run", "status": "succeeded"}

    @router.get(
        "/runs/{run}",
        summary=f"{contract.title}: everything known about one run",
        description=RUN_DOC,
        **answers(RUN, {"workload": contract.name, "run": run}, 404, 503, headers=TAGGED),
    )
    async def read_run(
        request: Request, service: ServiceDep, query: Annotated[RunQuery, Depends(RunQuery.read)]
    ) -> Response:
        rows = await service.database.rows(records.RUN, (contract.name, query.run))
        if not rows:
            raise NotFound(NO_RUN.format(contract.name, contract.name))
        return service.document(request, payload({"workload": ENCODE(contract.name), "run": rows[0][0]}))


def model_example(contract: Contract) -> dict[str, Any]:
    """Return what a model might say of itself."""
    example = schemas.example_row(records.MODEL_COLUMNS)
    return example | {"version": 3, "primary_metric": contract.primary_metric, "run": RUN_EXAMPLE}
