"""A workload whose contract cannot be read stops no command about the others."""

from pathlib import Path

import pytest

from almanac import cli, discovery, workloads
from almanac.cli import releases
from almanac.errors import ContractError
from almanac.operations import doctor
from almanac.settings import Settings
from almanac.store.connections.database import Database

BROKEN = {
    "broken_syntax": "CONTRACT = ",
    "broken_import": "import no_such_package",
    "broken_name": "from almanac.workloads.games.contract import CONTRACT",
    "broken_nothing": "",
    "broken_bytes": "CONTRACT = '\\ud800'.encode()",
}


@pytest.fixture(params=BROKEN)
def broken(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of a workload that is there beside all others, with a contract that cannot be read."""
    name = str(request.param)
    (tmp_path / name).mkdir()
    (tmp_path / name / "contract.py").write_text(BROKEN[name])
    (tmp_path / name / "__init__.py").write_text("")
    monkeypatch.setattr(workloads, "__path__", [*workloads.__path__, str(tmp_path)])
    names = sorted([*discovery.names(), name])
    monkeypatch.setattr(discovery, "names", lambda: names)
    return name


def test_the_commands_of_the_other_workloads_are_there(broken: str) -> None:
    groups = {group.name for group in cli.build("logs").registered_groups}
    assert {"db", "import", "logs"} <= groups


def test_the_list_names_it_and_the_others(broken: str) -> None:
    assert releases._title("games") == ("Video game recommendations", "")
    title, refusal = releases._title(broken)
    assert title == broken
    assert broken in refusal


def test_doctor_names_it(broken: str, owner: Database) -> None:
    finding = doctor._contract(owner, broken)
    assert (finding.what, finding.level) == (f"contract {broken}", "error")
    assert doctor._contract(owner, "games").level == "ok"


def test_the_others_are_served(broken: str, settings: Settings) -> None:
    from serve.app import create_app

    paths = create_app(settings).openapi()["paths"]
    assert "/v1/games/predictions" in paths
    assert f"/v1/{broken}/predictions" not in paths


def test_it_is_refused_by_name(broken: str) -> None:
    with pytest.raises(ContractError, match=broken):
        discovery.contract(broken)
