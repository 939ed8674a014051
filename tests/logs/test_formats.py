"""Every supported format is read and detected, and no line is lost."""

import gzip
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest

from almanac.errors import UsageError
from almanac.workloads.logs import formats
from almanac.workloads.logs.formats import times
from almanac.workloads.logs.shared import cleaning
from almanac.workloads.logs.terms import levels

KAFKA = """[2016-12-19 16:31:47,437] INFO Controller starting up (kafka.controller.KafkaController)
[2016-12-19 16:31:48,001] ERROR Broker 1 failed (kafka.server.KafkaServer)
java.io.IOException: broken
\tat kafka.Server.run(Server.java:12)
\t... 3 more
this line belongs to nobody
[2016-12-19 16:31:49,000] WARN Slow
"""
LOGHUB_CSV = """LineId,Date,Time,Level,Component,Content
1,2015-10-18,"18:01:47,978",INFO,main,"Created, said he"
"""
# A file of each format with level, text and time of its first entry.
SAMPLES = {
    "log4j": (KAFKA, ("INFO", "Controller starting up", datetime(2016, 12, 19, 16, 31, 47, 437_000, UTC))),
    "syslog": (
        "<11>Dec  4 04:47:44 host app[12]: disk full\n",
        ("error", "disk full", datetime(2015, 12, 4, 4, 47, 44, tzinfo=UTC)),
    ),
    "syslog5424": (
        '<14>1 2025-04-15T06:00:00.5+02:00 host app 12 ID7 [a b="c \\" ]"] all well\n',
        ("info", "all well", datetime(2025, 4, 15, 4, 0, 0, 500_000, UTC)),
    ),
    "jsonl": (
        '{"ts": 1744696800, "severity": "warn", "msg": "slow", "id": "a1"}\n',
        ("warn", "slow", datetime(2025, 4, 15, 6, tzinfo=UTC)),
    ),
    "loghub_csv": (
        LOGHUB_CSV,
        ("INFO", "Created, said he", datetime(2015, 10, 18, 18, 1, 47, 978_000, UTC)),
    ),
    "android": (
        "03-17 16:13:38.811  1702  2395 D Window: frozen\n",
        ("D", "frozen", datetime(2015, 3, 17, 16, 13, 38, 811_000, UTC)),
    ),
    "hdfs": (
        "081109 203615 148 INFO dfs.DataNode: Serving\n",
        ("INFO", "Serving", datetime(2008, 11, 9, 20, 36, 15, tzinfo=UTC)),
    ),
    "apache": (
        "[Sun Dec 04 04:47:44 2005] [notice] init ok\n",
        ("notice", "init ok", datetime(2005, 12, 4, 4, 47, 44, tzinfo=UTC)),
    ),
}
Rows = list[dict[str, Any]]


def read(content: str | bytes, **options: Any) -> list[formats.Parsed]:
    data = content if isinstance(content, bytes) else content.encode()
    return list(formats.parse([data], **options))


def rows(content: str | bytes, **options: Any) -> Rows:
    return rows_of(read(content, **options))


def rows_of(parts: list[formats.Parsed]) -> Rows:
    return [row for part in parts for row in part.entries.to_pylist()]


@pytest.mark.parametrize("form", SAMPLES)
def test_a_format_is_detected_and_its_first_entry_read(form: str) -> None:
    content, expected = SAMPLES[form]
    assert formats.detect(content.encode()) == form
    first = rows(content, year=2015)[0]
    assert (first["level"], first["text"], first["event_time"]) == expected
    assert not first["raw"]


def test_a_stack_trace_is_folded_and_a_stray_line_becomes_a_raw_entry() -> None:
    parts = read(KAFKA)
    entries = rows_of(parts)
    assert (sum(part.lines for part in parts), sum(part.raw for part in parts)) == (7, 1)
    assert [(row["place"], row["raw"]) for row in entries] == [(1, False), (2, False), (6, True), (7, False)]
    assert entries[1]["text"].count("\n") == 3
    assert entries[0]["logger"] == "kafka.controller.KafkaController"
    assert entries[2]["text"] == "this line belongs to nobody"


@pytest.mark.parametrize("size", [1, 7, 64, 1000])
def test_the_size_of_blocks_changes_nothing(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("almanac.workloads.logs.formats.chunks.MOST_CARRIED", 10_000)
    data = (KAFKA * 40).encode()
    blocks = [data[begin : begin + size] for begin in range(0, len(data), size)]
    in_blocks = rows_of(list(formats.parse(blocks, form="log4j")))
    places = [row["place"] for row in in_blocks]
    assert in_blocks == rows(data)
    assert places == sorted(places)


def test_hostile_text_becomes_inert() -> None:
    data = b"[2025-01-01 00:00:00,000] INFO a\x00b \x1b[31mred\x1b[0m \xff <script>\r\n"
    assert rows(data)[0]["text"] == "a\ufffdb red \ufffd <script>"
    assert formats.clean("\ud800") == "\ufffd"
    assert cleaning.clean("a\x7fb\x08c\x1b[2Jd\te\nf\rg") == "a\ufffdb\ufffdcd\te\nf\ng"


def test_a_text_of_a_million_characters_is_cut() -> None:
    line = json.dumps({"msg": "x" * 1_000_000})
    text = rows(line + "\n")[0]["text"]
    assert len(text) == formats.LONGEST_TEXT
    assert text.endswith(cleaning.CUT)


def test_a_line_that_is_not_an_object_with_a_message_becomes_a_raw_entry() -> None:
    too_deep = '{"msg": "deep", "a": ' + "[" * 3000
    lines = ['{"msg": "good"}', "not json", "[1]", '{"other": 1}', "", too_deep, ""]
    entries = rows("\n".join(lines), form="jsonl")
    assert [(row["text"] == "good", row["raw"]) for row in entries] == [(True, False)] + [(False, True)] * 4


def test_a_numbered_level_and_an_impossible_time_do_no_harm() -> None:
    numbered = '{"msg": "a", "level": 50, "time": 1e300}'
    odd = '{"msg": "b", "level": true, "time": "2025-13-40"}'
    entries = rows(f"{numbered}\n{odd}\n")
    assert [(row["level"], row["event_time"]) for row in entries] == [("error", None), ("true", None)]


def test_lines_of_an_unknown_format_become_raw_entries() -> None:
    entries = rows("hello\n\nworld\n")
    assert [(row["text"], row["raw"]) for row in entries] == [("hello", True), ("world", True)]


def test_a_gzipped_file_is_unpacked(tmp_path: Path) -> None:
    path = tmp_path / "server.log.gz"
    path.write_bytes(gzip.compress(KAFKA.encode()))
    entries = rows_of(list(formats.parse_file(path)))
    assert [row["source"] for row in entries] == ["server"] * 4


def test_a_parquet_file_is_read_with_its_blocks_as_sessions(tmp_path: Path) -> None:
    path = tmp_path / "hdfs.parquet"
    frame = pd.DataFrame(
        {"m_message": ["Serving"], "level": ["INFO"], "component": ["dfs"], "seq_id": ["blk_1"]}
    )
    frame.assign(m_timestamp=pd.Timestamp("2008-11-09 20:36:15")).to_parquet(path)
    (entry,) = rows_of(list(formats.parse_file(path)))
    assert (entry["session"], entry["text"], entry["logger"]) == ("blk_1", "Serving", "dfs")


def test_a_parquet_file_with_other_columns_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.parquet"
    pd.DataFrame({"m_message": ["Serving"]}).to_parquet(path)
    with pytest.raises(
        UsageError, match=r"lacks the columns \['component', 'level', 'm_timestamp', 'seq_id'\]"
    ):
        list(formats.parse_file(path))


def test_an_unknown_format_and_a_table_of_other_columns_are_refused() -> None:
    with pytest.raises(UsageError, match="Unknown log format 'xml'"):
        rows("x", form="xml")
    with pytest.raises(UsageError, match="has 'Content' and 'Level'"):
        rows("a,b\n1,2\n", form="loghub_csv")
    with pytest.raises(UsageError, match="The CSV cannot be read"):
        rows("LineId,Content\n1,2,3\n", form="loghub_csv")


@pytest.mark.parametrize("unit", [1, 10**3, 10**6, 10**9])
def test_a_number_is_a_time_in_seconds_or_milli_micro_or_nanoseconds(unit: int) -> None:
    assert times.one_number(1_744_696_800 * unit) == datetime(2025, 4, 15, 6, tzinfo=UTC)


@pytest.mark.parametrize("year", ["²²²²", "0", "99999", "9" * 40, "year"])
def test_a_time_with_an_impossible_year_is_no_time(year: str) -> None:
    assert times.one_of_c(f"Sun Dec 04 04:47:44 {year}") is None


@pytest.mark.parametrize(
    ("word", "level"),
    [("NOTICE", "info"), ("fatal", "error"), ("Emergency", "error"), ("trace", "debug"), ("W", "warning")],
)
def test_the_words_of_many_programs_mean_four_levels(word: str, level: str) -> None:
    assert levels.normal(word) == level


def test_the_levels_of_a_column_are_null_for_unknown_words() -> None:
    words = pa.array(["WARN", None, "Fatal", "?"], pa.large_string())
    assert levels.normal_all(words).to_pylist() == ["warning", None, "error", None]
