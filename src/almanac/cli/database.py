"""Commands about the database, `almanac db`."""

import os
import subprocess
from typing import Annotated, cast, get_args

import typer
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from almanac import discovery
from almanac.cli import show
from almanac.cli.options import Json
from almanac.connection_strings import Role
from almanac.contract import SCHEMA_REVISION
from almanac.errors import UsageError
from almanac.settings import Settings
from almanac.store.connections import embedded
from almanac.store.connections.database import open_database
from almanac.store.schema import migrate

RoleName = Annotated[str, typer.Option(help="login, owner, worker, reader or ingest.")]
OWN_SERVER = (
    "DATABASE_URL names a server of your own, which Almanac does not {command}. "
    "Unset it to use the embedded one."
)


def app() -> typer.Typer:
    """Return the `db` commands."""
    commands = {
        "start": start,
        "stop": stop,
        "status": status,
        "migrate": migrate_command,
        "url": url,
        "psql": psql,
    }
    group = typer.Typer(help="Start, stop, inspect and migrate the database.", no_args_is_help=True)
    for name, command in commands.items():
        group.command(name)(command)
    return group


def start() -> None:
    """Start the embedded server and leave it running."""
    settings = _embedded_settings("start")
    open_database(settings, "login", keep_running=True)
    show.line(f"PostgreSQL is running on {settings.state_folder / 'postgres'}.")


def stop() -> None:
    """Stop the embedded server, whoever uses it."""
    settings = _embedded_settings("stop")
    stopped = embedded.stop(settings.state_folder / "postgres")
    show.line("PostgreSQL is stopped." if stopped else "PostgreSQL was not running.")


def status(json: Json = False) -> None:
    """Show which database is used, whether it runs, and its schema revision."""
    settings = Settings.read()
    is_own = settings.database_url is not None
    is_running = is_own or embedded.is_running(settings.state_folder / "postgres")
    revision = migrate.revision(open_database(settings, "login")) if is_running else None
    facts = {
        "kind": "own server" if is_own else "embedded",
        "running": is_running,
        "revision": revision,
        "needed": SCHEMA_REVISION,
    }
    if json:
        show.as_json(facts)
    else:
        show.table("Database", tuple(facts), [list(facts.values())])


def migrate_command() -> None:
    """Create roles, tables and views, or bring them up to date; safe to repeat and while readers read."""
    contracts = discovery.contracts()
    revision = migrate.migrate(open_database(Settings.read(), "login"), contracts)
    workloads = ", ".join(contracts) or "no workload"
    show.line(f"The database is at revision {revision}, with the tables of {workloads}.")
    for refusal in discovery.refusals().values():
        raise refusal


def url(role: RoleName = "login") -> None:
    """Print the connection string, for psql and other tools. It may hold a password."""
    database = open_database(Settings.read(), _role(role), keep_running=True)
    print(database.url if role == "login" else database.conninfo)


def psql(role: RoleName = "reader") -> None:
    """Open psql on the database; as a reader unless another role is named."""
    database = open_database(Settings.read(), _role(role), keep_running=True)
    parts = {name: str(value) for name, value in conninfo_to_dict(database.conninfo).items()}
    # Everybody on the machine can read the words of a command, but not its environment.
    password = {"PGPASSWORD": parts.pop("password")} if "password" in parts else {}
    words = [str(embedded.program("psql")), make_conninfo("", **parts)]
    process = subprocess.run(words, env=os.environ | password, check=False)
    raise typer.Exit(process.returncode)


def _embedded_settings(command: str) -> Settings:
    """Return the settings; raises UsageError where they name a server of the user's own."""
    settings = Settings.read()
    if settings.database_url:
        raise UsageError(OWN_SERVER.format(command=command))
    return settings


def _role(text: str) -> Role:
    if text not in get_args(Role):
        raise UsageError(f"Unknown role '{text}'. Roles: {', '.join(get_args(Role))}.")
    return cast("Role", text)
