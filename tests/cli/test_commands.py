"""Every command explains itself; a wrong one says what fits, with its exit code and without a traceback."""

import errno
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa
import typer

from almanac import errors
from almanac.cli import EPILOG, build
from almanac.settings import Settings

Almanac = Callable[..., Any]
EXPECTED = {
    "list", "run", "runs", "releases", "rollback", "promote", "diff", "verify", "reproduce",
    "report", "prune", "decisions", "new", "serve", "doctor",
    "predict-one", "db start", "db stop", "db status", "db migrate", "db url", "db psql",
}  # fmt: skip


def commands(group: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for name, command in group.commands.items():
        yield from commands(command, (*path, name)) if hasattr(command, "commands") else [(*path, name)]


COMMANDS = list(commands(typer.main.get_command(build())))


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Settings of an empty folder, with a database that nobody answers for."""
    for name in (field.alias for field in Settings.model_fields.values() if field.alias):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("ALMANAC_HOME", str(tmp_path))
    monkeypatch.setenv("DATABASE_URL", "postgresql://almanac:hunter22@127.0.0.1:9/almanac")


def test_every_command_that_is_promised_exists() -> None:
    assert {" ".join(path) for path in COMMANDS} >= EXPECTED


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_every_command_explains_itself(path: tuple[str, ...], almanac: Almanac) -> None:
    ended = almanac(*path, "--help")
    assert (ended.code, ended.err) == (0, "")
    assert f"almanac {' '.join(path)}" in ended.out
    assert len(ended.out.splitlines()) > 4


@pytest.mark.slow
@pytest.mark.parametrize(
    ("first", "is_loaded"), [("list", False), ("db", False), ("import", True), ("", True)]
)
def test_a_command_of_the_house_does_not_wait_for_what_workloads_import(first: str, is_loaded: bool) -> None:
    program = f"import sys; from almanac.cli import build; build({first!r}); print('sklearn' in sys.modules)"
    assert subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    ).stdout.strip() == str(is_loaded)


def test_almanac_prints_its_version(almanac: Almanac) -> None:
    ended = almanac("--version")
    assert (ended.code, ended.out.strip(), ended.err) == (0, f"almanac {version('almanac')}", "")


def test_almanac_alone_lists_its_commands(almanac: Almanac) -> None:
    ended = almanac()
    assert (ended.code, ended.err) == (2, "")
    assert "predict-one" in ended.out


WRONG = {
    ("run", "football", "--bogus"): "No such option: --bogus",
    ("fly",): "No such command 'fly'",
    ("promote", "football", "one", "--why", "because"): "Invalid value for 'version'",
    ("promote", "football", "1"): "Missing option '--why'",
    ("run",): "Name a workload, or use --all. Known workloads: ",
    ("run", "fotball"): "Unknown workload 'fotball'. Known workloads: ",
    ("run", "--all", "football"): "--all takes neither a workload nor --json.",
    ("run", "--all", "--json"): "--all takes neither a workload nor --json.",
    ("run", "football", "--slot", "noon"): "'noon' is not",
    ("run", "football", "--slot", "0001-01-01T00:00+14:00"): "'0001-01-01T00:00+14:00' is not an instant",
    ("run", "football", "--every", "99999999999h"): "'99999999999h' is longer than the calendar",
    ("promote", "football", "3000000000", "--why", "because"): "Invalid value for 'version'",
    ("diff", "football", "1", "3000000000"): "Invalid value for 'second'",
    ("run", "football", "--sample", "half"): "Unknown sample 'half'. Use full or mock.",
    ("run", "football", "--data-as-of", "15.4.2025"): "'15.4.2025' is not a date. Write it as YYYY-MM-DD",
    ("run", "football", "--every", "10x"): "'10x' is not a duration. Write a number and s, m or h",
    ("run", "football", "--every", "0m"): "'0m' is not a duration",
    ("run", "football", "-p", "SEED"): "'SEED' is not a parameter. Write -p name=value.",
    ("run", "football", "-p", "import os=1"): "is not a parameter",
    ("runs", "fotball"): "Unknown workload 'fotball'",
    ("runs", r"foot\[/]ball"): r"Unknown workload 'foot\[/]ball'",
    ("releases", "fotball"): "Unknown workload 'fotball'",
    ("rollback", "football", "--to", "x", "--resume"): "--to and --resume exclude each other.",
    ("predict-one", "football", "home"): "'home' is not an input. Write name=value.",
    ("new", "Not-a-name"): "'Not-a-name' cannot name a workload",
    ("db", "url", "--role", "king"): "'king'. Roles: owner, worker, reader, ingest, access, login.",
    ("db", "start"): "DATABASE_URL names a server of your own",
    ("db", "stop"): "DATABASE_URL names a server of your own",
}


@pytest.mark.parametrize("words", WRONG, ids=" ".join)
def test_a_wrong_command_says_what_fits_and_leaves_with_exit_code_2(
    words: tuple[str, ...], almanac: Almanac
) -> None:
    ended = almanac(*words)
    assert (ended.code, ended.out) == (2, "")
    assert WRONG[words] in ended.err
    assert "Traceback" not in ended.err


@pytest.mark.parametrize(
    "words", [("list",), ("runs",), ("verify", "x"), ("db", "migrate"), ("db", "status")], ids=" ".join
)
def test_a_database_that_is_away_is_named_without_its_password(
    words: tuple[str, ...], almanac: Almanac
) -> None:
    ended = almanac(*words)
    assert ended.code == 3
    assert "Cannot reach the database at 127.0.0.1:9/almanac" in ended.err
    assert "hunter22" not in ended.err
    assert "Traceback" not in ended.err


def test_psql_is_started_without_a_password_that_others_could_read(
    almanac: Almanac, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[Any] = []
    monkeypatch.setattr(
        "almanac.cli.database.subprocess.run",
        lambda words, **options: started.append((words, options["env"])) or Ended(),
    )
    assert almanac("db", "psql").code == 3
    [(words, environment)] = started
    assert "hunter22" not in " ".join(words)
    assert Path(words[0]).is_file()
    assert "role=almanac_reader" in words[1]
    assert environment["PGPASSWORD"] == "hunter22"


class Ended:
    """A psql that has ended."""

    returncode = 3


def test_a_variable_that_does_not_fit_is_named(almanac: Almanac, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT", "many")
    ended = almanac("runs")
    assert ended.code == 2
    assert "PORT has value 'many'" in ended.err


def test_a_fault_of_almanac_shows_no_traceback_unless_asked(
    almanac: Almanac, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("almanac.cli.releases.compare.compare", fail)
    monkeypatch.setattr("almanac.cli.releases.Project", fail)
    ended = almanac("diff", "football", "1", "2")
    assert (ended.code, ended.out) == (1, "")
    assert (
        "Unexpected ZeroDivisionError: by hand. This is a fault of Almanac; LOG_LEVEL=DEBUG shows where."
        in ended.err
    )
    monkeypatch.setenv("LOG_LEVEL", "DEBUG")
    with pytest.raises(ZeroDivisionError):
        almanac("diff", "football", "1", "2")


@pytest.mark.parametrize(
    "wrap",
    [lambda error: error, lambda error: sa.exc.OperationalError("SELECT 1", {}, error)],
    ids=["psycopg", "SQLAlchemy"],
)
def test_a_database_that_ends_the_conversation_is_no_fault_of_almanac(
    wrap: Callable[[Exception], Exception], almanac: Almanac, monkeypatch: pytest.MonkeyPatch
) -> None:
    def break_off(*_: object, **__: object) -> None:
        raise wrap(
            psycopg.errors.AdminShutdown("terminating connection due to administrator command\nDETAIL: more")
        )

    monkeypatch.setattr("almanac.cli.releases.Project", break_off)
    ended = almanac("diff", "football", "1", "2")
    assert (ended.code, ended.out) == (3, "")
    assert (
        "The database broke off: terminating connection due to administrator command. "
        "What it had not confirmed was undone." in ended.err
    )


def test_a_machine_that_allows_no_writing_is_no_fault_of_almanac(
    almanac: Almanac, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", "/srv/mlruns")

    monkeypatch.setattr("almanac.cli.releases.Project", refuse)
    ended = almanac("diff", "football", "1", "2")
    assert (ended.code, ended.out) == (1, "")
    assert (
        "This machine does not allow it: [Errno 13] Permission denied: '/srv/mlruns'. "
        "See to rights and free space" in ended.err
    )


def test_an_interrupt_is_said_in_a_word_and_leaves_with_exit_code_130(
    almanac: Almanac, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("almanac.cli.releases.Project", interrupted)
    ended = almanac("diff", "football", "1", "2")
    assert (ended.code, ended.out, ended.err.strip()) == (130, "", "Error: Interrupted.")


def fail(*_: object, **__: object) -> None:
    raise ZeroDivisionError("by hand")


def test_every_exit_code_is_documented() -> None:
    classes = [
        value
        for value in vars(errors).values()
        if isinstance(value, type) and issubclass(value, errors.AlmanacError)
    ]
    assert {error_class.exit_code for error_class in classes} == set(range(1, 11))
    assert all(f"{code} " in EPILOG for code in [*range(11), 130])


@pytest.mark.parametrize(
    ("typed", "meant"), [("vefiry", "verify"), ("decisons", "decisions"), ("rnu", "run")]
)
def test_a_suggestion_ends_as_a_question(typed: str, meant: str, almanac: Almanac) -> None:
    ended = almanac(typed)
    assert (ended.code, "?." in ended.err) == (2, False)
    assert f"'{meant}'? Add --help to see what fits." in ended.err
