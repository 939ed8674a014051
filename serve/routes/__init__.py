"""The routes: the generic ones of every workload, the platform's, and one folder for each workload that has its own."""

from importlib import import_module
from pathlib import Path
from types import ModuleType

from almanac.contract import Contract
from serve.answers.service import Service
from serve.http.endpoints import Endpoint
from serve.routes import generic, platform

HERE = Path(__file__).parent
OWN = {"generic", "platform"}


def endpoints(service: Service) -> list[Endpoint]:
    """Return every route of a server, the platform's first."""
    found = platform.endpoints(service)
    for contract in service.contracts.values():
        found += _of_workload(service, contract)
    return found


def _of_workload(service: Service, contract: Contract) -> list[Endpoint]:
    """Return a workload's routes; its own folder may bring an EXAMPLE of a prediction, further endpoints, and one in place of a generic one."""
    module = _module(contract.name)
    if module is None:
        return generic.endpoints(service, contract)
    own: list[Endpoint] = module.endpoints(service, contract)
    taken = {endpoint.path for endpoint in own}
    return [
        *own,
        *(
            each
            for each in generic.endpoints(service, contract, example=module.EXAMPLE)
            if each.path not in taken
        ),
    ]


def _module(workload: str) -> ModuleType | None:
    has_folder = workload not in OWN and (HERE / workload).is_dir()
    return import_module(f"serve.routes.{workload}") if has_folder else None
