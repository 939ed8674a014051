"""Records of model versions: what each was made from, and the hash its files must have."""

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from almanac.errors import NotFound
from almanac.store.records import runs
from almanac.store.rows.json_values import plain_json
from almanac.store.schema.tables import model_versions, run_steps
from almanac.store.schema.tables import runs as all_runs

VersionRow = sa.RowMapping
COLUMNS = model_versions.c
# What a step reports of the version it has measured; the ledger seals it with the record of the run.
MEASURED = "measured_{}"
METRICS_HASH = "encode(sha256(convert_to(metrics::text, 'UTF8')), 'hex')"


def get(connection: sa.Connection, workload: str, version: int) -> VersionRow:
    """Return the record of one version; raises NotFound."""
    query = sa.select(model_versions).where(COLUMNS.workload == workload, COLUMNS.version == version)
    found = connection.execute(query).mappings().first()
    if found is None:
        way = "`almanac list` names what there is. If MLflow has it, database and registry do not belong together."
        raise NotFound(f"'{workload}' has no model version {version}. {way}")
    return found


def newest(connection: sa.Connection, workload: str) -> int | None:
    """Return the number of the newest version, or None."""
    number: int | None = connection.execute(
        sa.select(sa.func.max(COLUMNS.version)).where(COLUMNS.workload == workload)
    ).scalar()
    return number


def find_same(
    connection: sa.Connection, workload: str, *, data_hash: str, recipe_hash: str
) -> VersionRow | None:
    """Return the newest version made from the same data by the same recipe, or None."""
    alike = (
        (COLUMNS.workload == workload)
        & (COLUMNS.data_hash == data_hash)
        & (COLUMNS.recipe_hash == recipe_hash)
    )
    return (
        connection.execute(sa.select(model_versions).where(alike).order_by(COLUMNS.version.desc()).limit(1))
        .mappings()
        .first()
    )


def add(connection: sa.Connection, row: Mapping[str, Any]) -> None:
    """Record a version that was registered; its parameters and metrics may hold NumPy's numbers."""
    plain = {name: plain_json(dict(row[name])) for name in ("parameters", "metrics") if name in row}
    connection.execute(sa.insert(model_versions).values({**row, **plain}))


def save_metrics(
    connection: sa.Connection, record: VersionRow, metrics: Mapping[str, Any], *, step: tuple[str, str]
) -> None:
    """Write the held-out figures of a version; the step (run id and name) that has measured them reports their hash.

    Without a run id, as in an exploration, what a run has measured stays as it is.
    """
    run_id, name = step
    workload, version = record["workload"], record["version"]
    if not run_id and reported_metrics_hash(connection, workload, version):
        return
    mine = (COLUMNS.workload == workload) & (COLUMNS.version == version)
    changed = (
        sa.update(model_versions).where(mine).values(metrics=dict(metrics)).returning(sa.text(METRICS_HASH))
    )
    digest = connection.execute(changed).scalar_one()
    if run_id:
        runs.report_step(connection, run_id, name, {MEASURED.format(version): digest})


def reported_metrics_hash(connection: sa.Connection, workload: str, version: int) -> str | None:
    """Return the hash of the figures that the newest run to evaluate a version has reported, or None."""
    steps, key = run_steps.c, MEASURED.format(version)
    query = (
        sa.select(steps.results[key].astext)
        .join_from(run_steps, all_runs)
        .where(all_runs.c.workload == workload, steps.results.has_key(key))
    )
    found: str | None = connection.execute(query.order_by(steps.started_at.desc()).limit(1)).scalar()
    return found


def metrics_hash(connection: sa.Connection, workload: str, version: int) -> str:
    """Return the SHA-256 of a version's figures as they are now."""
    query = (
        sa.select(sa.text(METRICS_HASH))
        .select_from(model_versions)
        .where(COLUMNS.workload == workload, COLUMNS.version == version)
    )
    return str(connection.execute(query).scalar_one())
