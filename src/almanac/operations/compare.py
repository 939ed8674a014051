"""What would change for readers between two model versions: how many predictions, the largest moves, changed words."""

from dataclasses import dataclass

import pandas as pd

from almanac import discovery
from almanac.contract import Contract
from almanac.errors import NotFound
from almanac.store.connections.database import Database
from almanac.store.publishing import published
from almanac.store.records import runs


@dataclass(frozen=True)
class Comparison:
    """Two versions side by side: `changed` counts entities that differ in any column.

    `moves` has the largest numeric change per entity, `words` every changed text.
    """

    runs: tuple[str, str]
    common: int
    changed: int
    only_first: int
    only_second: int
    moves: pd.DataFrame
    words: pd.DataFrame


def compare(database: Database, workload: str, first: int, second: int) -> Comparison:
    """Compare the newest kept predictions of two versions; raises NotFound where a version has none."""
    contract = discovery.contract(workload)
    ids = [_runs_of(database, contract, version) for version in (first, second)]
    pair = published.differences(database, contract, ids[0], ids[1])
    before, after = pair.before.set_index(contract.entity), pair.after.set_index(contract.entity)
    moves, words = _moves(contract, before, after), _words(contract, before, after)
    return Comparison(
        (ids[0][-1], ids[1][-1]), pair.common, len(before), pair.only_first, pair.only_second, moves, words
    )


def _runs_of(database: Database, contract: Contract, version: int) -> list[str]:
    """Return the newest run of a version, or all that make it up where the workload is incremental."""
    with database.engine.begin() as connection:
        newest = runs.newest_of_version(connection, contract.name, version)
        every = runs.of_version(connection, contract.name, version) if contract.incremental else []
    if newest is None:
        raise NotFound(
            f"Version {version} of '{contract.name}' has no kept predictions to compare. Each run scores champion and challenger."
        )
    return [str(record["run_id"]) for record in every] or [str(newest["run_id"])]


def _moves(contract: Contract, before: pd.DataFrame, after: pd.DataFrame) -> pd.DataFrame:
    """Return for each entity the numeric column that moved most, largest move first."""
    kinds = ("real", "integer", "bigint")
    numbers = [
        column.name
        for column in contract.predictions.columns
        if column.type in kinds and column.name not in published.ABOUT_THE_RUN
    ]
    numbers = [name for name in numbers if name != contract.entity]
    if not numbers or before.empty:
        return pd.DataFrame(columns=["column", "before", "after", "move"])
    distance = (after[numbers].astype("float64") - before[numbers].astype("float64")).abs().fillna(0.0)
    column = distance.idxmax(axis=1)
    rows = [(before.at[entity, name], after.at[entity, name]) for entity, name in column.items()]
    made = pd.DataFrame(rows, index=before.index, columns=["before", "after"]).assign(
        column=column, move=distance.max(axis=1)
    )
    return made[made["move"] > 0].sort_values("move", ascending=False)[["column", "before", "after", "move"]]


def _words(contract: Contract, before: pd.DataFrame, after: pd.DataFrame) -> pd.DataFrame:
    """Return every changed text: entity, column, before, after."""
    texts = [
        column.name
        for column in contract.predictions.columns
        if column.type == "text" and column.name != contract.entity
    ]
    rows = [
        (entity, name, before.at[entity, name], after.at[entity, name])
        for name in texts
        for entity in before.index[before[name].fillna("") != after[name].fillna("")]
    ]
    return pd.DataFrame(rows, columns=[contract.entity, "column", "before", "after"])
