"""Commands about what readers get: list, releases, promote, rollback, diff, prune."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import typer

from almanac import discovery
from almanac.cli import show
from almanac.cli.options import LARGEST_VERSION, AnyWorkload, Json, Limit
from almanac.errors import ContractError, RegistryError, UsageError
from almanac.operations import compare, promote
from almanac.project import Project
from almanac.registry import CHAMPION
from almanac.runner import aliases
from almanac.settings import Settings
from almanac.store.publishing import prune
from almanac.store.records import audit, ledger, releases

Workload = Annotated[str, typer.Argument(help="Name of a workload.")]
LIST_COLUMNS = ("workload", "title", "champion", "live version", "release", "released at", "warning")
LIVE_COLUMNS = ("model_version", "release_id", "released_at")
# Title of the column, name in the ledger.
RELEASE_COLUMNS = {
    "release": "release_id",
    "workload": "workload",
    "run": "run_id",
    "version": "model_version",
    "kind": "kind",
    "released at (UTC)": "released_at",
    "who": "who",
    "why": "why",
    "previous": "previous_release_id",
}
ONLY_CHAMPION = (
    "Version {version} is champion of {workload}. "
    "It has no complete predictions that are kept: answers change at the next predict."
)
RESUMED = "{workload} is no longer on hold; its next run releases again."
ROLLED_BACK = (
    "{workload} answers from run {run_id} (version {model_version}) again: release {release_id}.\n"
    "It is on hold: later runs publish without releasing until `almanac promote {workload} …` "
    "or `almanac rollback {workload} --resume`."
)


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
    aliases.carry(project)
    rows = [_overview(project, name) for name in discovery.names()]
    if json:
        show.as_json(rows)
    else:
        show.table("Workloads", LIST_COLUMNS, (list(row.values()) for row in rows))


def releases_command(workload: AnyWorkload = "", limit: Limit = 20, json: Json = False) -> None:
    """Show the release ledger, newest first."""
    if workload:
        discovery.contract(workload)
    with Project(Settings.read()).database.engine.begin() as connection:
        entries = releases.newest(connection, workload or None, limit=limit)
    if json:
        show.as_json(show.records(entries))
        return
    rows = [[entry[name] for name in RELEASE_COLUMNS.values()] for entry in entries]
    show.table("Releases", tuple(RELEASE_COLUMNS), rows)


def promote_command(
    workload: Workload,
    version: Annotated[int, typer.Argument(min=1, max=LARGEST_VERSION, help="A registered model version.")],
    why: Annotated[str, typer.Option(help="The reason; the ledger keeps it.")],
    json: Json = False,
) -> None:
    """Make a version champion, release its predictions where they are complete, and end a hold."""
    discovery.contract(workload)
    project = Project(Settings.read())
    aliases.carry(project, workload)
    release_id = promote.promote(project, workload, version, why=why)
    if json:
        show.as_json({"workload": workload, "model_version": version, "release_id": release_id})
    elif release_id is None:
        show.line(ONLY_CHAMPION.format(version=version, workload=workload))
    else:
        show.line(f"Version {version} is champion of {workload} and answers from release {release_id} on.")


def rollback_command(
    workload: Workload,
    to: Annotated[str, typer.Option(help="Go back to this run instead of the one before.")] = "",
    resume: Annotated[
        bool, typer.Option("--resume", help="End the hold: the next run releases again.")
    ] = False,
    json: Json = False,
) -> None:
    """Answer from an earlier run again and put the workload on hold, or end the hold."""
    discovery.contract(workload)
    if to and resume:
        raise UsageError("--to and --resume exclude each other.")
    project = Project(Settings.read())
    aliases.carry(project, workload)
    outcome = _resume(project, workload) if resume else _roll_back(project, workload, to)
    if json:
        show.as_json(outcome)
    else:
        show.line(_sentences(outcome))


def diff_command(
    workload: Workload,
    first: Annotated[int, typer.Argument(min=1, max=LARGEST_VERSION, help="A model version.")],
    second: Annotated[int, typer.Argument(min=1, max=LARGEST_VERSION, help="Another model version.")],
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many rows to show.")] = 10,
    json: Json = False,
) -> None:
    """Show what would change for readers between two model versions."""
    comparison = compare.compare(Project(Settings.read()).database, workload, first, second)
    if json:
        show.as_json(_diff_json(comparison))
        return
    show.line(
        f"{comparison.changed} of {comparison.common} predictions differ; "
        f"only in version {first}: {comparison.only_first}, only in {second}: {comparison.only_second}."
    )
    if comparison.changed:
        _show_changes(comparison, limit)


def prune_command(workload: AnyWorkload = "") -> None:
    """Drop the rows of runs past retention, and rows of the audit trail; records and ledger stay for ever."""
    project = Project(Settings.read())
    for name in [workload] if workload else discovery.contracts():
        pruned = prune.prune(project.database, discovery.contract(name))
        names = f": {', '.join(pruned)}" if pruned else ""
        show.line(f"{name}: {len(pruned)} runs pruned{names}.")
    if not workload:
        _prune_audit(project)


def _prune_audit(project: Project) -> None:
    days, who = project.settings.audit_days, project.settings.who
    with project.database.engine.begin() as connection:
        rows = audit.prune(connection, datetime.now(UTC) - timedelta(days=days), who=who)
    show.line(f"audit: {rows} rows older than {days} days pruned.")


def _overview(project: Project, name: str) -> dict[str, Any]:
    with project.database.engine.begin() as connection:
        live, on_hold = releases.live(connection, name), releases.is_on_hold(connection, name)
    try:
        champion, problem = project.registry.alias(name, CHAMPION), ""
    except RegistryError as error:
        champion, problem = None, f"registry: {error}"
    release = {column: live[column] if live else None for column in LIVE_COLUMNS}
    if champion != release["model_version"] and not problem:
        problem = f"champion is {champion}, readers get {release['model_version']}"
    title, refusal = _title(name)
    warnings = ["on hold" if on_hold else "", problem, refusal]
    return {
        "name": name,
        "title": title,
        "champion": champion,
        "live_version": release["model_version"],
        "release": release["release_id"],
        "released_at": release["released_at"],
        "warning": "; ".join(filter(None, warnings)),
    }


def _title(name: str) -> tuple[str, str]:
    """Return the title of a workload, and what is wrong with its contract."""
    try:
        return discovery.contract(name).title, ""
    except ContractError as error:
        return name, str(error)


def _resume(project: Project, workload: str) -> dict[str, Any]:
    with project.database.engine.begin() as connection:
        ledger.set_hold(connection, workload, on_hold=False)
        audit.append(connection, "resume", who=project.settings.who, subject=workload)
    return {"workload": workload, "release_id": None, "on_hold": False}


def _roll_back(project: Project, workload: str, to: str) -> dict[str, Any]:
    with project.database.engine.begin() as connection:
        release_id = ledger.rollback(connection, workload, who=project.settings.who, to=to or None)
        live = releases.live(connection, workload)
        detail = {"release": str(release_id)}
        audit.append(connection, "rollback", who=project.settings.who, subject=workload, detail=detail)
    run_id, version = (live["run_id"], live["model_version"]) if live else (to, None)
    answers = {"run_id": run_id, "model_version": version}
    return {"workload": workload, "release_id": release_id, **answers, "on_hold": True}


def _sentences(outcome: Mapping[str, Any]) -> str:
    """Return what a rollback, or the end of a hold, has done."""
    return (ROLLED_BACK if outcome["on_hold"] else RESUMED).format_map(outcome)


def _show_changes(comparison: compare.Comparison, limit: int) -> None:
    moves, words = comparison.moves.head(limit).reset_index(), comparison.words
    show.table("Largest moves", ("entity", "column", "before", "after", "move"), moves.to_numpy())
    show.table(f"Changed words ({len(words)})", tuple(words.columns), words.head(limit).to_numpy())


def _diff_json(comparison: compare.Comparison) -> dict[str, Any]:
    moves = comparison.moves.rename_axis("entity").reset_index()
    frames = {"moves": moves.to_dict("records"), "words": comparison.words.to_dict("records")}
    return vars(comparison) | frames
