"""What is wrong with this installation, and the way out of it."""

import shutil
import socket
from collections.abc import Iterator
from pathlib import Path

import psycopg

from almanac import discovery
from almanac.connection_strings import Role
from almanac.contract import SCHEMA_REVISION
from almanac.errors import AlmanacError, ContractError, SchemaMismatch
from almanac.operations import access, packages
from almanac.operations.finding import Finding
from almanac.registry import locations, open_registry
from almanac.runner.notebooks import plan
from almanac.settings import Settings
from almanac.store.connections.database import Database, open_database
from almanac.store.schema import ensure, migrate

LEAST_FREE_GB = 2
ROLES: tuple[Role, ...] = ("owner", "worker", "reader", "ingest", "access")
# These roles may call functions of schema api, and read nothing there.
QUERIES = {
    "ingest": "SELECT has_schema_privilege('api', 'USAGE')",
    "access": "SELECT epoch FROM api.access_state()",
}
QUERY = "SELECT 1 FROM api.workloads LIMIT 1"
IS_SUPERUSER = "SELECT current_setting('is_superuser') = 'on'"
REMOTE_TRACKING = ("http://", "https://", "databricks", "postgresql", "mysql", "mssql")
REMOTE_ARTIFACTS = ("s3://", "gs://", "mlflow-artifacts:", "http://", "https://")
DATABASE_ADVICE = "Check DATABASE_URL, or unset it to use the embedded server."
MLFLOW_ADVICE = "Check MLFLOW_TRACKING_URI, or unset it to use mlruns/."
# Whether everybody may connect to this database, and how many others there are beside PostgreSQL's own.
ACCESS = """
    SELECT current_database(), has_database_privilege('public', current_database(), 'CONNECT'),
           (SELECT count(*) FROM pg_database
            WHERE datallowconn AND datname NOT IN (current_database(), 'postgres', 'template1'))
"""
ACCESS_ADVICE = "See docs/operate.md, Two environments on one server: REVOKE CONNECT … FROM PUBLIC."
CONTRACT_ADVICE = "Declare the column again, or leave it: new rows have no value there."
NOT_APPLIED_ADVICE = "almanac db migrate, or the next run of this workload"
NOTEBOOK_ADVICE = "Restore the notebook, or run `almanac new` for a fresh set to compare with."
DURABILITY_ADVICE = {
    "DATABASE_URL": "Predictions would be lost with the runner. Set it to a PostgreSQL server of your own.",
    "MLFLOW_TRACKING_URI": "Set it to an MLflow server; a SQLite file or a folder is lost with the runner.",
    "ALMANAC_ARTIFACT_ROOT": (
        "Set it to s3://… or gs://…, or leave it empty behind an MLflow server that keeps artifacts."
    ),
}


def examine(settings: Settings) -> list[Finding]:
    """Examine database, roles, MLflow, disk, port, notebooks, packages and keys."""
    return [
        *_database(settings),
        _mlflow(settings),
        _disk(settings),
        _port(settings),
        *(_notebooks(settings, name) for name in discovery.names()),
        packages.examine_pins(settings),
        *access.examine(settings),
        *_keys(settings),
    ]


def examine_durability(settings: Settings) -> list[Finding]:
    """Examine whether a champion and its predictions survive this machine, as a scheduled runner needs."""
    uri = settings.mlflow_tracking_uri
    tracking = uri.get_secret_value() if uri else ""
    has_proxy = tracking.startswith(("http://", "https://")) and not settings.artifact_root
    is_durable = {
        "DATABASE_URL": bool(settings.database_url),
        "MLFLOW_TRACKING_URI": tracking.startswith(REMOTE_TRACKING),
        "ALMANAC_ARTIFACT_ROOT": has_proxy or settings.artifact_root.startswith(REMOTE_ARTIFACTS),
    }
    return [_durability(name, durable) for name, durable in is_durable.items()]


def examine_role(database: Database) -> Finding:
    """Examine whether a role can do its work, and with no more rights than it needs."""
    name = f"role {database.role}"
    try:
        with database.connect() as connection:
            connection.execute(QUERIES.get(database.role, QUERY))
            superuser = connection.execute(IS_SUPERUSER).fetchone()
    except AlmanacError as error:
        return Finding(name, "error", str(error))
    except psycopg.Error as error:
        return Finding(name, "error", str(error).strip().splitlines()[0], "almanac db migrate")
    if superuser and superuser[0]:
        return Finding(name, "warning", "works with all rights", "Connect as a user that is not a superuser.")
    return Finding(name, "ok", "works with its own rights only")


def _durability(name: str, durable: bool) -> Finding:
    if durable:
        return Finding(name, "ok", "set")
    return Finding(name, "error", "a champion could not survive this machine", DURABILITY_ADVICE[name])


def _database(settings: Settings) -> Iterator[Finding]:
    try:
        revision = migrate.revision(open_database(settings, "login"))
    except AlmanacError as error:
        yield _of_error("database", error, DATABASE_ADVICE)
        return
    kind = "own server" if settings.database_url else "embedded"
    if revision != SCHEMA_REVISION:
        detail = f"{kind}, schema revision {revision or 'none'}, needed {SCHEMA_REVISION}"
        yield Finding("database", "error", detail, SchemaMismatch(revision, SCHEMA_REVISION).advice)
        return
    yield Finding("database", "ok", f"{kind}, schema revision {revision}")
    for role in ROLES:
        yield examine_role(open_database(settings, role))
    if settings.database_url:
        yield from _separation(open_database(settings, "login"))
    database = open_database(settings, "owner")
    yield from (_contract(database, name) for name in discovery.names())
    yield from packages.examine_live_runs(database, discovery.names())
    database.engine.dispose()


def _of_error(what: str, error: Exception, advice: str) -> Finding:
    """Return an error with its way out once: most messages end with it, and some have another one."""
    text = str(error)
    if advice not in text:
        return Finding(what, "error", text)
    return Finding(what, "error", text.replace(advice, "").strip(), advice)


def _separation(login: Database) -> Iterator[Finding]:
    """Examine whether other accounts of the server may enter: roles belong to all its databases."""
    with login.connect() as connection:
        row = connection.execute(ACCESS).fetchone()
    name, is_open, others = row or ("", False, 0)
    if is_open and others:
        detail = (
            f"every account of the server may connect to '{name}'; {others} other databases share its roles"
        )
        yield Finding("access", "warning", detail, ACCESS_ADVICE)
    else:
        yield Finding("access", "ok", f"'{name}' is not shared with other databases")


def _contract(database: Database, workload: str) -> Finding:
    """Examine whether the tables of a workload fit its contract; changes nothing."""
    what = f"contract {workload}"
    try:
        contract = discovery.contract(workload)
        with database.engine.begin() as connection:
            fit = ensure.examine(connection, contract)
    except ContractError as error:
        return Finding(what, "error", str(error))
    except AlmanacError as error:
        return Finding(what, "warning", f"not examined: {error}")
    if fit.warnings:
        return Finding(what, "warning", "; ".join(fit.warnings), CONTRACT_ADVICE)
    if not fit.is_applied:
        return Finding(what, "warning", "its tables are not made or changed yet", NOT_APPLIED_ADVICE)
    return Finding(what, "ok", "its tables fit")


def _mlflow(settings: Settings) -> Finding:
    is_own = settings.mlflow_tracking_uri is not None
    try:
        registry = open_registry(settings)
        registry.client.search_experiments(max_results=1)
    except (AlmanacError, OSError) as error:
        return _of_error("mlflow", error, MLFLOW_ADVICE)
    kind = "own server" if is_own else "local store in mlruns/"
    place = locations.readable(registry.artifact_root) if registry.artifact_root else "where it keeps them"
    return Finding("mlflow", "ok", f"{kind}, artifacts: {place}")


def _disk(settings: Settings) -> Finding:
    """Examine the disks of the database and of MLflow's files; the fuller one counts."""
    places = [_existing(settings.state_folder), _existing(settings.home / "mlruns")]
    place = min(places, key=lambda each: shutil.disk_usage(each).free)
    free = shutil.disk_usage(place).free / 2**30
    detail = f"{free:.1f} GiB free at {place}"
    if free >= LEAST_FREE_GB:
        return Finding("disk", "ok", detail)
    advice = f"Free at least {LEAST_FREE_GB} GiB; `almanac prune` drops old runs."
    return Finding("disk", "error", detail, advice)


def _existing(path: Path) -> Path:
    """Return a folder, or the nearest one above it that exists: there it will be made."""
    return next(each for each in (path, *path.parents) if each.exists())


def _port(settings: Settings) -> Finding:
    address = (settings.host, settings.port)
    place = f"{settings.host}:{settings.port}"
    try:
        socket.create_connection(address, timeout=1).close()
    except socket.gaierror:
        return Finding("port", "error", f"'{settings.host}' is no address", "Correct ALMANAC_HOST.")
    except OSError:
        return Finding("port", "ok", f"{place} is free")
    detail = f"{place} is in use (perhaps by this server)"
    return Finding("port", "warning", detail, "Set PORT, or use almanac serve --port.")


def _notebooks(settings: Settings, workload: str) -> Finding:
    what = f"notebooks {workload}"
    try:
        plan.find(settings.notebooks_folder, workload)
    except AlmanacError as error:
        return Finding(what, "error", str(error), NOTEBOOK_ADVICE)
    return Finding(what, "ok", "four notebooks with parameters")


def _keys(settings: Settings) -> Iterator[Finding]:
    keys = {
        "FOOTBALL_DATA_ORG_TOKEN": settings.football_data_org_token,
        "ODDS_API_KEY": settings.odds_api_key,
        "IGDB_CLIENT_ID": settings.igdb_client_id,
        "IGDB_CLIENT_SECRET": settings.igdb_client_secret,
    }
    for name, value in keys.items():
        detail = "set" if value else "not set; its source is skipped and named in the run"
        yield Finding(name, "ok", detail)
