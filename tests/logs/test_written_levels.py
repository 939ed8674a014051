"""Written levels: published beside the predicted, the worse makes the severity, differences are counted."""

import pandas as pd
import pyarrow as pa
import pytest

from almanac.workloads.logs import formats, scoring
from almanac.workloads.logs.model import LogModel
from almanac.workloads.logs.scoring import Stamp
from almanac.workloads.logs.terms import arrays, levels
from tests.logs.log_samples import BEGIN, Row, entries

ERROR, INFO = "failed to write the lamp in basement", "registered new lamp in basement"


def scored(model: LogModel, words: list[str | None], texts: list[str]) -> dict[str, pd.DataFrame]:
    """Return the tables for entries with these words for levels and these texts, all of one session."""
    rows: list[Row] = [("api", "s", second, text) for second, text in enumerate(texts)]
    table = entries(rows)
    place = table.column_names.index("level")
    table = table.set_column(place, "level", arrays.texts(words))
    return scoring.score(model, [table], scoring.nothing_past(), stamp=Stamp(1, BEGIN))


@pytest.mark.parametrize(
    ("word", "text", "written", "severity"),
    [
        ("FATAL", INFO, "error", "high"),
        ("INFO", ERROR, "info", "high"),
        ("WARN", INFO, "warning", "medium"),
        ("debug", INFO, "debug", "low"),
        ("purple", INFO, None, "low"),
        (None, ERROR, None, "high"),
    ],
)
def test_the_worse_of_both_levels_makes_the_severity(
    log_model: LogModel, word: str | None, text: str, written: str | None, severity: str
) -> None:
    content = scored(log_model, [word], [text])
    (row,) = content["predictions"].to_dict("records")
    assert row["level"] == ("error" if text == ERROR else "info")
    assert (None if pd.isna(row["written_level"]) else row["written_level"]) == written
    assert row["severity"] == severity
    assert content["sessions"]["severity"].tolist() == [severity]


def test_the_roll_ups_count_written_levels_and_those_that_differ(log_model: LogModel) -> None:
    content = scored(log_model, ["INFO", "ERROR", None, "FATAL"], [INFO, INFO, INFO, ERROR])
    for name in ("rollups", "hours"):
        counts = content[name].set_index(["level", "severity"])[["entries", "written", "differing"]]
        assert counts.to_dict("index") == {
            ("error", "high"): {"entries": 1, "written": 1, "differing": 0},
            ("info", "high"): {"entries": 1, "written": 1, "differing": 1},
            ("info", "low"): {"entries": 2, "written": 1, "differing": 0},
        }


def test_places_of_written_words_are_those_of_their_levels() -> None:
    words = arrays.texts(["WARN", None, "Fatal", "?", "trace"])
    assert levels.places(pa.chunked_array([words])).tolist() == [2, -1, 3, -1, 0]


@pytest.mark.parametrize(
    ("line", "level"),
    [
        ("<11>Jun 14 15:16:01 combo sshd[1]: authentication failure", "error"),
        ("<165>1 2025-06-01T00:00:00Z host app 1 ID - disk is slow", "info"),
        ("<3>[   12.345678] usb 1-1: device descriptor read failed", "error"),
        ("<4>[   12.345678] usb 1-1: device not accepting address", "warning"),
        ("<30>[Sun Jun  1 00:00:00 2025] usb 1-1: new device", "info"),
        ("kern  :err   : [   12.345678] usb 1-1: device descriptor read failed", "error"),
        ("kern  :warn  : [Sun Jun  1 00:00:00 2025] usb 1-1: device is slow", "warning"),
        (
            "- 1 2005.06.03 R02 2005-06-03-15.42.50.675872 R02 RAS KERNEL FATAL data storage interrupt",
            "error",
        ),
    ],
)
def test_the_level_that_stands_in_a_line_is_read(line: str, level: str) -> None:
    parts = formats.parse([f"{line}\n".encode() * 3], year=2025, source="host")
    parsed = pa.concat_tables([part.entries for part in parts])
    assert [levels.LEVELS[place] for place in levels.places(parsed["level"])] == [level] * 3
    assert line.endswith(parsed["text"][0].as_py())
    assert len(parsed["text"][0].as_py()) < len(line) - 10
