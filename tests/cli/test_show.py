"""What is printed can be read by people and by programs."""

import json
import os
import subprocess
import sys

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

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


NUMBERS = {
    23570.0: "23570", 2357.4: "2357", 1e9: "1000000000", 0.0: "0", -12000.0: "-12000",
    0.123456: "0.1235", 12.5: "12.5", 999.96: "1000", -0.00001234: "-1.234e-05", float("inf"): "inf",
}  # fmt: skip


@pytest.mark.parametrize("value", NUMBERS)
def test_a_count_has_all_its_digits_and_a_figure_four(value: float) -> None:
    assert show.number(value) == NUMBERS[value]


@given(st.integers(-(10**12), 10**12))
def test_no_count_is_rounded(count: int) -> None:
    assert show.number(float(count)) == str(count)


WORDS = {"a": "Zürich – 1 °C", "b": "東京", "c": "\udcff"}
PRINT = "from almanac.cli import show; show.replace_unprintable(); show.{call}"


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8", "cp1252"])
def test_every_output_can_print_every_text(encoding: str) -> None:
    for call in (f"as_json({WORDS!r})", f"line({str(WORDS)!r})", f"table('Ü', ('°',), [({str(WORDS)!r},)])"):
        command = [sys.executable, "-c", PRINT.format(call=call)]
        environment = os.environ | {"PYTHONIOENCODING": encoding}
        ran = subprocess.run(command, capture_output=True, check=False, env=environment)
        assert ran.returncode == 0, ran.stderr
        if call.startswith("as_json"):
            assert json.loads(ran.stdout.decode(encoding)) == WORDS
