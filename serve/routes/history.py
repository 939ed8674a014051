"""The routes of a workload's history: the ledger, the runs, and the figures of its model versions."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from pydantic import Field
from starlette.responses import Response

from almanac.contract import Contract
from serve.answers import history, pages
from serve.answers.responses import ENCODE, payload
from serve.answers.service import ServiceDep
from serve.http import schemas
from serve.http.documented import RUN_EXAMPLE, TAGGED, answers
from serve.http.query_models import DEFAULT_LIMIT, MOST_ROWS, NUMBER, TEXT, QueryModel, one_of, whole
from serve.reading import records

LEDGER_DOC = """\
Which run answered from which moment on, who released it and why. The first row is live. Nothing is ever
removed from the ledger."""
RUNS_DOC = """\
Every attempt of the workload, runs that failed and shadow runs included. `success` counts the newest 30 runs
that ended."""
RUN_DOC = """\
Parameters, commit, hashes of data, model and predictions, the notebooks with their hashes, time and
memory."""
MODELS_DOC = """\
Held-out figures of every version, and the metric by which each was compared."""
RUN = schemas.object_of(workload={"type": "string"}, run=schemas.row(records.RUN_COLUMNS))
LEDGER = schemas.listing(schemas.row(records.ENTRY_COLUMNS))
RUNS = schemas.listing(schemas.row(records.SHORT_RUN_COLUMNS))
RUNS["properties"] |= {"success": schemas.row(records.SUCCESS_COLUMNS)}
MODELS = schemas.listing(schemas.row(records.MODEL_COLUMNS))
LIMIT = Field(description="Most rows of one page.", examples=[DEFAULT_LIMIT])
SUCCESS_EXAMPLE = {"runs": 30, "succeeded": 29, "rate": 0.9667}


class LedgerQuery(QueryModel):
    """A page of the ledger."""

    limit: Annotated[int, whole(1, MOST_ROWS), LIMIT] = DEFAULT_LIMIT
    before: Annotated[
        int | None, NUMBER, Field(description="Only releases with a smaller number.", examples=[12])
    ] = None


class RunsQuery(QueryModel):
    """A page of the runs."""

    limit: Annotated[int, whole(1, MOST_ROWS), LIMIT] = DEFAULT_LIMIT
    before: Annotated[
        str | None, TEXT, Field(description="Only runs that started before this one.", examples=[RUN_EXAMPLE])
    ] = None
    status: Annotated[
        str | None,
        one_of("running", "succeeded", "failed"),
        Field(description="Only runs of this status.", examples=["failed"]),
    ] = None


class ModelsQuery(QueryModel):
    """A page of the model versions."""

    limit: Annotated[int, whole(1, MOST_ROWS), LIMIT] = DEFAULT_LIMIT
    before: Annotated[
        int | None, NUMBER, Field(description="Only versions with a smaller number.", examples=[3])
    ] = None


class RunQuery(QueryModel):
    """One run."""

    run: Annotated[str, TEXT, Field(description="Id of the run, as answers name it.", examples=[RUN_EXAMPLE])]


def add_to(router: APIRouter, contract: Contract, model: dict[str, Any]) -> None:
    """Add the routes of one workload; `model` is an example of a version."""
    _add_ledger(router, contract)
    _add_runs(router, contract)
    _add_run(router, contract)
    _add_models(router, contract, model)


def _add_ledger(router: APIRouter, contract: Contract) -> None:
    entry = schemas.example_row(records.ENTRY_COLUMNS)
    entry |= {"workload": contract.name, "run": RUN_EXAMPLE, "kind": "publish", "pruned_at": None}

    @router.get(
        "/releases",
        summary=f"{contract.title}: the ledger of releases, newest first",
        description=LEDGER_DOC,
        **answers(LEDGER, _listed(contract, entry), 503, headers=TAGGED),
    )
    async def list_releases(
        request: Request, service: ServiceDep, query: Annotated[LedgerQuery, Depends(LedgerQuery.read)]
    ) -> Response:
        rows = await history.releases(service, contract, query.limit, query.before)
        page, following = pages.cut_by_number(request, rows, query.limit)
        members = {"workload": ENCODE(contract.name)} | pages.members(page, following)
        return service.document(request, payload(members, following))


def _add_runs(router: APIRouter, contract: Contract) -> None:
    run = schemas.example_row(records.SHORT_RUN_COLUMNS) | {"run": RUN_EXAMPLE, "kind": "run"}
    run |= {"status": "succeeded", "reason": None, "parent_run": None, "releases": [12], "pruned_at": None}

    @router.get(
        "/runs",
        summary=f"{contract.title}: its runs, newest first",
        description=RUNS_DOC,
        **answers(RUNS, _listed(contract, run) | {"success": SUCCESS_EXAMPLE}, 503, headers=TAGGED),
    )
    async def list_runs(
        request: Request, service: ServiceDep, query: Annotated[RunsQuery, Depends(RunsQuery.read)]
    ) -> Response:
        rows = await history.runs(service, contract, query.limit, before=query.before, status=query.status)
        page, following = pages.cut_by_number(request, rows, query.limit)
        members = {"workload": ENCODE(contract.name), "success": await history.success(service, contract)}
        return service.document(request, payload(members | pages.members(page, following), following))


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
        record = await history.run(service, contract, query.run)
        return service.document(request, payload({"workload": ENCODE(contract.name), "run": record}))


def _add_models(router: APIRouter, contract: Contract, model: dict[str, Any]) -> None:
    @router.get(
        "/models",
        summary=f"{contract.title}: figures of its model versions, newest first",
        description=MODELS_DOC,
        **answers(MODELS, _listed(contract, model), 503, headers=TAGGED),
    )
    async def list_models(
        request: Request, service: ServiceDep, query: Annotated[ModelsQuery, Depends(ModelsQuery.read)]
    ) -> Response:
        rows = await history.models(service, contract, query.limit, query.before)
        page, following = pages.cut_by_number(request, rows, query.limit)
        members = {"workload": ENCODE(contract.name)} | pages.members(page, following)
        return service.document(request, payload(members, following))


def _listed(contract: Contract, row: dict[str, Any]) -> dict[str, Any]:
    return {"workload": contract.name, "rows": [row], "next": None}
