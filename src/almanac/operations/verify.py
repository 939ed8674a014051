"""Check the chain behind a published number: release, run, notebooks, data, model, predictions, commit."""

from almanac import provenance
from almanac.operations import files, inputs
from almanac.operations.chain import Chain, Link, compared, read_chain
from almanac.operations.predictions import check_predictions
from almanac.project import Project
from almanac.store.connections.database import Connection
from almanac.store.records import releases, runs, versions


def verify(project: Project, run_id: str) -> list[Link]:
    """Return every link behind a run with its state; raises NotFound.

    The order is release, run, artifacts, notebooks, data, model, cut-off, figures, predictions, commit.
    """
    with project.database.engine.begin() as connection:
        chain = read_chain(connection, project, run_id)
        first = [*_releases(chain), _record(connection, chain)]
        figures = _figures(connection, chain)
    return [
        *first,
        files.check_place(chain),
        *files.check_notebooks(chain),
        files.check_training_data(chain),
        inputs.check_scored_data(chain),
        *inputs.check_earlier_state(chain),
        files.check_model(chain),
        _cut_off(chain),
        figures,
        check_predictions(chain),
        _commit(chain),
    ]


def is_whole(links: list[Link]) -> bool:
    """Return whether no link is broken."""
    return all(link.state != "broken" for link in links)


def _releases(chain: Chain) -> list[Link]:
    if not chain.releases:
        return [Link("release", "none", "this run was never released")]
    return [_release(row, previous) for row, previous in chain.releases]


def _release(row: releases.ReleaseRow, previous: releases.ReleaseRow | None) -> Link:
    return compared(
        f"release {row['release_id']}",
        releases.release_hash(row, previous) == row["release_hash"],
        f"{row['kind']} by {row['who']}",
        "the ledger row differs from its hash",
    )


def _record(connection: Connection, chain: Chain) -> Link:
    """Compare the record of the run with its hash in the ledger, which only a released run has."""
    if not chain.releases:
        return Link("run", "none", "its record was never sealed by a release")
    newest, _ = chain.releases[-1]
    return compared(
        "run",
        runs.record_hash(connection, chain.run["run_id"]) == newest["run_hash"],
        f"slot {chain.run['slot']:%Y-%m-%dT%H:%MZ}",
        "the run's record is not the one that was released",
    )


def _figures(connection: Connection, chain: Chain) -> Link:
    """Compare the held-out figures of the version with those that a run reported."""
    if chain.version is None:
        return Link("figures", "none", "no model version")
    workload, version = chain.run["workload"], chain.version["version"]
    recorded = versions.reported_metrics_hash(connection, workload, version)
    if recorded is None:
        return Link("figures", "none", "no run has told what it measured")
    return compared(
        "figures",
        versions.metrics_hash(connection, workload, version) == recorded,
        recorded[:12],
        f"the figures of version {version} are not those that were measured",
    )


def _cut_off(chain: Chain) -> Link:
    """Compare the days that the model was trained on with those that the run may know."""
    day = chain.run["data_as_of"]
    if chain.version is None or day is None:
        return Link("cut-off", "none", "no model version, or no cut-off on record")
    number, trained_until = chain.version["version"], chain.version["trained_until"]
    detail = f"knows nothing from {day} on, version {number} was trained until {trained_until}"
    return compared("cut-off", trained_until <= day, detail, detail)


def _commit(chain: Chain) -> Link:
    commit: str | None = chain.maker["git_commit"]
    if commit in (None, "unknown"):
        return Link("commit", "none", "the run was made outside a checkout")
    short = str(commit)[:12]
    return compared(
        "commit",
        provenance.commit_exists(chain.project.settings.home, str(commit)),
        short + (" with changes" if "+" in str(commit) else ""),
        f"{short} is not in this checkout's history",
    )
