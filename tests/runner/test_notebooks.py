"""Notebooks are read by name, and their parameters are checked before anything runs."""

import ast
import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from almanac.errors import BadNotebook, BadParameter, UsageError
from almanac.runner.notebooks import parameters, plan
from almanac.scaffold import as_notebook
from tests.runner.workbench import NAMES, PARAMETERS

TYPED = (
    PARAMETERS + 'SEED = 7\nRATE = 0.5\nQUICK = False\nWORD = "a"\nLEAGUES: list[str] = ["E0"]\nSHIFT = -1\n'
    "TEAM = None\nSIZE = (1, 2)\nTAGS = {'a': 1}\n"
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the four notebooks of the workload `stub`; train has parameters of its own."""
    for step, name in NAMES.items():
        write(tmp_path, name, TYPED if step == "train" else PARAMETERS)
    return tmp_path


def typed(folder: Path, texts: dict[str, str]) -> dict[str, Any]:
    """Return what the notebook of train gets."""
    notebooks = plan.find(folder, "stub")
    plan.check_parameters(notebooks, texts)
    return notebooks[1].typed(texts)


def write(folder: Path, name: str, text: str) -> Path:
    path = folder / "stub" / f"{name}.ipynb"
    path.parent.mkdir(exist_ok=True)
    path.write_text(as_notebook(text))
    return path


def test_notebooks_are_found_by_name_in_the_order_of_the_steps(folder: Path) -> None:
    write(folder, "0_scratch", PARAMETERS)
    write(folder, "notes", PARAMETERS)
    by_step = {notebook.step: notebook for notebook in plan.find(folder, "stub")}
    assert list(by_step) == ["collect", "train", "evaluate", "predict"]
    assert by_step["train"].defaults == {
        "RUN_ID": "", "SLOT": "", "SAMPLE": "", "DATA_AS_OF": "",
        "SEED": 7, "RATE": 0.5, "QUICK": False, "WORD": "a", "LEAGUES": ["E0"], "SHIFT": -1,
        "TEAM": None, "SIZE": (1, 2), "TAGS": {"a": 1},
    }  # fmt: skip


def test_a_missing_notebook_is_named(folder: Path) -> None:
    (folder / "stub" / "3_evaluate.ipynb").unlink()
    with pytest.raises(BadNotebook, match=r"'stub' lacks the notebooks \['evaluate'\]"):
        plan.find(folder, "stub")


BROKEN = {
    "it is not JSON": ("{", "cannot be read as a notebook"),
    "it has no cells": (json.dumps({"nbformat": 4, "metadata": {}}), "KeyError: 'cells'"),
    "it has an old format": (json.dumps({"nbformat": 3, "worksheets": []}), "format 3, needed 4"),
    "it has two parameters cells": (as_notebook(PARAMETERS + PARAMETERS), "has 2 cells tagged 'parameters'"),
    "its parameters are no Python": (
        as_notebook("# %% parameters\nRUN_ID = \n"),
        r"not Python \(invalid syntax, line 1\)",
    ),
    "a parameter is computed": (
        as_notebook(PARAMETERS + "SEED = 3 + len('a')\n"),
        r"only assign plain values to names, found: SEED = 3 \+ len\('a'\)",
    ),
    "a parameter of the runner is missing": (
        as_notebook('# %% parameters\nRUN_ID = ""\n'),
        r"lacks \['DATA_AS_OF', 'SAMPLE', 'SLOT'\]",
    ),
    "it names no kernel": (
        as_notebook(PARAMETERS).replace("kernelspec", "kernel"),
        "lacks kernelspec or language_info",
    ),
}


@pytest.mark.parametrize("why", BROKEN)
def test_a_notebook_is_refused_because(why: str, folder: Path) -> None:
    text, message = BROKEN[why]
    (folder / "stub" / "1_collect.ipynb").write_text(text)
    with pytest.raises(BadNotebook, match=message):
        plan.find(folder, "stub")


TYPES = {
    ("SEED", "11"): 11,
    ("SEED", "-11"): -11,
    ("RATE", "0.25"): 0.25,
    ("RATE", "2"): 2.0,
    ("QUICK", "true"): True,
    ("WORD", "11"): "11",
    ("LEAGUES", "['D1', 'I1']"): ["D1", "I1"],
    ("SIZE", "(3, 4)"): (3, 4),
    ("TAGS", "{'b': [2]}"): {"b": [2]},
    ("TEAM", "Arsenal"): "Arsenal",
    ("TEAM", "'Arsenal'"): "Arsenal",
    ("TEAM", "11"): 11,
    ("TEAM", " 11 "): 11,
    ("TEAM", "2.5"): 2.5,
    ("TEAM", "None"): None,
    ("TEAM", "True"): True,
    ("TEAM", "['a', 'b']"): ["a", "b"],
    ("TEAM", "2025-11-30"): "2025-11-30",
    ("TEAM", "1. FC Köln"): "1. FC Köln",
    ("TEAM", "a=b"): "a=b",
    ("TEAM", ""): "",
    ("TEAM", "1e999"): "1e999",
    ("TEAM", "{1, 2}"): "{1, 2}",
    ("TEAM", "b'x'"): "b'x'",
    ("TEAM", "1+2j"): "1+2j",
    ("TEAM", "[" * 500): "[" * 500,
}


@pytest.mark.parametrize(("name", "text"), TYPES)
def test_a_parameter_takes_the_type_of_its_default(name: str, text: str, folder: Path) -> None:
    value = typed(folder, {name: text})[name]
    assert (value, type(value)) == (TYPES[name, text], type(TYPES[name, text]))


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=40))
def test_no_text_is_lost_where_the_default_is_none(text: str) -> None:
    value = parameters.typed({"TEAM": None}, {"TEAM": text})["TEAM"]
    assert value == text or ast.literal_eval(text.strip()) == value


@pytest.mark.parametrize(
    "line", ["A = B = 1", "SEED += 1", "A, B = (1, 2)", "A: int", "del SEED", "A[0] = 1"]
)
def test_a_statement_that_would_lose_a_parameter_is_refused(line: str, folder: Path) -> None:
    write(folder, NAMES["train"], f"{TYPED}{line}\n")
    with pytest.raises(BadNotebook, match=f"may only assign plain values to names, found: {re.escape(line)}"):
        plan.find(folder, "stub")


def test_each_notebook_reads_a_parameter_by_its_own_default(folder: Path) -> None:
    write(folder, NAMES["predict"], f'{PARAMETERS}SEED = "a"\n')
    _, train, _, predict = plan.find(folder, "stub")
    plan.check_parameters([train, predict], {"SEED": "3"})
    assert (train.typed({"SEED": "3"}), predict.typed({"SEED": "3"})) == ({"SEED": 3}, {"SEED": "3"})


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("SEED", "seven"),
        ("SEED", "7.5"),
        ("SEED", "True"),
        ("RATE", "fast"),
        ("QUICK", "1"),
        ("LEAGUES", "E0"),
        ("SEED", "__import__('os')"),
        ("SEED", ""),
        ("RATE", "1e999"),
        ("RATE", "None"),
        ("TAGS", "{1: 2}"),
        ("SIZE", "[1, 2]"),
    ],
)
def test_a_value_of_another_type_is_refused(name: str, text: str, folder: Path) -> None:
    message = rf"Parameter '{name}' has value .+, which is not of type \w+ like its default"
    with pytest.raises(BadParameter, match=message):
        plan.check_parameters(plan.find(folder, "stub"), {name: text})


def test_an_unknown_parameter_is_refused_naming_those_that_are_declared(folder: Path) -> None:
    names = "LEAGUES, QUICK, RATE, SEED, SHIFT, SIZE, TAGS, TEAM, WORD"
    message = rf"Unknown parameter 'SEDE'\. The notebooks declare: {names}\."
    with pytest.raises(BadParameter, match=message):
        plan.check_parameters(plan.find(folder, "stub"), {"SEDE": "3"})


def test_a_parameter_that_the_runner_sets_is_refused(folder: Path) -> None:
    with pytest.raises(BadParameter, match="'RUN_ID' is set by the runner"):
        plan.check_parameters(plan.find(folder, "stub"), {"RUN_ID": "mine"})


def test_a_notebook_gets_only_the_parameters_that_it_declares(folder: Path) -> None:
    collect, train, *_ = plan.find(folder, "stub")
    assert collect.typed({"SEED": "3"}) == {}
    assert train.typed({"SEED": "3"}) == {"SEED": 3}


@pytest.mark.parametrize(
    ("only", "start", "steps"),
    [
        ("", "", ["collect", "train", "evaluate", "predict"]),
        ("collect,predict", "", ["collect", "predict"]),
        ("predict, collect", "", ["collect", "predict"]),
        ("", "evaluate", ["evaluate", "predict"]),
    ],
)
def test_selected_steps_run_in_their_order(only: str, start: str, steps: list[str], folder: Path) -> None:
    selected = plan.select(plan.find(folder, "stub"), only=only, start=start)
    assert [notebook.step for notebook in selected] == steps


@pytest.mark.parametrize(("only", "start"), [("publish", ""), ("", "publish"), ("collect", "train")])
def test_an_unknown_step_or_a_contradiction_is_refused(only: str, start: str, folder: Path) -> None:
    with pytest.raises(UsageError, match=r"Unknown step 'publish'|exclude each other"):
        plan.select(plan.find(folder, "stub"), only=only, start=start)
