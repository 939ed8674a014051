"""The doctor says what is weak in the access of an installation."""

from pathlib import Path
from typing import Any

import psycopg
import pytest

from almanac.operations import access
from almanac.settings import Settings

NOWHERE = "postgresql://localhost:1/none"
GOOD = "a made-up secret of the tests with many bytes"


@pytest.mark.parametrize(
    ("chosen", "level", "text"),
    [
        ({}, "ok", "the loopback only"),
        ({"host": "0.0.0.0"}, "error", "it does not start"),
        ({"host": "0.0.0.0", "auth": "off"}, "warning", "whoever reaches it reads"),
    ],
)
def test_the_mode_is_examined(chosen: dict[str, Any], level: str, text: str) -> None:
    [finding] = access.examine(Settings(database_url=NOWHERE, **chosen))
    assert (finding.level, text in finding.detail) == (level, True)


@pytest.mark.parametrize(
    ("chosen", "level", "text"),
    [
        ({}, "error", "not set"),
        ({"secret": "short"}, "error", "has 5 bytes, needed 32"),
        ({"secret": "ab" * 20}, "warning", "hardly any different characters"),
        ({"secret": GOOD}, "ok", "set"),
        ({"secret": GOOD, "previous_secret": GOOD}, "warning", "still accepted"),
    ],
)
def test_a_weak_secret_is_named_and_not_shown(
    database_url: str, chosen: dict[str, Any], level: str, text: str
) -> None:
    findings = {
        each.what: each for each in access.examine(Settings(database_url=database_url, auth="on", **chosen))
    }
    finding = findings["ALMANAC_SECRET"]
    assert (finding.level, text in finding.detail) == (level, True)
    assert GOOD not in finding.detail + finding.advice


def test_the_file_of_an_embedded_secret_is_for_its_owner_alone(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, auth="on")
    assert "will be made" in access._secret_file(settings).detail
    path = tmp_path / ".almanac" / "secret"
    path.parent.mkdir()
    path.write_text("x")
    path.chmod(0o644)
    assert access._secret_file(settings).advice == f"chmod 600 {path}"
    path.chmod(0o600)
    assert access._secret_file(settings).level == "ok"


def test_a_missing_admin_and_keys_that_expire_soon_are_named(database_url: str) -> None:
    settings = Settings(database_url=database_url, auth="on", secret=GOOD)
    with psycopg.connect(database_url, autocommit=True) as connection:
        add = "SELECT * FROM api.access_add_key('abcdefgh', 'shipper', '\\x01', '{read}', '5 days', 'me')"
        connection.execute(add)
    findings = {each.what: each for each in access.examine(settings)}
    assert findings["users"].advice == "almanac users add NAME --admin"
    assert findings["keys"].detail == "expire within 14 days: shipper (abcdefgh)"
