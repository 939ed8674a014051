"""Objects, one a line: the names that many programs use, containers, and values that are no text."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from almanac.workloads.logs import formats
from almanac.workloads.logs.terms import levels

SIX = datetime(2025, 4, 15, 6, tzinfo=UTC)
SECONDS = 1_744_696_800
ISO = "2025-04-15T06:00:00Z"
OTLP = {
    "resourceLogs": [
        {
            "resource": {"attributes": [{"key": "service.name", "value": {"stringValue": "shop"}}]},
            "scopeLogs": [
                {
                    "scope": {"name": "cart"},
                    "logRecords": [
                        {
                            "timeUnixNano": f"{SECONDS}000000000",
                            "severityNumber": 17,
                            "body": {"stringValue": text},
                        }
                        for text in ("first", "second")
                    ],
                }
            ],
        }
    ]
}
# An object, and what it says: time, level, source, text.
OBJECTS: list[tuple[dict[str, Any], tuple[datetime | None, str | None, str, str]]] = [
    (
        {
            "@timestamp": ISO,
            "log": {"level": "error", "logger": "a.B"},
            "source": {"ip": "10.0.0.8"},
            "service": {"name": "shop"},
            "message": "ecs",
        },
        (SIX, "error", "shop", "ecs"),
    ),
    (
        {"@timestamp": ISO, "log.level": "warn", "service.name": "shop", "message": "x"},
        (SIX, "warning", "shop", "x"),
    ),
    (
        {
            "date": "2025-04-15",
            "time": "06:00:00",
            "level": "",
            "severity": "error",
            "message": "",
            "msg": "x",
        },
        (SIX, "error", "FILE", "x"),
    ),
    (
        {"version": "1.1", "host": "web1", "short_message": "gelf", "level": 4, "timestamp": SECONDS},
        (SIX, "warning", "web1", "gelf"),
    ),
    (
        {
            "__REALTIME_TIMESTAMP": f"{SECONDS}000000",
            "PRIORITY": "3",
            "SYSLOG_IDENTIFIER": "sshd",
            "MESSAGE": "journald",
        },
        (SIX, "error", "sshd", "journald"),
    ),
    ({"PRIORITY": "6", "MESSAGE": [104, 105], "_HOSTNAME": "web1"}, (None, "info", "web1", "hi")),
    (
        {
            "timestamp": ISO,
            "severity": "NOTICE",
            "resource": {"type": "k8s", "labels": {"container_name": "cart"}},
            "jsonPayload": {"message": "gcp"},
        },
        (SIX, "info", "cart", "gcp"),
    ),
    ({"severity": 500, "textPayload": "gcp", "receiveTimestamp": ISO}, (SIX, "error", "FILE", "gcp")),
    (
        {"@t": ISO, "@l": "Warning", "@mt": "User {Name}", "@m": "User Anna"},
        (SIX, "warning", "FILE", "User Anna"),
    ),
    (
        {"timeUnixNano": f"{SECONDS}000000000", "severityNumber": 9, "body": {"stringValue": "otlp"}},
        (SIX, "info", "FILE", "otlp"),
    ),
    ({"level": "warn", "time": SECONDS, "message": "zerolog"}, (SIX, "warning", "FILE", "zerolog")),
    ({"level": 35, "time": SECONDS * 1000, "msg": "pino", "hostname": "web1"}, (SIX, "info", "web1", "pino")),
    ({"level": 30, "time": SECONDS * 1000, "msg": "pino"}, (SIX, "info", "FILE", "pino")),
    ({"time": ISO, "level": "ERROR+2", "msg": "slog"}, (SIX, "error", "FILE", "slog")),
    (
        {
            "instant": {"epochSecond": SECONDS, "nanoOfSecond": 0},
            "level": "WARN",
            "loggerName": "a",
            "message": "x",
        },
        (SIX, "warning", "FILE", "x"),
    ),
    (
        {"time": "Tue, 15 Apr 2025 08:00:00 +0200", "level": "info", "msg": "rfc"},
        (SIX, "info", "FILE", "rfc"),
    ),
    ({"ts": str(SECONDS), "lvl": "dbg", "msg": "text"}, (SIX, "debug", "FILE", "text")),
    ({"ts": f"{SECONDS}000", "level": "7", "msg": "ms"}, (SIX, "debug", "FILE", "ms")),
    ({"ts": SECONDS * 10**9, "msg": "ns"}, (SIX, None, "FILE", "ns")),
    (
        {
            "t": {"$date": "2025-04-15T06:00:00.000+00:00"},
            "s": "E",
            "c": "NETWORK",
            "id": 42,
            "msg": "mongod",
        },
        (SIX, "error", "FILE", "mongod"),
    ),
    (
        {"message": "x", "level": 400, "level_name": "ERROR", "channel": "app", "datetime": ISO},
        (SIX, "error", "FILE", "x"),
    ),
    ({"level_value": 30000, "message": "logstash", "@timestamp": ISO}, (SIX, "warning", "FILE", "logstash")),
    (
        {"levelno": 40, "message": "python", "asctime": "2025-04-15 06:00:00,000"},
        (SIX, "error", "FILE", "python"),
    ),
    (
        {"message": {"a": 1}, "msg": "x", "host": {"name": "web1"}, "ts": None, "time": ISO},
        (SIX, None, "web1", "x"),
    ),
]
TRACES = [
    {"msg": "x", "stacktrace": "a\nb"},
    {"msg": "x", "err": {"stack": "a\nb"}},
    {"msg": "x", "error": {"stack_trace": "a\nb"}},
    {"msg": "x", "exception": {"stacktrace": ["a", "b"]}},
    {"short_message": "x", "full_message": "a\nb"},
    {"@m": "x", "@x": "a\nb\n"},
]


def read(*lines: Any, **options: Any) -> list[dict[str, Any]]:
    texts = [line if isinstance(line, str) else json.dumps(line) for line in lines]
    parts = formats.parse(["".join(f"{text}\n" for text in texts).encode()], **{"source": "FILE"} | options)
    return [row for part in parts for row in part.entries.to_pylist()]


@pytest.mark.parametrize(("line", "expected"), OBJECTS)
def test_an_object_is_read_by_the_names_of_its_program(
    line: dict[str, Any], expected: tuple[datetime | None, str | None, str, str]
) -> None:
    (entry,) = read(line)
    found_level = levels.normal(entry["level"])
    assert (entry["event_time"], found_level, entry["source"], entry["text"]) == expected
    assert not entry["raw"]


@pytest.mark.parametrize("line", TRACES)
def test_a_stack_trace_follows_the_message(line: dict[str, Any]) -> None:
    assert read(line)[0]["text"] == "x\na\nb"


def test_records_of_one_object_are_entries_of_their_own() -> None:
    first, second = read(OTLP)
    assert (first["text"], second["text"], first["place"], second["place"]) == ("first", "second", 1, 1)
    assert (first["source"], first["logger"], first["level"], first["event_time"]) == (
        "shop",
        "cart",
        "error",
        SIX,
    )


def test_lines_in_a_log_of_docker_are_read_as_what_they_are() -> None:
    inner = [
        json.dumps({"level": "error", "msg": "json", "service": "cart"}),
        "2025-04-15 06:00:00,000 WARN app.db: slow",
        "plain",
    ]
    entries = read(*({"log": f"{text}\n", "stream": "stdout", "time": ISO} for text in inner))
    assert [(entry["level"], entry["text"]) for entry in entries] == [
        ("error", "json"),
        ("WARN", "slow"),
        (None, "plain"),
    ]
    assert {entry["event_time"] for entry in entries} == {SIX}
    assert entries[0]["source"] == "cart"


@pytest.mark.parametrize(
    "lines",
    [
        [
            {"log": text, "stream": "stdout", "time": ISO}
            for text in ("a" * 16_384, "b" * 16_384, "c\n", "next\n")
        ],
        [
            f"{ISO} stdout {tag} {text}"
            for tag, text in (("P", "a" * 16_384), ("P", "b" * 16_384), ("F", "c"), ("F", "next"))
        ],
    ],
)
def test_parts_of_a_long_line_are_joined(lines: list[Any]) -> None:
    first, second = read(*lines)
    assert first["text"] == "a" * 16_384 + "b" * 16_384 + "c"
    assert (second["text"], second["place"]) == ("next", 4)


def test_lines_of_docker_without_line_ends_are_not_joined() -> None:
    entries = read(*({"log": text, "stream": "stdout", "time": ISO} for text in ("a", "b", "c")))
    assert [entry["text"] for entry in entries] == ["a", "b", "c"]


def test_objects_and_lines_may_stand_in_one_file() -> None:
    entries = read(
        {"msg": "x", "level": "info"}, "2025-04-15 06:00:00,000 WARN app.db: slow", "?", {"msg": "y"}
    )
    assert [(entry["text"], entry["raw"]) for entry in entries] == [
        ("x", False),
        ("slow", False),
        ("?", True),
        ("y", False),
    ]
    lines = ["2025-04-15 06:00:00,000 WARN app.db: slow"] * 4
    assert [entry["text"] for entry in read(*lines, {"msg": "x"})] == ["slow"] * 4 + ["x"]


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(st.sampled_from(["name", "level", "$date"]), inner, max_size=2)
    ),
    max_leaves=4,
)
NAMES = (
    "message",
    "msg",
    "level",
    "severity",
    "time",
    "ts",
    "source",
    "host",
    "log",
    "id",
    "instant",
    "err",
    "stream",
)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=6))
def test_whatever_an_object_holds_is_read_or_stays_raw(line: dict[str, Any]) -> None:
    entries = read(line)
    assert len(entries) == 1
    assert not (entries[0]["source"].startswith("{") and isinstance(line.get("source"), dict))
