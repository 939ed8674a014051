"""What is wrong with this installation, and the way out of it."""

import shutil
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import psycopg

from almanac import discovery
from almanac.contract import SCHEMA_REVISION
from almanac.errors import AlmanacError, SchemaMismatch
from almanac.registry import open_registry
from almanac.runner import notebooks
from almanac.settings import Settings
from almanac.store.connections.database import Database, Role, open_database
from almanac.store.schema import migrate

LEAST_FREE_GB = 2
ROLES: tuple[Role, ...] = ("owner", "worker", "reader", "ingest")
# Who stores what clients send may call functions of schema api and read nothing there.
LOOKS = {"ingest": "SELECT has_schema_privilege('api', 'USAGE')"}
REMOTE_TRACKING = ("http://", "https://", "databricks", "postgresql", "mysql", "mssql")
REMOTE_ARTIFACTS = ("s3://", "gs://", "mlflow-artifacts:", "http://", "https://")


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at: `level` is ok, warning or error; `advice` is the way out."""

    what: str
    level: str
    detail: str
    advice: str = ""


def examine(settings: Settings) -> list[Finding]:
    """Look at database, roles, MLflow, disk, port, notebooks and keys."""
    return [
        *_database(settings),
        _mlflow(settings),
        _disk(settings),
        _port(settings),
        *_notebooks(settings),
        *_keys(settings),
    ]


def examine_durability(settings: Settings) -> list[Finding]:
    """Look whether a champion and its predictions would survive this machine, as a scheduled runner needs."""
    remote = settings.artifact_root.startswith(REMOTE_ARTIFACTS)
    tracking = settings.mlflow_tracking_uri.get_secret_value() if settings.mlflow_tracking_uri else ""
    proxied = tracking.startswith(("http://", "https://")) and not settings.artifact_root
    return [
        _needed(
            "DATABASE_URL",
            bool(settings.database_url),
            "Predictions would be lost with the runner. Set it to a PostgreSQL server of your own.",
        ),
        _needed(
            "MLFLOW_TRACKING_URI",
            tracking.startswith(REMOTE_TRACKING),
            "Set it to an MLflow server; a SQLite file or a folder is lost with the runner.",
        ),
        _needed(
            "ALMANAC_ARTIFACT_ROOT",
            remote or proxied,
            "Set it to s3://… or gs://…, or leave it empty behind an MLflow server that keeps artifacts.",
        ),
    ]


def _needed(name: str, present: bool, advice: str) -> Finding:
    return (
        Finding(name, "ok", "set")
        if present
        else Finding(name, "error", "a champion could not survive this machine", advice)
    )


def _database(settings: Settings) -> Iterator[Finding]:
    try:
        login = open_database(settings, "login")
        found = migrate.revision(login)
    except AlmanacError as error:
        yield Finding(
            "database", "error", str(error), "Check DATABASE_URL, or unset it to use the embedded server."
        )
        return
    kind = "own server" if settings.database_url else "embedded"
    if found != SCHEMA_REVISION:
        advice = SchemaMismatch(found, SCHEMA_REVISION).advice
        yield Finding(
            "database",
            "error",
            f"{kind}, schema revision {found or 'none'}, needed {SCHEMA_REVISION}",
            advice,
        )
        return
    yield Finding("database", "ok", f"{kind}, schema revision {found}")
    for role in ROLES:
        yield examine_role(open_database(settings, role))


def examine_role(database: Database) -> Finding:
    """Look whether a role can do its work, and with no more rights than it needs."""
    name = f"role {database.role}"
    try:
        with database.connect() as connection:
            connection.execute(LOOKS.get(database.role, "SELECT 1 FROM api.workloads LIMIT 1"))
            superuser = connection.execute("SELECT current_setting('is_superuser') = 'on'").fetchone()
    except AlmanacError as error:
        return Finding(name, "error", str(error))
    except psycopg.Error as error:
        return Finding(name, "error", str(error).strip().splitlines()[0], "almanac db migrate")
    if superuser and superuser[0]:
        return Finding(name, "warning", "works with all rights", "Connect as a user that is not a superuser.")
    return Finding(name, "ok", "works with its own rights only")


def _mlflow(settings: Settings) -> Finding:
    try:
        registry = open_registry(settings)
        registry.experiment(
            "almanac-doctor"
        ) if settings.mlflow_tracking_uri is None else registry.client.search_experiments(max_results=1)
    except (AlmanacError, OSError) as error:
        return Finding(
            "mlflow", "error", str(error), "Check MLFLOW_TRACKING_URI, or unset it to use mlruns/."
        )
    return Finding("mlflow", "ok", "own server" if settings.mlflow_tracking_uri else "local store in mlruns/")


def _disk(settings: Settings) -> Finding:
    free = shutil.disk_usage(settings.home).free / 2**30
    level = "ok" if free >= LEAST_FREE_GB else "error"
    return Finding(
        "disk",
        level,
        f"{free:.1f} GiB free",
        "" if level == "ok" else f"Free at least {LEAST_FREE_GB} GiB; `almanac prune` drops old runs.",
    )


def _port(settings: Settings) -> Finding:
    where = f"{settings.host}:{settings.port}"
    try:
        with socket.create_connection((settings.host, settings.port), timeout=1):
            return Finding(
                "port",
                "warning",
                f"{where} is in use (perhaps by this server)",
                "Set PORT, or use almanac serve --port.",
            )
    except socket.gaierror:
        return Finding("port", "error", f"'{settings.host}' is no address", "Correct ALMANAC_HOST.")
    except OSError:
        return Finding("port", "ok", f"{where} is free")


def _notebooks(settings: Settings) -> Iterator[Finding]:
    for name in discovery.names():
        yield _checked(f"notebooks {name}", lambda name=name: notebooks.find(settings.notebooks_folder, name))  # type: ignore[misc]


def _checked(what: str, look: Callable[[], object]) -> Finding:
    try:
        look()
    except AlmanacError as error:
        return Finding(
            what,
            "error",
            str(error),
            "Restore the notebook, or run `almanac new` for a fresh set to compare with.",
        )
    return Finding(what, "ok", "four notebooks with parameters")


def _keys(settings: Settings) -> Iterator[Finding]:
    keys = {
        "FOOTBALL_DATA_ORG_TOKEN": settings.football_data_org_token,
        "ODDS_API_KEY": settings.odds_api_key,
        "IGDB_CLIENT_ID": settings.igdb_client_id,
        "IGDB_CLIENT_SECRET": settings.igdb_client_secret,
    }
    for name, value in keys.items():
        yield (
            Finding(name, "ok", "set")
            if value
            else Finding(name, "ok", "not set; its source is skipped and named in the run")
        )
