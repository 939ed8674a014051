"""What operators do from the ledger of a workload: forms that roll back, promote and resume."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from almanac.contract import Contract
from serve.answers.service import AccessDatabaseDep
from serve.http.forms import form
from serve.http.origins import own_origin
from serve.pages import route
from serve.pages.route import PageRoute
from serve.users import orders
from serve.users.orders import Order, Promotion, Rollback


def make_router(contract: Contract) -> APIRouter:
    """Return the forms of the ledger of one workload; each leads back to the ledger."""
    name = contract.name
    router = APIRouter(prefix=f"/{name}", route_class=PageRoute, dependencies=[Depends(own_origin)])

    @router.post("/rollback")
    async def roll_back(
        request: Request, access: AccessDatabaseDep, order: Annotated[Rollback, form(Rollback)]
    ) -> Response:
        await orders.roll_back(request, access, name, order)
        return route.to(request, f"/{name}/ledger")

    @router.post("/promote")
    async def promote(
        request: Request, access: AccessDatabaseDep, order: Annotated[Promotion, form(Promotion)]
    ) -> Response:
        await orders.promote(request, access, name, order)
        return route.to(request, f"/{name}/ledger")

    @router.post("/resume")
    async def resume(
        request: Request, access: AccessDatabaseDep, order: Annotated[Order, form(Order)]
    ) -> Response:
        await orders.resume(request, access, name, order)
        return route.to(request, f"/{name}/ledger")

    return router
