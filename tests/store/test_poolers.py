"""A pooler that drops what a client asks for at its start is refused: every connection works in its role."""

import asyncio
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from almanac import connection_strings
from almanac.connection_strings import Role
from almanac.errors import DatabaseError
from almanac.operations import doctor
from almanac.settings import Settings
from almanac.store.connections.database import Database
from almanac.store.schema import migrate
from serve.reading import database as serving
from tests.stub import STUB

ROLES: tuple[Role, ...] = ("owner", "worker", "reader", "ingest")


def without_options(packet: bytes) -> bytes:
    """Return a startup packet without its parameter `options`."""
    words = packet[8:].split(b"\0")
    pairs = [pair for pair in zip(words[::2], words[1::2], strict=False) if pair[0] not in (b"options", b"")]
    body = packet[4:8] + b"".join(name + b"\0" + value + b"\0" for name, value in pairs) + b"\0"
    return struct.pack("!I", len(body) + 4) + body


class Pooler:
    """A proxy to PostgreSQL's socket that drops startup options, as a transaction pooler does."""

    def __init__(self, place: str) -> None:
        self._place = place
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        server = socket.socket(socket.AF_UNIX)
        server.connect(self._place)
        packet = client.recv(65536)
        while struct.unpack("!I", packet[4:8])[0] in (80877103, 80877104):
            # It wants encryption, which is not to be had.
            client.sendall(b"N")
            packet = client.recv(65536)
        server.sendall(without_options(packet))
        threading.Thread(target=self._copy, args=(server, client), daemon=True).start()
        self._copy(client, server)

    @staticmethod
    def _copy(source: socket.socket, target: socket.socket) -> None:
        try:
            while data := source.recv(65536):
                target.sendall(data)
        except OSError:
            pass
        finally:
            for each in (source, target):
                each.close()


@pytest.fixture
def pooled_url(database_url: str) -> Iterator[str]:
    """The URL of the fresh database behind such a pooler."""
    parts = conninfo_to_dict(database_url)
    place = f"{parts['host']}/.s.PGSQL.{parts.get('port', 5432)}"
    pooler = Pooler(place)
    yield make_conninfo(database_url, host="127.0.0.1", port=pooler.port)
    pooler.close()


@pytest.mark.parametrize("role", ROLES)
def test_a_connection_that_does_not_work_in_its_role_is_refused(pooled_url: str, role: Role) -> None:
    database = Database(pooled_url, role)
    refused = (
        rf"The connection for role almanac_{role} works as 'postgres': .*transaction pooler such as PgBouncer"
    )
    with pytest.raises(DatabaseError, match=refused), database.connect():
        pass
    with pytest.raises(DatabaseError, match=refused), database.engine.begin():
        pass
    with Database(pooled_url, "login").connect() as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


@pytest.mark.parametrize("role", ROLES)
def test_doctor_does_not_approve_of_such_a_role(pooled_url: str, role: Role) -> None:
    finding = doctor.examine_role(Database(pooled_url, role))
    assert (finding.level, "transaction pooler" in finding.detail) == ("error", True)


@pytest.mark.parametrize("role", ["reader", "ingest"])
def test_the_server_refuses_such_a_connection_too(pooled_url: str, role: Any) -> None:
    async def connect() -> None:
        await serving.Database(Settings(database_url=pooled_url), role).connect()

    with pytest.raises(DatabaseError, match="transaction pooler such as PgBouncer"):
        asyncio.run(connect())


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("autocommit", [True, False])
def test_a_connection_in_its_role_is_in_no_transaction_yet(
    database_url: str, role: Role, autocommit: bool
) -> None:
    with Database(database_url, role).connect(autocommit=autocommit) as connection:
        assert connection.autocommit == autocommit
        assert connection.info.transaction_status == psycopg.pq.TransactionStatus.IDLE
        assert connection.execute("SELECT current_user").fetchone() == (connection_strings.name_of(role),)


Encoded = Callable[[str], str]


@pytest.fixture
def encoded(cluster: str) -> Iterator[Encoded]:
    """A function that makes a database with an encoding and returns its URL."""
    names: list[str] = []

    def create(encoding: str) -> str:
        names.append(f"encoded_{uuid4().hex[:8]}")
        statement = f"CREATE DATABASE {names[-1]} TEMPLATE template0 ENCODING '{encoding}' LOCALE 'C'"
        with psycopg.connect(cluster, autocommit=True) as connection:
            connection.execute(statement.encode())
        return make_conninfo(cluster, dbname=names[-1])

    yield create
    for name in names:
        with psycopg.connect(cluster, autocommit=True) as connection:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


@pytest.mark.parametrize("encoding", ["LATIN1", "SQL_ASCII", "WIN1252", "EUC_JP"])
def test_a_database_that_cannot_hold_every_text_is_refused_and_left_alone(
    encoded: Encoded, encoding: str
) -> None:
    login = Database(encoded(encoding), "login")
    with pytest.raises(DatabaseError, match=rf"has the encoding {encoding}, .* ENCODING 'UTF8'"):
        migrate.migrate(login, {"stub": STUB})
    with login.connect() as connection:
        query = "SELECT count(*) FROM pg_namespace WHERE nspname IN ('almanac', 'api', 'staging')"
        assert connection.execute(query).fetchone() == (0,)


def test_a_database_of_every_text_is_migrated(encoded: Encoded) -> None:
    assert migrate.migrate(Database(encoded("UTF8"), "login"), {"stub": STUB})
