"""Every promised format is read, detected, and no line is lost."""

import gzip
import json
from datetime import UTC, datetime
from pathlib import Path

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
        'LineId,Date,Time,Level,Component,Content\n1,2015-10-18,"18:01:47,978",INFO,main,"Created, said he"\n',
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


def rows(content: str | bytes, **how: object) -> list[dict[str, object]]:
    data = content if isinstance(content, bytes) else content.encode()
    read = list(formats.parse([data], **how))  # type: ignore[arg-type]
    return pa.concat_tables([part.entries for part in read]).to_pylist() if read else []


@pytest.mark.parametrize("form", SAMPLES)
def test_a_format_is_detected_and_its_first_entry_read(form: str) -> None:
    content, (level, text, time) = SAMPLES[form]
    assert formats.detect(content.encode()) == form
    first = rows(content, year=2015)[0]
    assert (first["level"], first["text"], first["event_time"], first["raw"]) == (level, text, time, False)


def test_a_stack_trace_is_folded_and_a_stray_line_is_kept_raw_and_counted() -> None:
    read, found = list(formats.parse([KAFKA.encode()])), rows(KAFKA)
    assert (sum(part.lines for part in read), sum(part.raw for part in read)) == (7, 1)
    assert [(row["place"], row["raw"]) for row in found] == [(1, False), (2, False), (6, True), (7, False)]
    assert str(found[1]["text"]).count("\n") == 3
    assert found[0]["logger"] == "kafka.controller.KafkaController"
    assert found[2]["text"] == "this line belongs to nobody"


@pytest.mark.parametrize("size", [1, 7, 64, 1000])
def test_the_size_of_blocks_changes_nothing(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("almanac.workloads.logs.formats.chunks.MOST_CARRIED", 10_000)
    data = (KAFKA * 40).encode()
    parts = [data[at : at + size] for at in range(0, len(data), size)]
    pieces = pa.concat_tables([part.entries for part in formats.parse(parts, form="log4j")]).to_pylist()
    assert pieces == rows(data)
    assert [row["place"] for row in pieces] == sorted(int(str(row["place"])) for row in pieces)


def test_hostile_text_is_stored_inert() -> None:
    data = b"[2025-01-01 00:00:00,000] INFO a\x00b \x1b[31mred\x1b[0m \xff <script>\r\n"
    assert rows(data)[0]["text"] == "a\ufffdb red \ufffd <script>"
    assert (
        len(str(rows("{" + json.dumps("msg") + ": " + json.dumps("x" * 1_000_000) + "}\n")[0]["text"]))
        == formats.LONGEST_TEXT
    )
    assert formats.clean("\ud800") == "\ufffd"


def test_what_is_no_json_object_with_a_message_is_kept_raw() -> None:
    found = rows(
        '{"msg": "good"}\nnot json\n[1]\n{"other": 1}\n\n{"msg": "deep", "a": ' + "[" * 3000 + "\n",
        form="jsonl",
    )
    assert [(row["text"] == "good", row["raw"]) for row in found] == [(True, False)] + [(False, True)] * 4


def test_a_numbered_level_and_a_time_beyond_the_calendar_do_no_harm() -> None:
    found = rows(
        '{"msg": "a", "level": 50, "time": 1e300}\n{"msg": "b", "level": true, "time": "2025-13-40"}\n'
    )
    assert [(row["level"], row["event_time"]) for row in found] == [("error", None), ("true", None)]


def test_lines_of_an_unknown_format_are_kept_raw() -> None:
    assert [row["text"] for row in rows("hello\n\nworld\n") if row["raw"]] == ["hello", "world"]


def test_a_gzipped_file_and_a_parquet_file_are_read_by_their_content(tmp_path: Path) -> None:
    zipped, table = tmp_path / "server.log.gz", tmp_path / "hdfs.parquet"
    zipped.write_bytes(gzip.compress(KAFKA.encode()))
    assert sum(len(part.entries) for part in formats.parse_file(zipped)) == 4
    frame = pd.DataFrame(
        {"m_message": ["Serving"], "level": ["INFO"], "component": ["dfs"], "seq_id": ["blk_1"]}
    )
    frame.assign(m_timestamp=pd.Timestamp("2008-11-09 20:36:15")).to_parquet(table)
    (parsed,) = formats.parse_file(table)
    assert parsed.entries.to_pylist()[0]["session"] == "blk_1"


def test_an_unknown_format_and_a_table_of_other_columns_are_refused() -> None:
    with pytest.raises(UsageError, match="Unknown log format 'xml'"):
        rows("x", form="xml")
    with pytest.raises(UsageError, match="has 'Content' and 'Level'"):
        rows("a,b\n1,2\n", form="loghub_csv")


@pytest.mark.parametrize("unit", [1, 10**3, 10**6, 10**9])
def test_a_number_is_a_time_in_seconds_or_thousandths_millionths_or_billionths_of_them(unit: int) -> None:
    assert times.one_number(1_744_696_800 * unit) == datetime(2025, 4, 15, 6, tzinfo=UTC)


def test_whatever_a_terminal_would_obey_is_made_inert() -> None:
    assert cleaning.clean("a\x7fb\x08c\x1b[2Jd\te\nf\rg") == "a\ufffdb\ufffdcd\te\nf\ng"


@pytest.mark.parametrize(
    ("written", "level"),
    [("NOTICE", "info"), ("fatal", "error"), ("Emergency", "error"), ("trace", "debug"), ("W", "warning")],
)
def test_the_words_of_many_programs_mean_four_levels(written: str, level: str) -> None:
    assert levels.normal(written) == level
