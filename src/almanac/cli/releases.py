"""Commands about what readers get: list, releases, promote, rollback, diff, prune."""

from typing import Annotated, Any

import typer

from almanac import discovery
from almanac.cli import show
from almanac.errors import RegistryError, UsageError
from almanac.operations import compare, promote
from almanac.project import Project
from almanac.registry import CHAMPION
from almanac.settings import Settings
from almanac.store.publishing import prune
from almanac.store.records import ledger, releases

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
# The largest version that the database can hold.
LARGEST = 2**31 - 1
Workload = Annotated[str, typer.Argument(help="Name of a workload.")]


def add_to(app: typer.Typer) -> None:
    """Add these commands to the application."""
    app.command("list")(list_command)
    app.command("releases")(releases_command)
    app.command("promote")(promote_command)
    app.command("rollback")(rollback_command)
    app.command("diff")(diff_command)
    app.command("prune")(prune_command)


def list_command(json: Json = False) -> None:
    """List the workloads with champion, live version, and a warning where the two differ."""
    project = Project(Settings.read())
    rows = [_listed(project, name) for name in discovery.names()]
    if json:
        show.as_json(rows)
        return
    columns = ("workload", "title", "champion", "live version", "release", "released at", "warning")
    show.table("Workloads", columns, (list(row.values()) for row in rows))


def releases_command(
    workload: Annotated[str, typer.Argument(help="Name of a workload; empty for all.")] = "",
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many.")] = 20,
    json: Json = False,
) -> None:
    """Show the release ledger, newest first."""
    if workload:
        discovery.contract(workload)
    with Project(Settings.read()).database.engine.begin() as connection:
        found = releases.newest(connection, workload or None, limit=limit)
    if json:
        show.as_json(show.records(found))
        return
    names = (
        "release_id",
        "workload",
        "run_id",
        "model_version",
        "kind",
        "released_at",
        "who",
        "why",
        "previous_release_id",
    )
    columns = ("release", "workload", "run", "version", "kind", "released at (UTC)", "who", "why", "previous")
    show.table("Releases", columns, ([row[name] for name in names] for row in found))


def promote_command(
    workload: Workload,
    version: Annotated[int, typer.Argument(min=1, max=LARGEST, help="A registered model version.")],
    why: Annotated[str, typer.Option(help="The reason; the ledger keeps it.")],
) -> None:
    """Make a version champion, release its predictions where they are complete, and end a hold."""
    discovery.contract(workload)
    release_id = promote.promote(Project(Settings.read()), workload, version, why=why)
    if release_id is None:
        show.line(
            f"Version {version} is champion of {workload}. It has no complete predictions that are kept: answers change at the next predict."
        )
    else:
        show.line(f"Version {version} is champion of {workload} and answers from release {release_id} on.")


def rollback_command(
    workload: Workload,
    to: Annotated[str, typer.Option(help="Go back to this run instead of the one before.")] = "",
    resume: Annotated[
        bool, typer.Option("--resume", help="End the hold: the next run releases again.")
    ] = False,
) -> None:
    """Answer from an earlier run again and put the workload on hold, or end the hold."""
    discovery.contract(workload)
    if to and resume:
        raise UsageError("--to and --resume exclude each other.")
    project = Project(Settings.read())
    with project.database.engine.begin() as connection:
        if resume:
            ledger.set_hold(connection, workload, on_hold=False)
            show.line(f"{workload} is no longer on hold; its next run releases again.")
            return
        release_id = ledger.rollback(connection, workload, who=project.settings.who, to=to or None)
        live = releases.live(connection, workload)
    version = live["model_version"] if live else None
    show.line(
        f"{workload} answers from run {live['run_id'] if live else to} (version {version}) again: release {release_id}."
    )
    show.line(
        f"It is on hold: later runs publish without releasing until `almanac promote {workload} …` or `almanac rollback {workload} --resume`."
    )


def diff_command(
    workload: Workload,
    first: Annotated[int, typer.Argument(min=1, max=LARGEST, help="A model version.")],
    second: Annotated[int, typer.Argument(min=1, max=LARGEST, help="Another model version.")],
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many rows to show.")] = 10,
    json: Json = False,
) -> None:
    """Show what would change for readers between two model versions."""
    found = compare.compare(Project(Settings.read()).database, workload, first, second)
    if json:
        show.as_json(_diff_json(found))
        return
    show.line(
        f"{found.changed} of {found.common} predictions differ; only in version {first}: {found.only_first}, only in {second}: {found.only_second}."
    )
    if not found.changed:
        return
    moves = found.moves.head(limit).reset_index()
    show.table("Largest moves", ("entity", "column", "before", "after", "move"), moves.to_numpy())
    show.table(
        f"Changed words ({len(found.words)})", tuple(found.words.columns), found.words.head(limit).to_numpy()
    )


def prune_command(
    workload: Annotated[str, typer.Argument(help="Name of a workload; empty for all.")] = "",
) -> None:
    """Drop the rows of runs past retention; records and ledger stay for ever."""
    project = Project(Settings.read())
    for name in [workload] if workload else discovery.names():
        dropped = prune.prune(project.database, discovery.contract(name))
        show.line(f"{name}: {len(dropped)} runs pruned{': ' + ', '.join(dropped) if dropped else ''}.")


def _listed(project: Project, name: str) -> dict[str, Any]:
    with project.database.engine.begin() as connection:
        live, on_hold = releases.live(connection, name), releases.is_on_hold(connection, name)
    try:
        champion, warning = project.registry.alias(name, CHAMPION), ""
    except RegistryError as error:
        champion, warning = None, f"registry: {error}"
    version = live["model_version"] if live else None
    if champion != version:
        warning = warning or f"champion is {champion}, readers get {version}"
    return {
        "name": name,
        "title": discovery.contract(name).title,
        "champion": champion,
        "live_version": version,
        "release": live["release_id"] if live else None,
        "released_at": live["released_at"] if live else None,
        "warning": "; ".join(filter(None, ["on hold" if on_hold else "", warning])),
    }


def _diff_json(found: compare.Comparison) -> dict[str, Any]:
    counts = {
        "common": found.common,
        "changed": found.changed,
        "only_first": found.only_first,
        "only_second": found.only_second,
    }
    moves = found.moves.rename_axis("entity").reset_index().to_dict("records")
    return {"runs": found.runs, **counts, "moves": moves, "words": found.words.to_dict("records")}
