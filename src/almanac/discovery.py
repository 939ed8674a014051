"""The workloads: every package below `workloads/` with a `contract` module is one."""

from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

from almanac.contract import Contract
from almanac.errors import ContractError, UnknownWorkload

WORKLOADS = Path(__file__).with_name("workloads")
# Every module of a workload that the platform looks for; all but the contract are optional.
HOOKS = {
    "contract": "CONTRACT declares the tables, filters, cadence and parameters of the workload.",
    "sources": "`fetch` reads the raw tables of the workload.",
    "features": "`build` makes the frame of features; `one` does so for the input of `almanac predict-one`.",
    "evaluation": "`score` measures predictions on cases later than the training.",
    "model": "`make` makes the unfitted model, `predict` scores rows; TRUSTED_TYPES lists its classes.",
    "entries": "`store` stores those entries of an incremental workload that are not there yet.",
    "reproduction": "`again` scores the entries of an incremental run again, for `almanac reproduce`.",
    "upkeep": "`prepare`, `tend` and `expired` run around each release: search, rules of alerts, retention.",
    "summary": "`headline` and `facts` are what the terminal shows of a run.",
    "commands": "`add_to` adds the commands of the workload to the command line.",
    "migrations": "Numbered SQL files, applied once each, make what no contract can declare.",
}


def names() -> list[str]:
    """Return the names of all workloads, sorted."""
    return sorted(path.parent.name for path in WORKLOADS.glob("*/contract.py"))


def contract(name: str) -> Contract:
    """Return the contract of one workload; raises UnknownWorkload, ContractError."""
    if name not in names():
        raise UnknownWorkload(name, names())
    declared: Contract = import_module(f"almanac.workloads.{name}.contract").CONTRACT
    if declared.name != name:
        where = f"The contract in workloads/{name}"
        raise ContractError(f"{where} calls itself '{declared.name}'; use the folder's name.")
    return declared


def contracts() -> dict[str, Contract]:
    """Return every workload's contract by name."""
    return {name: contract(name) for name in names()}


def migrations(name: str) -> list[Path]:
    """Return the SQL files of a workload in their order; none where it has no folder of them."""
    return sorted((WORKLOADS / name / "migrations").glob("*.sql"))


def module(name: str, hook: str) -> ModuleType | None:
    """Return the module `hook` of workload `name`, one of HOOKS, or None where the workload has none."""
    if hook not in HOOKS:
        raise LookupError(f"'{hook}' is no hook. Hooks: {', '.join(HOOKS)}.")
    contract(name)
    path = f"almanac.workloads.{name}.{hook}"
    return import_module(path) if find_spec(path) else None
