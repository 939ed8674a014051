"""Records of model versions: what each was made from, and the hash its files must have."""

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from almanac.errors import NotFound
from almanac.store import frames
from almanac.store.tables import model_versions

Record = sa.RowMapping
COLUMNS = model_versions.c


def get(connection: sa.Connection, workload: str, version: int) -> Record:
    """Return the record of one version; raises NotFound."""
    query = sa.select(model_versions).where(COLUMNS.workload == workload, COLUMNS.version == version)
    found = connection.execute(query).mappings().first()
    if found is None:
        raise NotFound(f"'{workload}' has no model version {version}. `almanac list` names what there is.")
    return found


def newest(connection: sa.Connection, workload: str) -> int | None:
    """Return the number of the newest version, or None."""
    number: int | None = connection.execute(sa.select(sa.func.max(COLUMNS.version)).where(COLUMNS.workload == workload)).scalar()
    return number


def same(connection: sa.Connection, workload: str, *, data_hash: str, recipe_hash: str) -> Record | None:
    """Return the newest version made from the same data by the same recipe, or None."""
    alike = (COLUMNS.workload == workload) & (COLUMNS.data_hash == data_hash) & (COLUMNS.recipe_hash == recipe_hash)
    return connection.execute(sa.select(model_versions).where(alike).order_by(COLUMNS.version.desc()).limit(1)).mappings().first()


def add(connection: sa.Connection, row: Mapping[str, Any]) -> None:
    """Record a version that was registered; its parameters and metrics may hold NumPy's numbers."""
    plain = {name: frames.plain(dict(row[name])) for name in ("parameters", "metrics") if name in row}
    connection.execute(sa.insert(model_versions).values({**row, **plain}))


def set_metrics(connection: sa.Connection, workload: str, version: int, metrics: Mapping[str, Any]) -> None:
    """Write the held-out figures of a version."""
    mine = (COLUMNS.workload == workload) & (COLUMNS.version == version)
    connection.execute(sa.update(model_versions).where(mine).values(metrics=dict(metrics)))
