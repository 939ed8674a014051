"""The commands about users and keys."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from psycopg.conninfo import make_conninfo

from almanac.cli import build, secret_file
from almanac.errors import AlmanacError, NotFound, UsageError
from almanac.store.connections.database import Database
from serve.users import api_keys
from serve.users.passwords import make_argon2
from tests.queries import one, rows

Almanac = Callable[..., str]


@pytest.fixture
def almanac(
    database_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Almanac:
    """Run a command in this process; `password` is read from a file descriptor."""
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setenv("ALMANAC_ACTOR", "tester")

    def run(*words: str, password: str = "") -> str:
        if password:
            reading, writing = os.pipe()
            os.write(writing, f"{password}\n".encode())
            os.close(writing)
            words = (*words, "--password-fd", str(reading))
        capsys.readouterr()
        build(words[0])(list(words), standalone_mode=False)
        return capsys.readouterr().out

    return run


def test_the_first_admin_is_added_on_the_machine(almanac: Almanac, owner: Database) -> None:
    assert "'anna' is admin" in almanac("users", "add", "Anna", "--admin", password="four words of anna")
    [(name, role, stored, by)] = rows(
        owner, "SELECT name, role, password_hash, created_by FROM almanac.users"
    )
    assert (name, role, by) == ("anna", "admin", "cli:tester")
    assert stored.startswith("$argon2id$v=19$m=7168,t=5,p=1$")
    assert make_argon2().verify(stored, "four words of anna")
    [user] = json.loads(almanac("users", "list", "--json"))
    assert (user["name"], user["role"], user["disabled_at"]) == ("anna", "admin", None)
    audited = rows(owner, "SELECT action, who, subject FROM almanac.audit")
    assert audited == [("user_add", "cli:tester", "anna")]


@pytest.mark.parametrize(
    ("password", "reason"),
    [
        ("short", "has fewer than 12 characters"),
        ("x" * 257, "has more than 256 characters"),
        ("password1234", "is one of the commonest"),
        ("P@ssw0rd2026!", "is one of the commonest"),
        ("passwordpassword", "is one of the commonest"),
        ("123456789012", "is one of the commonest"),
        ("aaaaaaaaaaaaaaa", "is one of the commonest"),
        ("qwertyuiopqw", "is one of the commonest"),
        ("anna12345678", "is hardly more than the user name"),
    ],
)
def test_a_password_that_others_guess_first_is_refused(
    almanac: Almanac, owner: Database, password: str, reason: str
) -> None:
    with pytest.raises(UsageError, match=reason):
        almanac("users", "add", "anna", password=password)
    assert one(owner, "SELECT count(*) FROM almanac.users") == 0


@pytest.mark.parametrize("name", ["аdmin", "ａdmin", "a b", "a\r\nSet-Cookie: x", "", ".a", "a" * 65])
def test_a_name_that_looks_like_another_or_breaks_a_header_is_refused(almanac: Almanac, name: str) -> None:
    with pytest.raises(UsageError, match="is no name"):
        almanac("users", "add", name, password="four words of anna")


def test_the_last_admin_stays_one(almanac: Almanac) -> None:
    almanac("users", "add", "anna", "--admin", password="four words of anna")
    with pytest.raises(UsageError, match="'anna' is the last admin"):
        almanac("users", "disable", "anna")
    with pytest.raises(UsageError, match="'anna' is the last admin"):
        almanac("users", "role", "anna", "viewer")
    almanac("users", "add", "ben", "--role", "admin", password="four words of ben")
    assert "disabled" in almanac("users", "disable", "anna")
    with pytest.raises(UsageError, match="'ben' is the last admin"):
        almanac("users", "disable", "ben")
    assert "enabled" in almanac("users", "enable", "anna")
    assert "viewer now" in almanac("users", "role", "anna", "viewer")


def test_commands_name_what_they_do_not_find(almanac: Almanac) -> None:
    refused: list[tuple[type[AlmanacError], str, tuple[str, ...]]] = [
        (NotFound, "no user 'ben'", ("users", "disable", "ben")),
        (NotFound, "no user 'ben'", ("users", "sessions", "ben")),
        (NotFound, "no key 'abcdefgh'", ("keys", "revoke", "abcdefgh")),
        (UsageError, "'chief' is no role", ("users", "role", "ben", "chief")),
        (UsageError, "'write' is no scope", ("keys", "create", "shipper", "--scope", "write")),
        (UsageError, "'read:chess' is no scope", ("keys", "create", "shipper", "--scope", "read:chess")),
    ]
    for kind, text, words in refused:
        with pytest.raises(kind, match=text):
            almanac(*words)
    with pytest.raises(UsageError, match="file descriptor 999"):
        almanac("users", "add", "ben", "--password-fd", "999")


def test_a_new_password_ends_sessions_and_logout_too(almanac: Almanac, owner: Database) -> None:
    almanac("users", "add", "anna", password="four words of anna")
    begin = """
        SELECT api.access_begin(gen_random_uuid(), user_id, 'token', '\\x01', '1 day', 'none', 'test')
        FROM almanac.users
    """
    one(owner, begin)
    assert len(json.loads(almanac("users", "sessions", "anna", "--json"))) == 1
    almanac("users", "password", "anna", password="four other words")
    assert json.loads(almanac("users", "sessions", "anna", "--json")) == []
    one(owner, begin.replace("x01", "x02"))
    assert "1 sessions of 'anna'" in almanac("users", "logout", "anna")


def test_a_key_is_shown_once_and_only_its_hash_is_stored(almanac: Almanac, owner: Database) -> None:
    created = json.loads(almanac("keys", "create", "shipper", "--scope", "ingest:logs", "--json"))
    assert api_keys.is_key(created["key"])
    [(key, stored, scopes)] = rows(owner, "SELECT key_id, key_hash, scopes FROM almanac.api_keys")
    assert (key, bytes(stored), scopes) == (created["id"], api_keys.hash_of(created["key"]), ["ingest:logs"])
    listed = almanac("keys", "list", "--json")
    assert created["key"] not in listed
    assert json.loads(listed)[0]["expires_at"] is not None
    assert "is revoked" in almanac("keys", "revoke", key)
    assert json.loads(almanac("keys", "list", "--json"))[0]["revoked_by"] == "cli:tester"


def test_a_key_that_was_copied_in_part_is_none() -> None:
    text = api_keys.make().text
    assert api_keys.is_key(text)
    assert not api_keys.is_key(text[:-1])
    changed = text[:20] + ("a" if text[20] != "a" else "b") + text[21:]
    assert not api_keys.is_key(changed)


def test_the_access_role_has_an_url_of_its_own(
    almanac: Almanac, monkeypatch: pytest.MonkeyPatch, database_url: str
) -> None:
    monkeypatch.delenv("DATABASE_URL")
    monkeypatch.setenv("ALMANAC_ACCESS_DATABASE_URL", make_conninfo(database_url))
    assert json.loads(almanac("users", "list", "--json")) == []


def test_the_secret_of_an_embedded_installation_is_made_once_and_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "state" / "secret"
    first = secret_file.read_or_make(path)
    assert secret_file.read_or_make(path) == first
    assert len(first) >= 32
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(path.parent.iterdir()) == [path]
    path.chmod(0o640)
    with pytest.raises(UsageError, match="chmod 600"):
        secret_file.read_or_make(path)
