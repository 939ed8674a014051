"""The routes: those of the platform, generic ones of every workload, and a folder for a workload's own.

`serve/routes/<workload>/__init__.py` has `routers`, EXAMPLE (one prediction), and `intake_routers` where the
workload takes in data.
"""

from collections.abc import Iterable
from importlib import import_module
from pathlib import Path
from types import ModuleType

from fastapi import APIRouter
from fastapi.routing import APIRoute
from starlette.routing import BaseRoute

from almanac.contract import Contract
from serve.answers.service import Service
from serve.http.request_bodies import JsonBody
from serve.http.route import Route
from serve.routes import generic, live, operate, platform

HERE = Path(__file__).parent
# Routes are tried in their order, so what is read most stands first.
OF_ACCESS = ("auth", "users", "keys", "audit")
READ_MOST = ("{entity:path}", "predictions")


def make_routes(service: Service) -> list[APIRoute]:
    """Return every route of a server.

    Routes that store what clients send exist only where it takes in data, those about users and keys,
    and those of operators, only where access is on.
    """
    routers = [platform.router, live.router]
    if service.access:
        # PyJWT and argon2 take memory, so they are imported only where they are used.
        routers += [import_module(f"serve.routes.{name}").router for name in OF_ACCESS]
    for contract in service.contracts.values():
        routers += _routers(contract, service)
    return sorted(_first_of_each_address(routers), key=_rank)


def largest_body(routes: Iterable[BaseRoute]) -> int:
    """Return the largest limit of a body that a route sets for itself."""
    steps = [step for route in routes if isinstance(route, Route) for step in route.steps]
    limits = (step.call.limit_bytes or 0 for step in steps if isinstance(step.call, JsonBody))
    return max(limits, default=0)


def _routers(contract: Contract, service: Service) -> list[APIRouter]:
    module = _module(contract.name)
    if module is None:
        return [*_operating(contract, service), generic.make_router(contract)]
    intake = getattr(module, "intake_routers", ()) if service.ingest else ()
    operating = _operating(contract, service)
    return [*intake, *operating, *module.routers, generic.make_router(contract, module.EXAMPLE)]


def _operating(contract: Contract, service: Service) -> list[APIRouter]:
    """Return the routes of operators, which exist only where it is sure who asks."""
    return [operate.make_router(contract)] if service.access else []


def _first_of_each_address(routers: Iterable[APIRouter]) -> Iterable[APIRoute]:
    """Yield the routes, of several for one address the first: a workload may replace a generic route."""
    seen = set()
    for router in routers:
        for route in router.routes:
            if isinstance(route, APIRoute):
                address = (route.path, *sorted(route.methods or ()))
                if address not in seen:
                    yield route
                seen.add(address)


def _rank(route: APIRoute) -> int:
    last = route.path.rsplit("/", 1)[-1]
    return READ_MOST.index(last) if last in READ_MOST else len(READ_MOST)


def _module(workload: str) -> ModuleType | None:
    has_folder = (HERE / workload / "__init__.py").is_file()
    return import_module(f"serve.routes.{workload}") if has_folder else None
