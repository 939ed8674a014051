"""The chain behind a run: its record, steps, releases and model version, and the links that are checked."""

from dataclasses import dataclass

from almanac.project import Project
from almanac.store.connections.database import Connection
from almanac.store.records import releases, run_steps, runs, versions
from almanac.store.records.releases import ReleaseRow
from almanac.store.records.run_steps import StepRow
from almanac.store.records.runs import RunRow
from almanac.store.records.versions import VersionRow


@dataclass(frozen=True)
class Link:
    """One link of the chain; `state` is ok, broken, pruned or none (there is nothing to check)."""

    name: str
    state: str
    detail: str


@dataclass(frozen=True)
class Chain:
    """All records behind a run.

    `maker` is the run whose notebooks made its rows: another one for a shadow. `releases` has each release of
    the run with the release before it.
    """

    project: Project
    run: RunRow
    maker: RunRow
    steps: list[StepRow]
    releases: list[tuple[ReleaseRow, ReleaseRow | None]]
    version: VersionRow | None


def read_chain(connection: Connection, project: Project, run_id: str) -> Chain:
    """Return the chain of a run; raises NotFound."""
    run = runs.get(connection, run_id)
    number = run["model_version"]
    maker = runs.notebook_run(connection, run)
    return Chain(
        project=project,
        run=run,
        maker=maker,
        steps=_steps(connection, maker),
        releases=releases.of_run(connection, run["run_id"]),
        version=versions.get(connection, run["workload"], number) if number else None,
    )


def compared(name: str, is_equal: bool, detail: str, difference: str) -> Link:
    """Return a link that is ok with its detail, or broken with the difference."""
    return Link(name, "ok", detail) if is_equal else Link(name, "broken", difference)


def _steps(connection: Connection, run: RunRow) -> list[StepRow]:
    """Return the steps of a run, before them those of the attempts that it continues."""
    steps = run_steps.of_run(connection, run["run_id"])
    while run["kind"] == "run" and run["parent_run_id"]:
        run = runs.get(connection, run["parent_run_id"])
        later = {step["step"] for step in steps}
        earlier = run_steps.of_run(connection, run["run_id"])
        steps = [step for step in earlier if _counts(step, later)] + steps
    return steps


def _counts(step: StepRow, later: set[str]) -> bool:
    """Return whether a step of an earlier attempt belongs to the run: it ended well and was not repeated."""
    return step["status"] == "succeeded" and step["step"] not in later
