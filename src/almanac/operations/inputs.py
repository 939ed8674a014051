"""Check the input of a run: the saved rows, or the entries of an incremental run and the earlier state."""

from typing import Any

from almanac import discovery
from almanac.operations.chain import Chain, Link, compared
from almanac.operations.files import check_file
from almanac.store.publishing.incremental import erasures, kept_inputs
from almanac.store.publishing.incremental.entries import EntryRange, UnscoredEntries

SCORED, EARLIER_STATE = "scored data", "known before"


def check_scored_data(chain: Chain) -> Link:
    """Compare the rows that a run has scored with their recorded hash."""
    if chain.run["covered_until"] is not None:
        return _check_entries(chain)
    uri = f"runs:/{chain.run['mlflow_run_id']}/data/scored.parquet"
    return check_file(chain, SCORED, uri, chain.run["input_hash"])


def check_earlier_state(chain: Chain) -> list[Link]:
    """Compare the tables that an incremental run read beside its entries; other runs read none."""
    recorded = (_staged(chain) or {}).get("known")
    if not recorded:
        return []
    with chain.project.database.engine.begin() as connection:
        actual = kept_inputs.hashes(connection, chain.run["run_id"])
    if recorded.keys() - actual.keys():
        return [Link(EARLIER_STATE, "pruned", "it went by retention, or with entries that were deleted")]
    changed = sorted(name for name, digest in recorded.items() if actual[name] != digest)
    difference = f"what it knew of {', '.join(changed)} was changed"
    return [compared(EARLIER_STATE, not changed, f"{len(recorded)} tables", difference)]


def _check_entries(chain: Chain) -> Link:
    """Read the entries of an incremental run again; what retention or erasure took is pruned, not broken."""
    staged = _staged(chain)
    if staged is None:
        return Link(SCORED, "none", "no step told which entries it has read")
    database, contract = chain.project.database, discovery.contract(chain.run["workload"])
    span = EntryRange(staged["covered_after"], staged["covered_until"])
    entries = UnscoredEntries(database, contract, span)
    count = sum(len(batch) for batch in entries)
    is_equal = entries.input_hash == chain.run["input_hash"]
    if not is_equal and erasures.explains_missing_entries(database, chain.run, entries):
        detail = f"{count} of its entries are kept; the others went by retention or were erased"
        return Link(SCORED, "pruned", detail)
    difference = f"the entries {span.after + 1} to {span.until} were changed"
    return compared(SCORED, is_equal, f"{count} entries", difference)


def _staged(chain: Chain) -> dict[str, Any] | None:
    """Return what the predict step reported of the rows of this run, or None."""
    name = "shadow" if chain.run["kind"] == "shadow" else "staged"
    reports: list[dict[str, Any]] = [step["results"][name] for step in chain.steps if name in step["results"]]
    return reports[0] if reports else None
