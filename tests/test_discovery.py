"""Workloads are found by their folders, and hooks by the names in one list."""

import re
from pathlib import Path

import pytest

from almanac import discovery, workloads
from almanac.errors import ContractError, UnknownWorkload

ENTRIES = {
    "contract": "CONTRACT",
    "sources": "fetch",
    "features": "build",
    "model": "make",
    "evaluation": "score",
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder of workloads."""
    monkeypatch.setattr(discovery, "WORKLOADS", tmp_path)
    monkeypatch.setattr(workloads, "__path__", [str(tmp_path)])
    return tmp_path


def add(folder: Path, name: str, *, calls_itself: str) -> None:
    (folder / name).mkdir()
    (folder / name / "__init__.py").touch()
    text = f'from tests.stub import STUB\n\nCONTRACT = STUB.model_copy(update={{"name": "{calls_itself}"}})\n'
    (folder / name / "contract.py").write_text(text)


def test_a_folder_with_a_contract_is_a_workload(folder: Path) -> None:
    add(folder, "zebra", calls_itself="zebra")
    add(folder, "apple", calls_itself="apple")
    (folder / "notes").mkdir()
    assert discovery.names() == ["apple", "zebra"]
    names = {name: contract.name for name, contract in discovery.contracts().items()}
    assert names == {"apple": "apple", "zebra": "zebra"}


def test_an_unknown_workload_is_refused_with_the_names_of_all(folder: Path) -> None:
    with pytest.raises(UnknownWorkload, match=r"Unknown workload 'fotball'\. Known workloads: none\."):
        discovery.contract("fotball")


def test_a_contract_with_another_name_than_its_folder_is_refused(folder: Path) -> None:
    add(folder, "pear", calls_itself="apple")
    refusal = "The contract in workloads/pear calls itself 'apple'; use the folder's name"
    with pytest.raises(ContractError, match=refusal):
        discovery.contract("pear")


def test_a_hook_that_a_workload_lacks_is_none(folder: Path) -> None:
    add(folder, "plum", calls_itself="plum")
    assert discovery.module("plum", "commands") is None
    assert discovery.module("plum", "contract") is not None


@pytest.mark.parametrize("name", discovery.names())
def test_every_workload_has_the_five_modules(name: str) -> None:
    for module, entry in ENTRIES.items():
        assert hasattr(discovery.module(name, module), entry), f"{name} lacks {module}.{entry}"


def test_a_module_that_is_no_hook_is_refused() -> None:
    with pytest.raises(LookupError, match=r"'secrets' is no hook\. Hooks: contract, "):
        discovery.module(discovery.names()[0], "secrets")


def test_every_hook_has_one_sentence_and_a_workload_that_uses_it() -> None:
    folders = [discovery.WORKLOADS / name for name in discovery.names()]
    for hook, sentence in discovery.HOOKS.items():
        assert re.fullmatch(r"[^.]+(\.\w[^.]*)*\.", sentence), hook
        assert any((folder / hook).is_dir() or (folder / f"{hook}.py").is_file() for folder in folders), hook
