"""What is printed can be read by people and by programs."""

import json

import pandas as pd
import pytest

from almanac.cli import show


def test_what_is_missing_is_null_in_json_and_empty_in_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    show.as_json(
        {
            "words": [{"before": float("nan"), "after": "x"}],
            "share": float("inf"),
            "days": (pd.NaT, pd.Timestamp("2025-04-15")),
        }
    )
    assert json.loads(capsys.readouterr().out) == {
        "words": [{"before": None, "after": "x"}],
        "share": None,
        "days": [None, "2025-04-15T00:00:00"],
    }
    show.table("Row", ("name", "value"), [("date", pd.NaT), ("chance", float("nan")), ("n", 0.5)])
    assert [line.split() for line in capsys.readouterr().out.splitlines()] == [
        ["Row"],
        ["name", "value"],
        ["date"],
        ["chance"],
        ["n", "0.5"],
    ]
