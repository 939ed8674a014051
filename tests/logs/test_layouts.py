"""Line formats of many programs: time, level, source and message of lines made after their documentation."""

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from almanac.workloads.logs import formats
from almanac.workloads.logs.terms import levels

MIRROR = os.environ.get("ALMANAC_MIRROR", "")
needs_mirror = pytest.mark.skipif(not MIRROR, reason="ALMANAC_MIRROR names no mirror of the public logs")
SYSTEMS = ("BGL", "Hadoop", "Android", "HDFS", "Apache")
LEAST_SHARE = 0.99
SIX = datetime(2025, 4, 15, 6, tzinfo=UTC)
MILLI = SIX.replace(microsecond=123_000)
MICRO = SIX.replace(microsecond=123_456)
FOUR = MICRO.replace(hour=4)
# A line, and what it says: time, level, source (None: that of the file), and text.
LINES: list[tuple[str, datetime | None, str | None, str | None, str]] = [
    (
        "2025-04-15T06:00:00.123456+02:00 web1 sshd[12]: Failed for root",
        FOUR,
        None,
        "web1",
        "Failed for root",
    ),
    (
        "2025-04-15T06:00:00+0200 web1 systemd[1]: Started",
        FOUR.replace(microsecond=0),
        None,
        "web1",
        "Started",
    ),
    ("<34>2025-04-15T06:00:00.123456+02:00 web1 su[1]: refused", FOUR, "error", "web1", "refused"),
    ("<34>Apr 15 06:00:00 web1 su: refused", SIX, "error", "web1", "refused"),
    (
        "Apr 15 06:00:00 web1 last message repeated 3 times",
        SIX,
        None,
        "web1",
        "last message repeated 3 times",
    ),
    ("Apr 15 06:00:00 web1 -- MARK --", SIX, None, "web1", "-- MARK --"),
    ("Apr 15 06:00:00 combo sshd(pam_unix)[19]: failure; uid=0", SIX, None, "combo", "failure; uid=0"),
    ("Apr 15 06:00:00 mac com.apple.xpc[1] (com.apple.x): exited", SIX, None, "mac", "exited"),
    ("Apr 15 06:00:00 mac Microsoft Word[14]: saved", SIX, None, "mac", "saved"),
    ("83 <34>1 2025-04-15T06:00:00Z host app 12 ID7 - hello", SIX, "error", "host", "hello"),
    ("Apr 15 2025 06:00:00: %ASA-6-302013: Built it", SIX, "info", None, "Built it"),
    ("<166>Apr 15 2025 06:00:00 fw1 : %ASA-4-106023: Deny tcp", SIX, "warning", "fw1", "Deny tcp"),
    ("*Apr 15 06:00:00.123: %LINK-3-UPDOWN: Interface up", MILLI, "error", None, "Interface up"),
    (
        '10.0.0.8 - - [15/Apr/2025:08:00:00 +0200] "GET /x HTTP/1.1" 200 12',
        SIX,
        "info",
        None,
        '10.0.0.8 - - "GET /x HTTP/1.1" 200 12',
    ),
    (
        '10.0.0.8 - anna [15/Apr/2025:06:00:00 +0000] "GET /x HTTP/1.1" 502 12 "-" "curl"',
        SIX,
        "error",
        None,
        '10.0.0.8 - anna "GET /x HTTP/1.1" 502 12 "-" "curl"',
    ),
    (
        'www.shop.example:80 ::1 - - [15/Apr/2025:06:00:00 +0000] "-" 408 0',
        SIX,
        "warning",
        None,
        'www.shop.example:80 ::1 - - "-" 408 0',
    ),
    ("2025/04/15 06:00:00 [error] 12#56: *9 connect() failed", SIX, "error", None, "connect() failed"),
    (
        "[Tue Apr 15 06:00:00.123456 2025] [core:error] [pid 35:tid 43] [client 10.0.0.8] no file",
        MICRO,
        "error",
        None,
        "[client 10.0.0.8] no file",
    ),
    ("E0415 06:00:00.123456   12345 controller.go:114] sync failed", MICRO, "error", None, "sync failed"),
    ("2025-04-15T06:00:00.123456789Z stderr F oops", MICRO, None, None, "oops"),
    (
        'time=2025-04-15T06:00:00Z level=warn msg="slow \\"query\\"" took=3s',
        SIX,
        "warning",
        None,
        'slow "query"',
    ),
    ("2025-04-15 06:00:00.123 UTC [12345] LOG:  system is ready", MILLI, "info", None, "system is ready"),
    ("2025-04-15 08:00:00.123 CEST [12] anna@shop ERROR:  no relation", MILLI, "error", None, "no relation"),
    (
        "2025-04-15 06:00:00 UTC [1234]: [3-1] user=app,db=shop FATAL:  too many",
        SIX,
        "error",
        None,
        "too many",
    ),
    (
        "2025-04-15T06:00:00.123456Z 0 [Note] [MY-010747] [Server] Plugin off",
        MICRO,
        "info",
        None,
        "Plugin off",
    ),
    ("2025-04-15  6:00:00 0 [Warning] InnoDB: slow", SIX, "warning", None, "InnoDB: slow"),
    ("250415  6:00:00 [ERROR] Aborting", SIX, "error", None, "Aborting"),
    ("12345:M 15 Apr 2025 06:00:00.123 # Server initialized", MILLI, "warning", None, "Server initialized"),
    (
        "[2025-04-15T06:00:00,123][WARN ][o.e.n.Node     ] [node-1] starting",
        MILLI,
        "warning",
        "node-1",
        "starting",
    ),
    ("2025-04-15 06:00:00.123456+00:00 [info] <0.222.0> ready", MICRO, "info", None, "ready"),
    ("[2025-04-15T06:00:00.123456+00:00] app.ERROR: failed {} []", MICRO, "error", None, "failed {} []"),
    ("E, [2025-04-15T06:00:00.123456 #1234] ERROR -- main: boom", MICRO, "error", None, "boom"),
    ("2025/04/15 06:00:00 main.go:23: listening", SIX, None, None, "listening"),
    ("2025/04/15 06:00:00.123456 listening", MICRO, None, None, "listening"),
    ("WARNING:app.db:slow query", None, "warning", None, "slow query"),
    ("INFO:     127.0.0.1:12 - ok", None, "info", None, "127.0.0.1:12 - ok"),
    ("[ERROR] it failed", None, "error", None, "it failed"),
    (
        "nova.log.1 2025-04-15 06:00:00.123 25746 INFO nova.wsgi [req-3 a b - - -] GET",
        MILLI,
        "info",
        None,
        "GET",
    ),
    ("25/04/15 06:00:00 INFO executor.Backend: Registered", SIX, "info", None, "Registered"),
    ("2025-04-15 06:00:00, Info                  CBS    Loaded stack", SIX, "info", None, "Loaded stack"),
    (
        "- 1744696800 2025.04.15 dn228 Apr 15 06:00:00 dn228/dn228 crond(pam)[29]: closed",
        SIX,
        None,
        "dn228",
        "closed",
    ),
    (
        "134681 node-246 unix.hw state_change 1744696800 1 Component changed",
        SIX,
        None,
        None,
        "Component changed",
    ),
    ("[04.15 06:00:00] chrome.exe - proxy:5070 open", SIX, None, None, "proxy:5070 open"),
    ("20250415-6:0:0:123|Step_LSC|30002312|onStep 3579", MILLI, None, None, "onStep 3579"),
    (
        "2025-04-15 06:00:00,123 - INFO  [Peer[id=1]/0:0:2181:Fast@774] - Notification",
        MILLI,
        "info",
        None,
        "Notification",
    ),
    ("2025-04-15 06:00:00,123 - app.db - WARNING - slow", MILLI, "warning", None, "slow"),
    ("2025-04-15 06:00:00.123  INFO 1 --- [       main] c.e.Shop  : Started", MILLI, "info", None, "Started"),
    (
        "[2025-04-15 06:00:00,123] error Controller failed (kafka.Controller)",
        MILLI,
        "error",
        None,
        "Controller failed",
    ),
    (
        "[2025-04-15 06:00:00,123] ALERT Controller failed (kafka.Controller)",
        MILLI,
        "error",
        None,
        "Controller failed",
    ),
    ("2025-04-15 06:00:00,123 [main] error com.example.Shop - burns", MILLI, "error", None, "burns"),
    ("15-Apr-2025 06:00:00.123 SEVERE [main] org.Catalina.start failed", MILLI, "error", None, "failed"),
    ("[2025-04-15 06:00:00 +0000] [12] [INFO] Booting", SIX, "info", None, "Booting"),
    ("[2025-04-15T06:00:00Z WARN  shop::db] slow", SIX, "warning", None, "slow"),
    ("2025-04-15 06:00:00.123 +00:00 [ERR] failed", MILLI, "error", None, "failed"),
    ("2025-04-15T06:00:00.123Z\tINFO\tmain.go:12\tstarted", MILLI, "info", None, "started"),
    ("2025-04-15T06:00:00.123+0000 I NETWORK  [conn1] end", MILLI, "info", None, "end"),
    ("04-15 06:00:00.123  1702  2395 D Window  : frozen", MILLI, "debug", None, "frozen"),
    ("2025-04-15 06:00:00 no level", SIX, None, None, "no level"),
]
BANNER = "".join(f"*** licence of the program, paragraph {number}\n" for number in range(200))
LOG = "2025-04-15 06:00:00,123 INFO app.db: ready\n"
JUL = (
    "Apr 15, 2025 6:00:00 AM com.example.Main main\nSEVERE: it failed\njava.lang.Error\n\tat b.c(d)\n"
    "Apr 15, 2025 6:00:01 PM com.example.Main main\nINFO: ok\n"
)
ERLANG = (
    "=INFO REPORT==== 15-Apr-2025::06:00:00 ===\nhello\n\n=ERROR REPORT==== 15-Apr-2025::06:00:01 ===\nboom\n"
)
FRAMES = (
    "<34>1 2025-04-15T06:00:00Z host app 12 ID7 - first",
    "<35>1 2025-04-15T06:00:01Z host app 12 ID7 - se\ncond",
)


def read(content: str | bytes, **options: Any) -> list[dict[str, Any]]:
    data = content if isinstance(content, bytes) else content.encode()
    options = {"source": "FILE", "year": 2025} | options
    return [row for part in formats.parse([data], **options) for row in part.entries.to_pylist()]


@pytest.mark.parametrize(("line", "time", "level", "source", "text"), LINES)
def test_a_line_is_read_with_time_level_source_and_text(
    line: str, time: datetime | None, level: str | None, source: str | None, text: str
) -> None:
    assert formats.detect(line.encode()) != "plain"
    (entry,) = read(line + "\n")
    assert not entry["raw"]
    assert (entry["event_time"], levels.normal(entry["level"])) == (time, level)
    assert (entry["source"], entry["text"]) == (source or "FILE", text)


def test_lines_of_all_formats_may_stand_in_one_file() -> None:
    plain = [line for line, *_ in LINES if " stderr F " not in line and "time=" not in line]
    entries = read("\n".join(plain) + "\n")
    assert len(entries) == len(plain)
    assert [entry["text"] for entry in entries if entry["raw"]] == []


def test_a_long_banner_does_not_hide_the_log() -> None:
    entries = read(BANNER + LOG * 20)
    assert [entry["level"] for entry in entries[200:]] == ["INFO"] * 20
    assert {entry["raw"] for entry in entries[:200]} == {True}


def test_heads_of_two_lines_are_read() -> None:
    first, second = read(JUL)
    assert (first["level"], first["logger"], first["event_time"]) == ("SEVERE", "com.example.Main", SIX)
    assert first["text"] == "it failed\njava.lang.Error\n\tat b.c(d)"
    assert (second["text"], second["place"], second["event_time"].hour) == ("ok", 5, 18)
    one, other = read(ERLANG)
    assert (one["level"], one["text"], one["place"]) == ("INFO", "hello", 1)
    assert (other["level"], other["text"], other["place"]) == ("ERROR", "boom", 4)


def test_frames_of_counted_octets_are_read_without_line_ends() -> None:
    content = "".join(f"{len(frame)} {frame}" for frame in FRAMES).encode()
    first, second = read(content)
    assert (first["text"], second["text"], second["level"]) == ("first", "se\n\tcond", "error")


def test_a_stray_line_has_time_and_source_of_the_line_before_it() -> None:
    entries = read(
        "what is this\nApr 15 06:00:00 web1 app: ok\nnobody knows\nApr 15 06:00:01 web2 app: ok\n*** end\n"
    )
    assert [entry["raw"] for entry in entries] == [True, False, True, False, True]
    assert [entry["event_time"].second for entry in entries] == [0, 0, 0, 1, 1]
    assert [entry["source"] for entry in entries] == ["FILE", "web1", "web1", "web2", "web2"]
    assert {entry["level"] for entry in entries} == {None}


@pytest.mark.parametrize("form", ["log4j", "syslog"])
def test_only_lines_of_a_named_format_are_understood(form: str) -> None:
    entries = read(LOG + "Apr 15 06:00:00 web1 app: ok\n", form=form)
    assert [entry["raw"] for entry in entries] == [form != "log4j", form != "syslog"]


@pytest.mark.parametrize(
    "text", ["\n\ndisk full\n\n", "\r\ndisk full\r\n", " \n\t\ndisk full \n \n", "disk full"]
)
def test_blank_lines_at_the_edges_are_no_part_of_a_text(text: str) -> None:
    assert formats.clean(text).rstrip() == "disk full"
    (entry,) = read("2025-04-15 06:00:00,123 ERROR app.db: " + text + "\n")
    assert entry["text"].strip() == "disk full"


def with_words(text: str) -> list[str]:
    return [line for line in text.split("\n") if line.strip()]


@given(st.text("ab \n\t", max_size=20))
def test_trimming_loses_nothing_but_blank_lines(text: str) -> None:
    cleaned = formats.clean(text)
    assert [line for line in cleaned.split("\n") if line.strip()] == [
        line for line in text.split("\n") if line.strip()
    ]
    assert formats.clean(cleaned) == cleaned


@given(st.lists(st.sampled_from([line for line, *_ in LINES] + ["stray", "\tat a.b", "", "{}"]), max_size=12))
def test_no_line_of_a_mixed_file_is_lost(lines: list[str]) -> None:
    content = "".join(f"{line}\n" for line in lines)
    parts = list(formats.parse([content.encode()]))
    places = [place for part in parts for place in part.entries["place"].to_pylist()]
    assert sum(part.lines for part in parts) == len(lines)
    assert places == sorted(set(places))
    heads = [
        number for number, line in enumerate(lines, start=1) if line.strip() and not line.startswith("\t")
    ]
    assert set(heads) <= set(places)


@needs_mirror
@pytest.mark.parametrize("system", SYSTEMS)
def test_a_system_of_loghub_is_read_as_its_own_table_says(system: str) -> None:
    folder = Path(MIRROR) / "logpai" / "loghub" / system
    raw = read((folder / f"{system}_2k.log").read_bytes())
    table = read((folder / f"{system}_2k.log_structured.csv").read_bytes(), form="loghub_csv")
    by_place = {entry["place"]: entry for entry in raw}
    columns = ("event_time", "level", "text")
    agrees = [
        [by_place[number][name] for name in columns] == [row[name] for name in columns]
        for number, row in enumerate(table, start=1)
        if number in by_place
    ]
    assert sum(agrees) >= LEAST_SHARE * len(table)
    assert len({entry["source"] for entry in raw}) == 1
