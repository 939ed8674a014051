"""What would change for readers between two model versions: counts, the largest moves, changed words."""

from dataclasses import dataclass

import pandas as pd

from almanac import discovery
from almanac.contract import Contract
from almanac.errors import NotFound
from almanac.store.connections.database import Database
from almanac.store.publishing import published
from almanac.store.records import runs

NUMBERS = ("real", "integer", "bigint")
MOVES = ["column", "before", "after", "move"]
NOTHING_TO_COMPARE = (
    "Version {version} of '{workload}' has no kept predictions to compare. "
    "Each run scores champion and challenger."
)


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
    ids = [_run_ids(database, contract, version) for version in (first, second)]
    pair = published.differences(database, contract, ids[0], ids[1])
    before, after = (frame.set_index(contract.entity) for frame in (pair.before, pair.after))
    moves, words = _moves(contract, before, after), _words(contract, before, after)
    newest = (ids[0][-1], ids[1][-1])
    return Comparison(newest, pair.common, len(before), pair.only_first, pair.only_second, moves, words)


def _run_ids(database: Database, contract: Contract, version: int) -> list[str]:
    """Return the newest run of a version, or all that make it up where the workload is incremental."""
    with database.engine.begin() as connection:
        newest = runs.newest_of_version(connection, contract.name, version)
        parts = runs.of_version(connection, contract.name, version) if contract.incremental else []
    if newest is None:
        raise NotFound(NOTHING_TO_COMPARE.format(version=version, workload=contract.name))
    return [str(run["run_id"]) for run in parts or [newest]]


def _moves(contract: Contract, before: pd.DataFrame, after: pd.DataFrame) -> pd.DataFrame:
    """Return for each entity the numeric column that moved most, largest move first."""
    names = _columns(contract, *NUMBERS)
    if not names or before.empty:
        return pd.DataFrame(columns=MOVES)
    distances = (after[names].astype("float64") - before[names].astype("float64")).abs().fillna(0.0)
    columns = distances.idxmax(axis=1)
    values = [(before.at[entity, name], after.at[entity, name]) for entity, name in columns.items()]
    moves = pd.DataFrame(values, index=before.index, columns=["before", "after"])
    moves = moves.assign(column=columns, move=distances.max(axis=1))
    return moves[moves["move"] > 0].sort_values("move", ascending=False)[MOVES]


def _words(contract: Contract, before: pd.DataFrame, after: pd.DataFrame) -> pd.DataFrame:
    """Return every changed text: entity, column, before, after."""
    rows = []
    for name in _columns(contract, "text"):
        is_changed = before[name].fillna("") != after[name].fillna("")
        rows += [
            (entity, name, before.at[entity, name], after.at[entity, name])
            for entity in before.index[is_changed]
        ]
    return pd.DataFrame(rows, columns=[contract.entity, "column", "before", "after"])


def _columns(contract: Contract, *types: str) -> list[str]:
    """Return the columns of these types that say something of an entity."""
    about_other = {*published.ABOUT_THE_RUN, contract.entity}
    columns = contract.predictions.columns
    return [column.name for column in columns if column.type in types and column.name not in about_other]
