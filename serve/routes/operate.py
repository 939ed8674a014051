"""What operators do by HTTP: roll back, promote, resume, each with a reason that the ledger keeps."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from almanac.contract import Contract
from serve.answers import responses
from serve.answers.responses import ENCODE
from serve.answers.service import AccessDatabaseDep
from serve.http import schemas
from serve.http.documented import RUN_EXAMPLE, answers
from serve.http.origins import own_origin
from serve.http.request_bodies import body
from serve.http.route import Route
from serve.users import orders
from serve.users.orders import Order, Promotion, Rollback

INTEGER = {"type": ["integer", "null"]}
TEXT = {"type": ["string", "null"]}
OUTCOME = schemas.object_of(
    workload={"type": "string"},
    release={**INTEGER, "description": "The release that answers now; null before the first."},
    run=TEXT,
    model_version=INTEGER,
    on_hold={"type": "boolean", "description": "Whether later runs publish without releasing."},
)


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
        return _answer(await orders.roll_back(request, access, contract.name, rollback))


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
        return _answer(await orders.promote(request, access, contract.name, promotion))


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
        return _answer(await orders.resume(request, access, contract.name, order))


def _answer(outcome: dict[str, Any]) -> Response:
    return responses.fresh(ENCODE(outcome).encode())


def _example(contract: Contract, *, on_hold: bool) -> dict[str, Any]:
    example = {"workload": contract.name, "release": 13, "run": RUN_EXAMPLE, "model_version": 3}
    return example | {"on_hold": on_hold}
