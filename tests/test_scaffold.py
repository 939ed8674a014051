"""A new workload runs, is served and tested at once, and nothing else has to be edited."""

import ast
import json
import re
import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from almanac import discovery, scaffold
from almanac.errors import UsageError
from almanac.settings import Settings
from serve.app import create_app
from tests.installation import ROOT, WORKLOAD, Installation
from tests.stub import STUB

LONGEST = "a_name_of_19_letter"


@pytest.fixture
def new_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The files of a new workload with the longest name there can be, in a copy of the sources."""
    shutil.copytree(ROOT / "src", tmp_path / "src", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    monkeypatch.setattr(discovery, "WORKLOADS", tmp_path / "src" / "almanac" / "workloads")
    return scaffold.create(tmp_path, LONGEST)


def test_a_new_workload_is_a_package_four_notebooks_and_a_test(new_files: list[Path], tmp_path: Path) -> None:
    package, notebooks = f"src/almanac/workloads/{LONGEST}", f"notebooks/{LONGEST}"
    modules = [
        f"{package}/{name}.py"
        for name in ("__init__", "contract", "evaluation", "features", "model", "sources")
    ]
    steps = [f"{notebooks}/{name}.ipynb" for name in ("1_collect", "2_train", "3_evaluate", "4_predict")]
    assert [path.relative_to(tmp_path).as_posix() for path in new_files] == [
        *modules,
        *steps,
        f"tests/test_{LONGEST}.py",
    ]


def test_the_generated_files_are_clean_also_with_the_longest_name(
    new_files: list[Path], tmp_path: Path
) -> None:
    for words in (["check"], ["format", "--check"]):
        ran = subprocess.run(
            [Path(sys.executable).with_name("ruff"), *words, *new_files],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert ran.returncode == 0, ran.stdout + ran.stderr


def test_the_longest_name_leaves_room_for_the_names_of_its_tables(new_files: list[Path]) -> None:
    contract = next(path for path in new_files if path.name == "contract.py")
    assert runpy.run_path(str(contract))["CONTRACT"].name == LONGEST


def test_the_generated_notebooks_keep_the_rules_of_notebooks(new_files: list[Path]) -> None:
    for path in (path for path in new_files if path.suffix == ".ipynb"):
        notebook = json.loads(path.read_text())
        nbformat.validate(notebook)
        code = ["".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code"]
        first, last = ("".join(notebook["cells"][place]["source"]) for place in (0, -1))
        assert re.match(r"# \S.*\n\n\S", first)
        assert last.startswith("## Next\n")
        assert len(code) <= 15
        assert max(len(cell.splitlines()) for cell in code) <= 15
        defined = [
            node
            for cell in code
            for node in ast.walk(ast.parse(cell))
            if isinstance(node, ast.FunctionDef | ast.ClassDef)
        ]
        assert defined == []


@pytest.mark.parametrize(
    "name", ["", "a", "Demand", "9lives", "with-dash", "../escape", "a" * 20, "dé", "import", "demand\n"]
)
def test_a_name_that_cannot_be_a_workload_is_refused_and_nothing_is_written(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(discovery, "WORKLOADS", tmp_path / "workloads")
    with pytest.raises(UsageError, match="cannot name a workload"):
        scaffold.create(tmp_path, name)
    assert list(tmp_path.iterdir()) == []


def test_a_workload_that_exists_is_not_overwritten(new_files: list[Path], tmp_path: Path) -> None:
    before = [path.read_text() for path in new_files]
    with pytest.raises(UsageError, match="exists already"):
        scaffold.create(tmp_path, LONGEST)
    assert [path.read_text() for path in new_files] == before


def test_a_test_that_has_the_name_already_is_not_overwritten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(discovery, "WORKLOADS", tmp_path / "workloads")
    test = tmp_path / "tests" / "test_demand.py"
    test.parent.mkdir()
    test.write_text("def test_scores(): ...")
    with pytest.raises(UsageError, match=r"test_demand\.py exists already"):
        scaffold.create(tmp_path, "demand")
    assert (test.read_text(), list(tmp_path.iterdir())) == ("def test_scores(): ...", [test.parent])


def test_a_new_workload_has_run_at_once_and_told_so(installation: Installation) -> None:
    output = (installation.home / "first_run.txt").read_text()
    assert "Demand: SIMULATED, as of 2025-06-30, 12 of 40" in output
    assert "40 predictions saved" in output
    assert "Held-out figures: " in output


def test_a_new_workload_is_served_at_once(installation: Installation) -> None:
    with installation.server() as client:
        answer = client.get(f"/v1/{WORKLOAD}/predictions", params={"limit": 3})
        none = client.get(f"/v1/{WORKLOAD}/predictions", params={"min_chance": 1.0})
    assert (answer.status_code, none.status_code) == (200, 200)
    body = answer.json()
    assert [row["item_id"] for row in body["rows"]] == ["item-000", "item-001", "item-002"]
    assert all(0 < row["chance"] < 1 and row["date"] == "2025-06-30" for row in body["rows"])
    assert none.json()["rows"] == []


def test_the_generated_package_has_strict_types(installation: Installation) -> None:
    cache = str(ROOT / ".mypy_cache" / "house")
    ran = installation.command(
        "-m", "mypy", "--strict", "--cache-dir", cache, f"src/almanac/workloads/{WORKLOAD}"
    )
    assert ran.returncode == 0, ran.stdout


def test_nothing_but_the_new_files_was_needed(installation: Installation) -> None:
    tracked = subprocess.run(
        ["git", "-C", str(installation.home), "status", "--porcelain"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert [line for line in tracked.splitlines() if not line.startswith("??")] == []
    for part in ("src", "serve"):
        copied = {path.relative_to(installation.home) for path in (installation.home / part).rglob("*.py")}
        ours = {path.relative_to(ROOT) for path in (ROOT / part).rglob("*.py")}
        assert {path.parent.as_posix() for path in copied - ours} <= {f"src/almanac/workloads/{WORKLOAD}"}


def test_the_generated_test_passes(installation: Installation) -> None:
    ran = installation.command("-m", "pytest", "-q", "-p", "no:cacheprovider", f"tests/test_{WORKLOAD}.py")
    assert ran.returncode == 0, ran.stdout


def test_a_workload_cannot_have_a_name_that_the_server_uses_in_its_own_addresses(tmp_path: Path) -> None:
    app = create_app(
        Settings(database_url="postgresql://nobody@localhost/nowhere", auth="on", secret="x" * 32),
        contracts={},
    )
    paths = [str(getattr(route, "path", "")).removeprefix("/v1") for route in app.routes]
    words = {path.split("/")[1].partition(".")[0] for path in paths if path != "/"}
    assert {"workloads", "livez", "docs", "openapi"} <= words <= scaffold.RESERVED
    for word in words:
        with pytest.raises(UsageError, match=f"'{word}' cannot name a workload: the server uses this word"):
            scaffold.create(tmp_path, word)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["events_intake", "logs_search", "generic", "platform", "answers"])
def test_a_workload_whose_name_is_like_a_module_of_the_server_does_not_stop_it(name: str) -> None:
    contract = STUB.model_copy(update={"name": name})
    app = create_app(
        Settings(database_url="postgresql://nobody@localhost/nowhere"), contracts={name: contract}
    )
    assert f"/v1/{name}/predictions" in app.openapi()["paths"]
