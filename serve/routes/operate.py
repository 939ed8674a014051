"""What operators do by HTTP: roll back, promote, resume, each with a reason that the ledger keeps."""

from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from pydantic import Field, StringConstraints
from starlette.responses import Response

from almanac.contract import Contract
from almanac.fields import StrictModel
from serve.answers import responses
from serve.answers.responses import ENCODE
from serve.answers.service import AccessDatabaseDep
from serve.http import schemas
from serve.http.documented import RUN_EXAMPLE, answers
from serve.http.origins import own_origin
from serve.http.problems import Problem
from serve.http.request_bodies import body
from serve.http.route import Route
from serve.reading.database import Database
from serve.users import audit

ROLLBACK = b"SELECT api.operate_rollback(%s, %s, %s, %s, %s)"
PROMOTE = b"SELECT api.operate_promote(%s, %s, %s, %s, %s)"
RESUME = b"SELECT api.operate_resume(%s, %s)"
Why = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=500, pattern=r"^[^\x00-\x1f\x7f]*$"),
]
INTEGER = {"type": ["integer", "null"]}
TEXT = {"type": ["string", "null"]}
OUTCOME = schemas.object_of(
    workload={"type": "string"},
    release={**INTEGER, "description": "The release that answers now; null before the first."},
    run=TEXT,
    model_version=INTEGER,
    on_hold={"type": "boolean", "description": "Whether later runs publish without releasing."},
)


class Order(StrictModel):
    """A reason, which the ledger keeps."""

    why: Why = Field(description="The reason; ledger and audit trail keep it.")


class Rollback(Order):
    """Go back to a run, or to the one before."""

    run: Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=r"^[0-9a-z-]+$")] | None = (
        Field(None, description="Id of the run to go back to; the run released before where it is missing.")
    )


class Promotion(Order):
    """Make a version champion."""

    model_version: int = Field(ge=1, le=2**31 - 1, description="A registered model version.")


def make_router(contract: Contract) -> APIRouter:
    """Return the routes by which operators change what a workload answers."""
    router = APIRouter(
        prefix=f"/v1/{contract.name}",
        tags=[contract.name],
        route_class=Route,
        dependencies=[Depends(own_origin)],
    )
    _add_rollback(router, contract)
    _add_promote(router, contract)
    _add_resume(router, contract)
    return router


def _add_rollback(router: APIRouter, contract: Contract) -> None:
    order = body(
        Rollback, {"why": "the newest chances are wrong"}, doc="The reason, and the run to go back to."
    )

    @router.post(
        "/rollback",
        summary=f"{contract.title}: answer from an earlier run again",
        description="The workload is on hold from then on: later runs publish without releasing.",
        **answers(OUTCOME, _example(contract, on_hold=True), 403, 404, 409, 503),
    )
    async def roll_back(
        request: Request, access: AccessDatabaseDep, rollback: Annotated[Rollback, order]
    ) -> Response:
        detail = {"why": rollback.why, **({"to": rollback.run} if rollback.run else {})}
        event = _event(request, "rollback", contract, detail)
        values = (contract.name, rollback.run, event["who"], rollback.why, audit.as_json(event))
        return await _carry_out(access, ROLLBACK, values)


def _add_promote(router: APIRouter, contract: Contract) -> None:
    order = body(
        Promotion, {"model_version": 3, "why": "better since May"}, doc="The version and the reason."
    )

    @router.post(
        "/promote",
        summary=f"{contract.title}: make a version champion and answer from it",
        description=(
            "Releases the newest complete run of the version and ends a hold. "
            "The next run or command tells the model registry."
        ),
        **answers(OUTCOME, _example(contract, on_hold=False), 403, 404, 409, 503),
    )
    async def promote(
        request: Request, access: AccessDatabaseDep, promotion: Annotated[Promotion, order]
    ) -> Response:
        version = promotion.model_version
        event = _event(request, "promote", contract, {"why": promotion.why, "version": str(version)})
        values = (contract.name, version, event["who"], promotion.why, audit.as_json(event))
        return await _carry_out(access, PROMOTE, values)


def _add_resume(router: APIRouter, contract: Contract) -> None:
    @router.post(
        "/resume",
        summary=f"{contract.title}: end a hold",
        description="The next run releases again.",
        **answers(OUTCOME, _example(contract, on_hold=False), 403, 503),
    )
    async def resume(
        request: Request,
        access: AccessDatabaseDep,
        order: Annotated[Order, body(Order, {"why": "the source is right again"}, doc="The reason.")],
    ) -> Response:
        event = _event(request, "resume", contract, {"why": order.why})
        return await _carry_out(access, RESUME, (contract.name, audit.as_json(event)))


def _event(request: Request, action: str, contract: Contract, detail: dict[str, str]) -> dict[str, Any]:
    return audit.row_of(request, action, subject=contract.name, detail=detail)


async def _carry_out(access: Database, query: bytes, values: Sequence[Any]) -> Response:
    """Do it once, however often the query is sent; raises Problem 404 or 409 where the ledger forbids it."""
    [(answer,)] = await access.rows(query, values)
    if "status" in answer:
        raise Problem(answer["status"], answer["detail"])
    return responses.fresh(ENCODE(answer).encode())


def _example(contract: Contract, *, on_hold: bool) -> dict[str, Any]:
    example = {"workload": contract.name, "release": 13, "run": RUN_EXAMPLE, "model_version": 3}
    return example | {"on_hold": on_hold}
