"""almanac new, doctor, predict-one."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.installation import WORKLOAD, Installation

Almanac = Callable[..., Any]


def test_predict_one_tries_the_champion_on_one_input(
    loaded_installation: Installation, almanac: Almanac
) -> None:
    little, much = (
        json.loads(almanac("predict-one", WORKLOAD, "item_id=item-007", f"effort={effort}", "--json").out)
        for effort in ("-1", "1")
    )
    ended = almanac("predict-one", WORKLOAD, "item_id=item-007", "effort=1")
    assert (much["model_version"], much["item_id"], much["date"][:10]) == (1, "item-007", "2025-06-30")
    assert 0 < little["chance"] < much["chance"] < 1
    assert f"{much['chance']:.4g}" in ended.out


def test_predict_one_names_the_input_that_is_missing(
    loaded_installation: Installation, almanac: Almanac
) -> None:
    ended = almanac("predict-one", WORKLOAD, "item_id=item-007")
    assert (ended.code, ended.out) == (2, "")
    assert "A prediction needs ['effort']. Write item_id=item-007 effort=0.5." in ended.err


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        (
            ["item_id=a", "effort=1", "item_id=b"],
            "The input 'item_id' is there twice: 'a' and 'b'. Write it once.",
        ),
        (["=a"], "'=a' has no name. Write name=value."),
        (["effort=nan", "item_id=item-007"], "The model cannot predict this input"),
        (["effort=inf", "item_id=item-007"], "The model cannot predict this input"),
    ],
)
def test_predict_one_refuses_inputs_that_no_model_can_use(
    inputs: list[str], message: str, loaded_installation: Installation, almanac: Almanac
) -> None:
    ended = almanac("predict-one", WORKLOAD, *inputs)
    assert (ended.code, ended.out) == (2, "")
    assert message in " ".join(ended.err.split())


def test_predict_one_needs_a_database_that_was_migrated(
    loaded_installation: Installation, almanac: Almanac, cluster: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", cluster)
    ended = almanac("predict-one", WORKLOAD, "item_id=item-007", "effort=1")
    assert (ended.code, ended.out) == (3, "")
    assert "Run: almanac db migrate" in ended.err


def test_predict_one_says_that_an_input_does_not_fit(
    loaded_installation: Installation, almanac: Almanac
) -> None:
    ended = almanac("predict-one", WORKLOAD, "item_id=item-007", "effort=much")
    assert (ended.code, ended.out) == (2, "")
    assert "The input does not fit: could not convert string to float: 'much'." in ended.err


def test_doctor_finds_this_installation_well(loaded_installation: Installation, almanac: Almanac) -> None:
    ended = almanac("doctor", "--json")
    levels = {row["what"]: row["level"] for row in json.loads(ended.out)}
    assert {
        "database",
        "role owner",
        "role worker",
        "role reader",
        "mlflow",
        "disk",
        "port",
        f"notebooks {WORKLOAD}",
    } <= set(levels)
    assert {"FOOTBALL_DATA_ORG_TOKEN", "ODDS_API_KEY", "IGDB_CLIENT_ID", "IGDB_CLIENT_SECRET"} <= set(levels)
    assert "error" not in levels.values()
    assert ended.code == 0


def test_doctor_says_what_is_wrong_and_the_way_out(
    loaded_installation: Installation, almanac: Almanac, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://127.0.0.1:9/almanac")
    ended = almanac("doctor")
    assert ended.code == 1
    assert "database: Cannot reach the database at 127.0.0.1:9/almanac" in ended.err
    assert ".. " not in ended.err


def test_a_new_workload_cannot_take_a_name_that_is_taken(
    loaded_installation: Installation, almanac: Almanac
) -> None:
    ended = almanac("new", WORKLOAD)
    assert ended.code == 2
    assert "exists already" in ended.err
