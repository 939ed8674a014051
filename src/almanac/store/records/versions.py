"""Records of model versions: what each was made from, and the hash its files must have."""

from collections.abc import Mapping
from datetime import date
from typing import Any

import sqlalchemy as sa

from almanac.errors import NotFound
from almanac.store.connections.rows import first_row
from almanac.store.records import run_steps
from almanac.store.rows.json_values import plain_json
from almanac.store.schema import tables
from almanac.store.schema.tables import model_versions

VersionRow = sa.RowMapping
COLUMNS = model_versions.c
# The result in which a step reports the hash of the figures of a version; the record of the run seals it.
REPORTED = "measured_{}"
METRICS_HASH = sa.text("encode(sha256(convert_to(metrics::text, 'UTF8')), 'hex')")
UNKNOWN_VERSION = (
    "'{workload}' has no model version {version}. `almanac list` names what there is. "
    "If MLflow has it, database and registry do not belong together."
)


def get(connection: sa.Connection, workload: str, version: int) -> VersionRow:
    """Return the record of one version; raises NotFound."""
    query = sa.select(model_versions).where(_is_version(workload, version))
    row = first_row(connection, query)
    if row is None:
        raise NotFound(UNKNOWN_VERSION.format(workload=workload, version=version))
    return row


def newest(connection: sa.Connection, workload: str) -> int | None:
    """Return the number of the newest version, or None."""
    query = sa.select(sa.func.max(COLUMNS.version)).where(COLUMNS.workload == workload)
    number: int | None = connection.execute(query).scalar()
    return number


def newest_in_time(connection: sa.Connection, like: VersionRow, until: date | None) -> int | None:
    """Return the newest version trained up to a day, on simulated data exactly if `like` was, or None."""
    query = sa.select(sa.func.max(COLUMNS.version)).where(
        COLUMNS.workload == like["workload"],
        COLUMNS.simulated == like["simulated"],
        COLUMNS.trained_until <= until,
    )
    number: int | None = connection.execute(query).scalar()
    return number


def trained_until(connection: sa.Connection, workload: str, version: int) -> date | None:
    """Return the day from which on a version knows nothing, or None where it is not on record."""
    query = sa.select(COLUMNS.trained_until).where(_is_version(workload, version))
    day: date | None = connection.execute(query).scalar()
    return day


def find_same(
    connection: sa.Connection, workload: str, *, data_hash: str, recipe_hash: str
) -> VersionRow | None:
    """Return the newest version made from the same data by the same recipe, or None."""
    is_same = (COLUMNS.data_hash == data_hash) & (COLUMNS.recipe_hash == recipe_hash)
    query = sa.select(model_versions).where(COLUMNS.workload == workload, is_same)
    return first_row(connection, query.order_by(COLUMNS.version.desc()).limit(1))


def add(connection: sa.Connection, row: Mapping[str, Any]) -> None:
    """Record a version that was registered; its parameters and metrics may hold NumPy's numbers."""
    plain = {name: plain_json(dict(row[name])) for name in ("parameters", "metrics") if name in row}
    connection.execute(sa.insert(model_versions).values({**row, **plain}))


def save_metrics(
    connection: sa.Connection, record: VersionRow, metrics: Mapping[str, Any], *, step: tuple[str, str]
) -> None:
    """Write the held-out figures of a version.

    `step` (run id and name), which has measured them, reports their hash. Without a run id, as in an
    exploration, figures that a run has measured stay as they are.
    """
    run_id, name = step
    workload, version = record["workload"], record["version"]
    if not run_id and reported_metrics_hash(connection, workload, version):
        return
    statement = sa.update(model_versions).where(_is_version(workload, version)).values(metrics=dict(metrics))
    digest = connection.execute(statement.returning(METRICS_HASH)).scalar_one()
    if run_id:
        run_steps.report(connection, run_id, name, {REPORTED.format(version): digest})


def reported_metrics_hash(connection: sa.Connection, workload: str, version: int) -> str | None:
    """Return the hash of the figures that the newest run to evaluate a version has reported, or None."""
    steps, key = tables.run_steps.c, REPORTED.format(version)
    query = sa.select(steps.results[key].astext).join_from(tables.run_steps, tables.runs)
    reported = query.where(tables.runs.c.workload == workload, steps.results.has_key(key))
    digest: str | None = connection.execute(reported.order_by(steps.started_at.desc()).limit(1)).scalar()
    return digest


def metrics_hash(connection: sa.Connection, workload: str, version: int) -> str:
    """Return the SHA-256 of a version's figures as they are now."""
    query = sa.select(METRICS_HASH).select_from(model_versions).where(_is_version(workload, version))
    return str(connection.execute(query).scalar_one())


def _is_version(workload: str, version: int) -> sa.ColumnElement[bool]:
    return (COLUMNS.workload == workload) & (COLUMNS.version == version)
