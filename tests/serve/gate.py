"""A server with access on, and the users and keys that tests ask it as."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from uuid import uuid4

import httpx
import psycopg

from almanac.settings import Settings
from serve.users import api_keys
from serve.users.passwords import make_argon2
from tests.servers import in_thread

SECRET = "a made-up secret of the tests with more than 32 bytes"
PASSWORD = "four made-up words here"
Headers = dict[str, str]


@cache
def password_hash() -> str:
    return make_argon2().hash(PASSWORD)


@dataclass
class Gate:
    """A database with users and keys, and a client of a server on it."""

    url: str
    client: httpx.Client
    users: set[str] = field(default_factory=set)

    def execute(self, query: str, *values: object) -> list[tuple[object, ...]]:
        with psycopg.connect(self.url, autocommit=True) as connection:
            cursor = connection.execute(query.encode(), values)
            return cursor.fetchall() if cursor.description else []

    def add_user(self, name: str, role: str = "viewer") -> str:
        if name not in self.users:
            values = (uuid4(), name, role, password_hash(), "the tests")
            assert self.execute("SELECT api.access_add_user(%s, %s, %s, %s, %s)", *values) == [(True,)]
            self.users.add(name)
        return name

    def log_in(self, name: str, *, cookie: bool = False) -> httpx.Response:
        # Many tests log in from one address; limits have tests of their own.
        self.execute("DELETE FROM almanac.rate_limits")
        self.execute("DELETE FROM almanac.wrong_passwords")
        sent = {"username": name, "password": PASSWORD} | ({"cookie": True} if cookie else {})
        answer = self.client.post("/v1/auth/login", json=sent)
        assert answer.status_code == 200, answer.text
        return answer

    def user(self, name: str, role: str = "viewer") -> Headers:
        return bearer(self.log_in(self.add_user(name, role)).json()["access_token"])

    def key(self, *scopes: str, lifetime: str = "1 day") -> Headers:
        key = api_keys.make()
        query = "SELECT * FROM api.access_add_key(%s, 'key', %s, %s, %s::interval, 'the tests')"
        self.execute(query, key.id, key.hash, list(scopes), lifetime)
        return bearer(key.text)


def bearer(text: str) -> Headers:
    return {"Authorization": f"Bearer {text}"}


@contextmanager
def gate_on(url: str, **settings: object) -> Iterator[Gate]:
    """Serve with access on; nothing else of the environment counts."""
    chosen: Mapping[str, object] = {"database_url": url, "auth": "on", "secret": SECRET, "ingest": True}
    with in_thread(Settings(**{**chosen, **settings})) as client:
        yield Gate(url, client)
