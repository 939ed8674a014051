"""The folder is the registry: every package here with a `contract` module is a workload."""

from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

from almanac.contract import Contract
from almanac.errors import ContractError, UnknownWorkload

HERE = Path(__file__).parent


def names() -> list[str]:
    """Return the names of all workloads, sorted."""
    return sorted(path.parent.name for path in HERE.glob("*/contract.py"))


def contract(name: str) -> Contract:
    """Return the contract of one workload; raises UnknownWorkload, ContractError."""
    if name not in names():
        raise UnknownWorkload(name, names())
    declared: Contract = import_module(f"almanac.workloads.{name}.contract").CONTRACT
    if declared.name != name:
        raise ContractError(f"The contract in workloads/{name} calls itself '{declared.name}'; use the folder's name.")
    return declared


def contracts() -> dict[str, Contract]:
    """Return every workload's contract by name."""
    return {name: contract(name) for name in names()}


def migrations(name: str) -> list[Path]:
    """Return the SQL files that make a workload's own tables, in their order; a workload of a test may have no folder."""
    return sorted((HERE / name / "migrations").glob("*.sql"))


def module(name: str, part: str) -> ModuleType | None:
    """Return the module `part` of workload `name`, or None where the workload has none."""
    contract(name)
    path = f"almanac.workloads.{name}.{part}"
    return import_module(path) if find_spec(path) else None
