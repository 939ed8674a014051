"""A cursor is read back as it was written; any other text is refused."""

import json
from base64 import urlsafe_b64encode

import pytest

from almanac import fields
from serve.http.problems import Problem
from serve.reading import cursors

KEY = [fields.day, fields.text]


def encoded(content: object) -> str:
    return urlsafe_b64encode(json.dumps(content).encode()).decode().rstrip("=")


def test_a_cursor_is_read_as_it_was_written():
    cursor = cursors.read(cursors.write("release 12", ["2025-04-18", "E0-ä/é-1"]), KEY)
    assert cursor.pin == "release 12"
    assert cursor.key == (fields.day("2025-04-18"), "E0-ä/é-1")


def test_numbers_and_booleans_of_a_key_are_checked_by_their_readers():
    written = cursors.write("run abc", [1.5, 7, True])
    assert cursors.read(written, [fields.real, fields.integer(0, 9), fields.boolean]).key == (1.5, 7, True)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "not base64 at all!",
        "é",
        encoded("release 1"),
        encoded({"release": 1}),
        encoded(["release 1"]),
        encoded(["release 1", "2025-04-18"]),
        encoded(["release 1", "2025-04-18", "a", "b"]),
        encoded(["release 1", "yesterday", "a"]),
        encoded(["release 1", "2025-04-18", "\ud800"]),
        encoded(["release 1", "2025-04-18", "\x00"]),
        encoded(["release 1", "2025-04-18", ["a"] * 2000]),
        encoded([1, "2025-04-18", "a"]),
        urlsafe_b64encode(b"[" * 100_000).decode(),
        urlsafe_b64encode(b"\xff\xfe").decode(),
    ],
)
def test_a_text_that_is_not_a_cursor_is_refused(text):
    with pytest.raises(Problem) as refusal:
        cursors.read(text, KEY)
    assert refusal.value.status == 422
    assert refusal.value.members["errors"][0]["name"] == "cursor"
