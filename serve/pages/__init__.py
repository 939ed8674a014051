"""The pages that people read: one list of all their routes, each a template over what `serve.answers` reads.

`serve/pages/<workload>/__init__.py` has `router` where a workload has a page of its own.
"""

from importlib import import_module
from pathlib import Path

from fastapi import APIRouter
from fastapi.routing import APIRoute
from starlette.routing import BaseRoute

from almanac.contract import Contract
from serve.answers.service import Service
from serve.pages import assets, history, home, orders, workload

HERE = Path(__file__).parent
OF_ACCESS = ("login", "sessions")


def make_routes(service: Service, mlflow_url: str) -> list[BaseRoute]:
    """Return the routes of every page, and that of the files that pages need."""
    routers = [home.router]
    if service.access:
        # PyJWT and argon2 take memory, so they are imported only where they are used.
        routers += [import_module(f"serve.pages.{name}").router for name in OF_ACCESS]
        routers += [orders.make_router(contract) for contract in service.contracts.values()]
    for contract in service.contracts.values():
        routers += _routers(contract, mlflow_url)
    pages: list[BaseRoute] = [
        route for router in routers for route in router.routes if isinstance(route, APIRoute)
    ]
    return [*pages, assets.route()]


def _routers(contract: Contract, mlflow_url: str) -> list[APIRouter]:
    own = _own_router(contract.name)
    generic = workload.make_router(contract, has_own_page=own is not None)
    # The own pages come last: some end in the name of anything.
    return [generic, history.make_router(contract, mlflow_url), *([own] if own else [])]


def _own_router(name: str) -> APIRouter | None:
    """Return the pages that a workload has for itself."""
    if not (HERE / name / "__init__.py").is_file():
        return None
    router: APIRouter = import_module(f"serve.pages.{name}").router
    return router
