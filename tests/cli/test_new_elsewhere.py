"""`almanac new` where ALMANAC_HOME is not the folder of the program."""

from pathlib import Path

import pytest

from almanac import discovery
from almanac.cli import installation


@pytest.mark.parametrize("home", ["home", "deep/er/home", "with space", "ümlaut"])
def test_new_shows_files_outside_the_home_by_their_whole_path(
    home: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    workloads, own = tmp_path / "program" / "workloads", tmp_path / home
    monkeypatch.setattr(discovery, "WORKLOADS", workloads)
    monkeypatch.setenv("ALMANAC_HOME", str(own))
    installation.new_command("demand")
    lines = [line.strip() for line in capsys.readouterr().out.splitlines()]
    assert str(workloads / "demand" / "contract.py") in lines
    assert {"notebooks/demand/1_collect.ipynb", "tests/test_demand.py"} <= set(lines)
    assert (own / "notebooks" / "demand" / "4_predict.ipynb").exists()
    assert lines[-1] == "Next: almanac run demand --sample mock"
