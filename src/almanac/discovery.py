"""The workloads: every package below `workloads/` with a `contract` module is one."""

import logging
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

from almanac.contract import Contract
from almanac.errors import ContractError, UnknownWorkload

UNREADABLE = "The contract of '{name}' cannot be read: {reason}. Mend workloads/{name}/contract.py."
log = logging.getLogger("almanac")
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
    declared = _declared(name)
    if declared.name != name:
        where = f"The contract in workloads/{name}"
        raise ContractError(f"{where} calls itself '{declared.name}'; use the folder's name.")
    return declared


def contracts() -> dict[str, Contract]:
    """Return every workload's contract by name; one that cannot be read is logged and left out."""
    unreadable = refusals()
    for refusal in unreadable.values():
        log.warning(refusal)
    return {name: contract(name) for name in names() if name not in unreadable}


def refusals() -> dict[str, ContractError]:
    """Return why the contracts of some workloads cannot be read, by name."""
    return {name: error for name in names() for error in _refusal(name)}


def _refusal(name: str) -> list[ContractError]:
    try:
        contract(name)
    except ContractError as error:
        return [error]
    return []


def _declared(name: str) -> Contract:
    """Import the contract of a workload; raises ContractError for whatever is wrong with its file."""
    try:
        declared = import_module(f"almanac.workloads.{name}.contract").CONTRACT
    except Exception as error:
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        raise ContractError(UNREADABLE.format(name=name, reason=reason[:300])) from error
    if not isinstance(declared, Contract):
        reason = f"CONTRACT is of type {type(declared).__name__}"
        raise ContractError(UNREADABLE.format(name=name, reason=reason))
    return declared


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
