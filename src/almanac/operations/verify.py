"""Check the chain behind a published number: release, run, notebooks, data, model, predictions, commit."""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from almanac import discovery, provenance
from almanac.errors import RegistryError
from almanac.project import Project
from almanac.registry import file_hash
from almanac.store.connections.database import Connection
from almanac.store.publishing.incremental import erasures, kept_inputs
from almanac.store.publishing.incremental.entries import EntryRange, UnscoredEntries
from almanac.store.publishing.publish import staged_hash
from almanac.store.records import releases, run_steps, runs, versions
from almanac.store.schema.tables import SCHEMA


@dataclass(frozen=True)
class Link:
    """One link of the chain; `state` is ok, broken, pruned or none (there is nothing to check)."""

    name: str
    state: str
    detail: str


@dataclass(frozen=True)
class Chain:
    """What checking needs: the run's record, that of the run that made it (another one for a shadow), its steps, and where to look."""

    project: Project
    run: runs.RunRow
    maker: runs.RunRow
    steps: list[runs.RunRow]
    releases: list[tuple[releases.ReleaseRow, releases.ReleaseRow | None]]
    version: versions.VersionRow | None


def verify(project: Project, run_id: str) -> list[Link]:
    """Return every link behind a run with its state, in the order release → run → notebooks → data → model → figures → predictions → commit."""
    with project.database.engine.begin() as connection:
        run = runs.get(connection, run_id)
        released = releases.of_run(connection, run["run_id"])
        found = (
            versions.get(connection, run["workload"], run["model_version"]) if run["model_version"] else None
        )
        maker = runs.notebook_run(connection, run)
        chain = Chain(project, run, maker, _steps(connection, maker), released, found)
        links, figures = [*_releases(chain), _record(connection, chain)], _figures(connection, chain)
    links += [_notebook(chain, step) for step in chain.steps]
    return [
        *links,
        _data(chain),
        _scored(chain),
        *_known(chain),
        _model(chain),
        figures,
        _predictions(chain),
        _commit(chain),
    ]


def _steps(connection: Connection, run: runs.RunRow) -> list[runs.RunRow]:
    """Return the steps of a run, before them those of the attempts that it continues."""
    found = run_steps.of_run(connection, run["run_id"])
    while run["kind"] == "run" and run["parent_run_id"]:
        run = runs.get(connection, run["parent_run_id"])
        known = {step["step"] for step in found}
        found = [
            step
            for step in run_steps.of_run(connection, run["run_id"])
            if step["status"] == "succeeded" and step["step"] not in known
        ] + found
    return found


def is_whole(links: list[Link]) -> bool:
    """Tell whether no link is broken."""
    return all(link.state != "broken" for link in links)


def _releases(chain: Chain) -> list[Link]:
    if not chain.releases:
        return [Link("release", "none", "this run was never released")]
    return [
        _compared(
            f"release {row['release_id']}",
            releases.release_hash(row, previous) == row["release_hash"],
            f"{row['kind']} by {row['who']}",
            "the ledger row differs from its hash",
        )
        for row, previous in chain.releases
    ]


def _record(connection: Connection, chain: Chain) -> Link:
    """The ledger holds the hash of the run's record; a run that was never released has nothing to compare with."""
    if not chain.releases:
        return Link("run", "none", "its record was never sealed by a release")
    whole = runs.record_hash(connection, chain.run["run_id"]) == chain.releases[-1][0]["run_hash"]
    return _compared(
        "run",
        whole,
        f"slot {chain.run['slot']:%Y-%m-%dT%H:%MZ}",
        "the run's record is not the one that was released",
    )


def _notebook(chain: Chain, step: runs.RunRow) -> Link:
    return _file(chain, f"notebook {step['step']}", step["notebook_uri"], step["notebook_hash"])


def _data(chain: Chain) -> Link:
    if chain.version is None:
        return Link("training data", "none", "no model version")
    uri, hashes = (
        f"runs:/{chain.version['mlflow_run_id']}/data/training.parquet",
        (chain.run["data_hash"], chain.version["data_hash"]),
    )
    if hashes[0] != hashes[1]:
        return Link(
            "training data",
            "broken",
            f"the run recorded {str(hashes[0])[:12]}, its model version {hashes[1][:12]}",
        )
    return _file(chain, "training data", uri, hashes[0])


def _scored(chain: Chain) -> Link:
    if chain.run["covered_until"] is not None:
        return _entries(chain)
    return _file(
        chain,
        "scored data",
        f"runs:/{chain.run['mlflow_run_id']}/data/scored.parquet",
        chain.run["input_hash"],
    )


def _staged(chain: Chain) -> dict[str, Any] | None:
    name = "shadow" if chain.run["kind"] == "shadow" else "staged"
    found: dict[str, Any] | None = next(
        (step["results"][name] for step in chain.steps if name in step["results"]), None
    )
    return found


def _known(chain: Chain) -> list[Link]:
    """Check what an incremental run knew beside its entries; other runs knew nothing else."""
    recorded = (_staged(chain) or {}).get("known")
    if not recorded:
        return []
    with chain.project.database.engine.begin() as connection:
        kept = kept_inputs.hashes(connection, chain.run["run_id"])
    if recorded.keys() - kept.keys():
        return [Link("known before", "pruned", "it went by retention, or with entries that were deleted")]
    changed = sorted(name for name, expected in recorded.items() if kept[name] != expected)
    return [
        _compared(
            "known before",
            not changed,
            f"{len(recorded)} tables",
            f"what it knew of {', '.join(changed)} was changed",
        )
    ]


def _entries(chain: Chain) -> Link:
    """Read the entries of an incremental run again; what retention or an erasure took is pruned, not broken."""
    staged = _staged(chain)
    if staged is None:
        return Link("scored data", "none", "no step told which entries it has read")
    again = UnscoredEntries(
        chain.project.database,
        discovery.contract(chain.run["workload"]),
        EntryRange(staged["covered_after"], staged["covered_until"]),
    )
    read = sum(len(batch) for batch in again)
    if again.input_hash != chain.run["input_hash"] and erasures.explains_missing_entries(
        chain.project.database, chain.run, again
    ):
        return Link(
            "scored data",
            "pruned",
            f"{read} of its entries are kept; the others went by retention or were erased",
        )
    whole = again.input_hash == chain.run["input_hash"]
    return _compared(
        "scored data",
        whole,
        f"{read} entries",
        f"the entries {again.span.after + 1} to {again.span.until} were changed",
    )


def _file(chain: Chain, name: str, uri: str | None, expected: str | None) -> Link:
    if not uri or not expected:
        return Link(name, "none", "nothing was kept")

    def compare() -> Link:
        with tempfile.TemporaryDirectory() as folder:
            found = file_hash(chain.project.registry.fetch(uri, Path(folder)))
        return _compared(
            name,
            found == expected,
            expected[:12],
            f"{uri} has hash {found[:12]}, recorded was {expected[:12]}",
        )

    return _reached(name, compare)


def _model(chain: Chain) -> Link:
    version = chain.version
    if version is None:
        return Link("model", "none", "no model version")

    def compare() -> Link:
        found = chain.project.registry.version_hash(chain.run["workload"], version["version"])
        # Shadows of earlier programs recorded no hash of their own.
        whole = {found} == {
            recorded for recorded in (version["artifact_hash"], chain.run["model_hash"]) if recorded
        }
        detail = f"its files have hash {found[:12]}, recorded were {version['artifact_hash'][:12]} and {str(chain.run['model_hash'])[:12]}"
        return _compared(f"model version {version['version']}", whole, found[:12], detail)

    return _reached("model", compare)


def _figures(connection: Connection, chain: Chain) -> Link:
    """Compare the held-out figures of the version with what the run that has measured them reported."""
    if chain.version is None:
        return Link("figures", "none", "no model version")
    workload, version = chain.run["workload"], chain.version["version"]
    recorded, found = (
        versions.reported_metrics_hash(connection, workload, version),
        versions.metrics_hash(connection, workload, version),
    )
    if recorded is None:
        return Link("figures", "none", "no run has told what it measured")
    return _compared(
        "figures",
        found == recorded,
        recorded[:12],
        f"the figures of version {version} are not those that were measured",
    )


def _predictions(chain: Chain) -> Link:
    if not chain.run["prediction_hash"]:
        return Link("predictions", "none", "this run predicted nothing")
    if chain.run["pruned_at"] and chain.run["absorbed_by"]:
        return Link("predictions", "pruned", f"taken over by run {chain.run['absorbed_by']}; verify that one")
    if chain.run["pruned_at"]:
        return Link(
            "predictions", "pruned", f"dropped by retention at {chain.run['pruned_at']:%Y-%m-%d %H:%M} UTC"
        )
    contract = discovery.contract(chain.run["workload"])
    try:
        with chain.project.database.connect() as connection:
            found = staged_hash(connection, contract, chain.run["run_id"], SCHEMA)
    except psycopg.errors.UndefinedTable:
        return Link("predictions", "broken", "their table is gone")
    with chain.project.database.engine.begin() as asking:
        note = erasures.newest_note(asking, chain.run["run_id"])
    expected = note["prediction_hash"] if note else chain.run["prediction_hash"]
    return _compared(
        "predictions",
        found == expected,
        f"{chain.run['rows']} rows",
        f"the rows have hash {found[:12]}, recorded was {expected[:12]}",
    )


def _commit(chain: Chain) -> Link:
    commit: Any = chain.maker["git_commit"]
    if commit in (None, "unknown"):
        return Link("commit", "none", "the run was made outside a checkout")
    known = provenance.commit_exists(chain.project.settings.home, commit)
    return _compared(
        "commit",
        known,
        commit[:12] + (" with changes" if "+" in commit else ""),
        f"{commit[:12]} is not in this checkout's history",
    )


def _compared(name: str, whole: bool, good: str, bad: str) -> Link:
    return Link(name, "ok", good) if whole else Link(name, "broken", bad)


def _reached(name: str, compare: Callable[[], Link]) -> Link:
    try:
        return compare()
    except (RegistryError, OSError) as error:
        return Link(name, "broken", f"cannot be read: {error}"[:200])
