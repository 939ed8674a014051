"""Check the predictions of a run against their recorded hash."""

import psycopg

from almanac import discovery
from almanac.operations.chain import Chain, Link, compared
from almanac.store.publishing.incremental import erasures
from almanac.store.publishing.publish import staged_hash
from almanac.store.schema.tables import SCHEMA

PREDICTIONS = "predictions"


def check_predictions(chain: Chain) -> Link:
    """Compare the rows of a run with their recorded hash; pruned rows cannot be compared."""
    run = chain.run
    if not run["prediction_hash"]:
        return Link(PREDICTIONS, "none", "this run predicted nothing")
    if run["pruned_at"] and run["absorbed_by"]:
        return Link(PREDICTIONS, "pruned", f"taken over by run {run['absorbed_by']}; verify that one")
    if run["pruned_at"]:
        detail = f"dropped by retention at {run['pruned_at']:%Y-%m-%d %H:%M} UTC"
        return Link(PREDICTIONS, "pruned", detail)
    try:
        actual = _hash(chain)
    except psycopg.errors.UndefinedTable:
        return Link(PREDICTIONS, "broken", "their table is gone")
    recorded = _recorded_hash(chain)
    difference = f"the rows have hash {actual[:12]}, recorded was {recorded[:12]}"
    return compared(PREDICTIONS, actual == recorded, f"{run['rows']} rows", difference)


def _hash(chain: Chain) -> str:
    contract = discovery.contract(chain.run["workload"])
    with chain.project.database.connect() as connection:
        return staged_hash(connection, contract, chain.run["run_id"], SCHEMA)


def _recorded_hash(chain: Chain) -> str:
    """Return the hash of the newest erasure that touched the run, else the one of its record."""
    with chain.project.database.engine.begin() as connection:
        note = erasures.newest_note(connection, chain.run["run_id"])
    return str((note or chain.run)["prediction_hash"])
