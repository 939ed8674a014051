"""The embedded PostgreSQL server: folders of any name, copies and moves, and why it did not start."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import psycopg
import pytest

from almanac.errors import DatabaseError
from almanac.store.connections import embedded
from almanac.store.connections.database import Database
from tests.queries import change, one

pytestmark = pytest.mark.slow
NAMES = (
    "with a space",
    "it's",
    "$HOME",
    "$(false) `false`",
    'a "quoted" name',
    "back\\slash",
    "a,b; c & d",
    "50% off",
    "Zürich",
    "x" * 100,
)


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder with a short path; servers in it are stopped at the end."""
    with tempfile.TemporaryDirectory(prefix="alm") as folder:
        yield Path(folder)
        for data in Path(folder).glob("*/postgres"):
            embedded.stop(data)


def copied(old: Path, new: Path) -> None:
    """Copy a folder with its owners, as `cp -a` does."""
    subprocess.run(["cp", "-a", str(old), str(new)], check=True)


@pytest.mark.parametrize("name", NAMES)
def test_a_server_starts_stops_and_starts_again_in_a_folder_called(name: str, place: Path) -> None:
    folder = place / name / "postgres"
    for rows in (0, 1):
        login = Database(embedded.start(folder), "login")
        change(login, "CREATE TABLE IF NOT EXISTS kept (n int)")
        assert one(login, "SELECT count(*) FROM kept") == rows
        change(login, "INSERT INTO kept VALUES (1)")
        assert one(login, "SHOW data_directory") == str(folder.resolve())
        login.engine.dispose()
        assert embedded.stop(folder)
        assert not embedded.is_running(folder)


def test_the_programs_may_be_in_a_folder_that_a_shell_would_misread(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _commands = import_module(f"{embedded._library().__name__}._commands")
    package = Path(_commands.__file__).parent
    odd = place / "it's $HOME `x`"
    installed = odd / package.name / "pginstall"
    shutil.copytree(package / "pginstall", installed)
    shutil.copytree(package.with_name(f"{package.name}.libs"), odd / f"{package.name}.libs")
    monkeypatch.setattr(_commands, "POSTGRES_BIN_PATH", installed / "bin")
    with psycopg.connect(embedded.start(place / "home" / "postgres")) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


WRONG = {
    "a setting": ("postgresql.conf", "no_such_setting = 1\n", "configuration file .* contains errors"),
    "a value": ("postgresql.conf", "max_connections = many\n", "configuration file .* contains errors"),
    "the rules of access": ("pg_hba.conf", "nonsense\n", "could not load .*pg_hba.conf"),
}


@pytest.mark.parametrize("what", WRONG)
def test_a_server_that_does_not_start_is_quoted_without_a_guess(what: str, place: Path) -> None:
    name, line, complaint = WRONG[what]
    folder = place / "home" / "postgres"
    embedded.start(folder)
    embedded.stop(folder)
    with (folder / name).open("a") as file:
        file.write(line)
    with pytest.raises(
        DatabaseError, match=rf"did not start: .*{complaint}.* Its log is {folder}/log"
    ) as caught:
        embedded.start(folder)
    assert "disk" not in str(caught.value)
    assert not embedded.is_running(folder)


def test_data_of_another_version_are_named(place: Path) -> None:
    folder = place / "home" / "postgres"
    embedded.start(folder)
    embedded.stop(folder)
    (folder / "PG_VERSION").write_text("9.6\n")
    with pytest.raises(DatabaseError, match="database files are incompatible with server"):
        embedded.start(folder)


def test_a_folder_that_cannot_become_a_database_is_named_with_the_words_of_initdb(place: Path) -> None:
    folder = place / "home" / "postgres"
    folder.mkdir(parents=True)
    (folder / "mine.txt").write_text("not yours")
    with pytest.raises(DatabaseError, match=r"did not start: directory .+ exists but is not empty"):
        embedded.start(folder)
    assert (folder / "mine.txt").read_text() == "not yours"


def test_a_copy_of_a_stopped_server_is_a_database_of_its_own(place: Path) -> None:
    first, copy = place / "a" / "postgres", place / "b" / "postgres"
    login = Database(embedded.start(first), "login")
    change(login, "CREATE TABLE kept (n int)")
    login.engine.dispose()
    embedded.stop(first)
    copied(place / "a", place / "b")
    urls = {embedded.start(first), embedded.start(copy)}
    assert len(urls) == 2
    for url, rows in zip(sorted(urls), (1, 2), strict=True):
        database = Database(url, "login")
        change(database, f"INSERT INTO kept SELECT generate_series(1, {rows})")
        assert one(database, "SELECT count(*) FROM kept") == rows
        database.engine.dispose()


def test_a_copy_of_a_running_server_is_refused_and_never_joins_or_stops_the_first(place: Path) -> None:
    first, copy = place / "a" / "postgres", place / "b" / "postgres"
    login = Database(embedded.start(first), "login")
    copied(place / "a", place / "b")
    for _ in range(2):
        with pytest.raises(DatabaseError, match=rf"{copy} was copied from {first} while a server ran there"):
            embedded.start(copy)
        assert not embedded.stop(copy)
    assert one(login, "SELECT 1") == 1
    (copy / "postmaster.pid").unlink()
    again = Database(embedded.start(copy), "login")
    assert one(again, "SHOW data_directory") == str(copy)
    for database in (login, again):
        database.engine.dispose()


def test_a_server_whose_folder_was_moved_while_it_ran_goes_on_in_the_new_place(place: Path) -> None:
    old, new = place / "a" / "postgres", place / "b" / "postgres"
    login = Database(embedded.start(old), "login")
    change(login, "CREATE TABLE kept (n int)")
    login.engine.dispose()
    (place / "a").rename(place / "b")
    again = Database(embedded.start(new), "login")
    assert one(again, "SELECT count(*) FROM kept") == 0
    again.engine.dispose()
    assert embedded.stop(new)
    assert [path.name for path in place.iterdir()] == ["b"]


@pytest.mark.parametrize("pid", ["1", "4194304", str(os.getpid())], ids=["first", "none", "own"])
def test_a_note_of_a_process_that_is_no_server_is_no_server(pid: str, place: Path) -> None:
    folder = place / "home" / "postgres"
    embedded.start(folder)
    lines = (folder / "postmaster.pid").read_text().splitlines()
    embedded.stop(folder)
    (folder / "postmaster.pid").write_text("\n".join([pid, *lines[1:]]) + "\n")
    assert not embedded.is_running(folder)
    with psycopg.connect(embedded.start(folder)) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
