"""What would change for readers between two model versions: how many predictions, the largest moves, changed words."""

from dataclasses import dataclass

import pandas as pd

from almanac import workloads
from almanac.contract import Contract
from almanac.errors import NotFound
from almanac.store import reading, runs
from almanac.store.database import Database


@dataclass(frozen=True)
class Comparison:
    """Two versions side by side: `moves` has the largest numeric change per entity, `words` every changed text."""

    runs: tuple[str, str]
    common: int
    changed: int
    only_first: int
    only_second: int
    moves: pd.DataFrame
    words: pd.DataFrame


def compare(database: Database, workload: str, first: int, second: int) -> Comparison:
    """Compare the newest kept predictions of two versions; raises NotFound where a version has none."""
    contract = workloads.contract(workload)
    ids = tuple(_run_of(database, workload, version) for version in (first, second))
    before, after = (reading.published(database, contract, contract.predictions.name, run_id).set_index(contract.entity) for run_id in ids)
    common = before.index.intersection(after.index)
    moves, words = _moves(contract, before.loc[common], after.loc[common]), _words(contract, before.loc[common], after.loc[common])
    changed = set(moves.index) | set(words[contract.entity])
    return Comparison((ids[0], ids[1]), len(common), len(changed), len(before) - len(common), len(after) - len(common), moves, words)


def _run_of(database: Database, workload: str, version: int) -> str:
    with database.engine.begin() as connection:
        found = runs.with_version(connection, workload, version)
    if found is None:
        raise NotFound(f"Version {version} of '{workload}' has no kept predictions to compare. Each run scores champion and challenger.")
    return str(found["run_id"])


def _moves(contract: Contract, before: pd.DataFrame, after: pd.DataFrame) -> pd.DataFrame:
    """Return for each entity the numeric column that moved most, largest move first."""
    numbers = [column.name for column in contract.predictions.columns if column.type in ("real", "integer", "bigint")]
    if not numbers or before.empty:
        return pd.DataFrame(columns=["column", "before", "after", "move"])
    distance = (after[numbers].astype("float64") - before[numbers].astype("float64")).abs().fillna(0.0)
    column = distance.idxmax(axis=1)
    rows = [(before.at[entity, name], after.at[entity, name]) for entity, name in column.items()]
    made = pd.DataFrame(rows, index=before.index, columns=["before", "after"]).assign(column=column, move=distance.max(axis=1))
    return made[made["move"] > 0].sort_values("move", ascending=False)[["column", "before", "after", "move"]]


def _words(contract: Contract, before: pd.DataFrame, after: pd.DataFrame) -> pd.DataFrame:
    """Return every changed text: entity, column, before, after."""
    texts = [column.name for column in contract.predictions.columns if column.type == "text" and column.name != contract.entity]
    rows = [
        (entity, name, before.at[entity, name], after.at[entity, name])
        for name in texts
        for entity in before.index[before[name].fillna("") != after[name].fillna("")]
    ]
    return pd.DataFrame(rows, columns=[contract.entity, "column", "before", "after"])
