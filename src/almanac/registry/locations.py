"""Where an MLflow store keeps its files; those of an SQLite store follow its folder to a new place.

MLflow writes absolute locations into its tables. Without this module a copy would write into the folder
that it was copied from, and a moved folder would make its old place again.
"""

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import unquote, urlsplit

SQLITE = "sqlite:///"
# User and password inside a URL.
CREDENTIALS = re.compile(r"://[^/@\s]*@")
WAIT_SECONDS = 30
# Columns of MLflow's tables with absolute locations; those of `experiments` say where new files go.
COLUMNS = (
    ("runs", "artifact_uri"),
    ("logged_models", "artifact_location"),
    ("model_versions", "storage_location"),
    ("model_versions", "source"),
)
# MLflow makes this experiment by itself, with a location below the folder in which some process was.
DEFAULT = "Default"


def local_path(location: str) -> Path | None:
    """Return the path of a location on this machine, or None for one elsewhere, such as s3://….

    >>> local_path("file:///data/my%20models"), local_path("/data/models"), local_path("s3://bucket/models")
    (PosixPath('/data/my models'), PosixPath('/data/models'), None)
    """
    if location.startswith("/"):
        return Path(location)
    parts = urlsplit(location)
    return Path(unquote(parts.path)) if parts.scheme == "file" else None


def readable(location: str) -> str:
    """Return a location as people read it: a path on this machine, without password elsewhere."""
    return str(local_path(location) or CREDENTIALS.sub("://", location))


def is_gone(location: str) -> bool:
    """Return whether a location is on this machine and nothing is there."""
    path = local_path(location)
    return path is not None and not path.exists()


def database_file(uri: str) -> Path | None:
    """Return the file of an SQLite store, or None for another store."""
    return Path(uri.removeprefix(SQLITE)) if uri.startswith(SQLITE) else None


def follow(database: Path, root: str) -> None:
    """Point the locations of an SQLite store to `root`, where its files are or will be.

    A location stays only where its files exist in their old place and not below `root`.
    """
    if local_path(root) is None:
        return
    with closing(sqlite3.connect(database, timeout=WAIT_SECONDS)) as connection, connection:
        query = "SELECT experiment_id, name, artifact_location FROM experiments"
        for key, name, location in connection.execute(query).fetchall():
            old = _root(name, location)
            if old is None or old == root or not _has_moved(location, f"{root}/{name}"):
                continue
            _follow_one(connection, key, f"{old}/{name}", f"{root}/{name}")


def _root(name: str, location: str) -> str | None:
    """Return the root below which an experiment has its files, or None where Almanac did not choose it."""
    if name == DEFAULT and not location.endswith(f"/{DEFAULT}"):
        return location
    root, slash, last = location.rpartition("/")
    return root if slash and last == name else None


def _has_moved(old: str, new: str) -> bool:
    before, after = local_path(old), local_path(new)
    if before is None or after is None:
        return False
    return after.exists() or not before.exists()


def _follow_one(connection: sqlite3.Connection, key: int, old: str, new: str) -> None:
    """Change the location of one experiment, and of its runs and models whose files have moved with it."""
    connection.execute("UPDATE experiments SET artifact_location = ? WHERE experiment_id = ?", (new, key))
    for table, column in COLUMNS:
        change = f"UPDATE {table} SET {column} = ? WHERE rowid = ?"
        connection.executemany(change, list(_changes(connection, table, column, (old, new))))


def _changes(
    connection: sqlite3.Connection, table: str, column: str, places: tuple[str, str]
) -> Iterator[tuple[str, int]]:
    """Yield new location and row number of each row whose files have moved from the old to the new place."""
    old, new = places
    query = f"SELECT rowid, {column} FROM {table} WHERE substr({column}, 1, ?) = ?"
    for row, location in connection.execute(query, (len(old) + 1, f"{old}/")).fetchall():
        moved = new + location.removeprefix(old)
        if _has_moved(location, moved):
            yield moved, row
