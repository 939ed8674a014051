"""almanac import football-odds."""

import json
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest

from almanac.errors import UsageError
from almanac.store.rows.raw import UpsertCounts
from almanac.workloads.football import commands
from almanac.workloads.football.sources.match_frame import match_frame

HEADER = "Div,Date,HomeTeam,AwayTeam,B365H,B365D,B365A"
GOOD = "E0,07/12/2024,Arsenal,Chelsea,2,3,4"
BAD = "E0,07/12/2024,Arsenall,Chelsea,2,3,4"


@pytest.fixture(autouse=True)
def project(monkeypatch: pytest.MonkeyPatch) -> None:
    """A project with one match, whose tables take every row."""
    row = {"league": "E0", "season": "2024-25", "home": "Arsenal FC", "away": "Chelsea FC"}
    matches = match_frame([row | {"status": "played", "source": "openfootball", "date": "2024-12-07"}])
    settings = SimpleNamespace(sample="full")
    parts = SimpleNamespace(database=None, worker=None, settings=settings)
    monkeypatch.setattr(commands, "Project", lambda _settings: parts)
    monkeypatch.setattr(commands.raw, "read", lambda *_: matches)
    monkeypatch.setattr(commands.raw, "upsert", lambda *arguments: UpsertCounts(len(arguments[3]), 0, 0))


def write(folder: Path, *lines: str) -> Path:
    file = folder / "odds.csv"
    file.write_text("\n".join([HEADER, *lines]))
    return file


def test_a_file_of_which_some_rows_are_refused_is_imported(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    commands.import_odds(write(tmp_path, GOOD, BAD), json=True)
    printed = json.loads(capsys.readouterr().out)
    assert (printed["inserted"], printed["refused"], len(printed["bad_rows"])) == (1, 0, 1)


@pytest.mark.parametrize(
    "lines", [[BAD], [BAD, "E0,soon,Arsenal,Chelsea,2,3,4"], [GOOD.replace("2,3,4", "9,9,9")]]
)
def test_a_file_whose_rows_are_all_refused_is_wrong_usage(lines: list[str], tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"No row of .*odds\.csv' could be used.* Line 2: ") as error:
        commands.import_odds(write(tmp_path, *lines), json=True)
    assert error.value.exit_code == 2


def test_a_file_without_a_row_is_no_error(tmp_path: Path) -> None:
    commands.import_odds(write(tmp_path), json=True)
    assert pd.read_csv(write(tmp_path)).empty
