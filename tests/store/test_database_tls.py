"""A connection string with sslmode=verify-full refuses every database but the one that it names."""

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import psycopg
import pytest
import trustme

from almanac.connection_strings import make
from tests.servers import free_port

PROGRAMS = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
OPTIONS = "-c ssl=on -c listen_addresses=localhost -c unix_socket_directories={folder} -p {port} -c fsync=off"
ACCOUNT = "postgres"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not PROGRAMS or (os.getuid() == 0 and not shutil.which("psql")),
        reason="needs the PostgreSQL of Debian, which has OpenSSL: apt-get install postgresql",
    ),
]


class Encrypted(NamedTuple):
    """A PostgreSQL server that speaks TLS, and the file of the authority that signed for it."""

    port: int
    authority: Path
    stranger: Path

    def connect(self, host: str, authority: Path, mode: str = "verify-full") -> "psycopg.Connection[object]":
        """Connect as Almanac does, from a connection string."""
        url = f"postgresql://{ACCOUNT}@{host}:{self.port}/postgres?sslmode={mode}&sslrootcert={authority}"
        return psycopg.connect(make(url, "login", connect_timeout="5"))


def run(program: str, *arguments: str) -> None:
    """Run a program of PostgreSQL, which refuses to be started by root."""
    user = ACCOUNT if os.getuid() == 0 else None
    command = [str(PROGRAMS[-1] / program), *arguments]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, user=user, cwd="/")


@pytest.fixture(scope="module")
def encrypted() -> Iterator[Encrypted]:
    """Debian's PostgreSQL with a certificate for `localhost`, signed by a made-up authority."""
    ours, stranger = trustme.CA(), trustme.CA()
    with tempfile.TemporaryDirectory(prefix="alm") as name:
        folder = Path(name)
        if os.getuid() == 0:
            account = pwd.getpwnam(ACCOUNT)
            os.chown(folder, account.pw_uid, account.pw_gid)
        run("initdb", "-D", f"{name}/pg", "-U", ACCOUNT, "-A", "trust", "--no-sync")
        issued = ours.issue_cert("localhost")
        _write(folder / "pg" / "server.crt", issued.cert_chain_pems[0].bytes(), 0o644)
        _write(folder / "pg" / "server.key", issued.private_key_pem.bytes(), 0o600)
        for authority, file in ((ours, "ours.pem"), (stranger, "stranger.pem")):
            _write(folder / file, authority.cert_pem.bytes(), 0o644)
        port = free_port()
        options = OPTIONS.format(folder=name, port=port)
        run("pg_ctl", "-D", f"{name}/pg", "-w", "-l", f"{name}/log", "-o", options, "start")
        try:
            yield Encrypted(port, folder / "ours.pem", folder / "stranger.pem")
        finally:
            run("pg_ctl", "-D", f"{name}/pg", "-w", "-m", "immediate", "stop")


def _write(path: Path, content: bytes, mode: int) -> None:
    path.write_bytes(content)
    path.chmod(mode)
    if os.getuid() == 0:
        account = pwd.getpwnam(ACCOUNT)
        os.chown(path, account.pw_uid, account.pw_gid)


def test_the_named_server_of_a_trusted_authority_is_used_by_tls(encrypted: Encrypted) -> None:
    with encrypted.connect("localhost", encrypted.authority) as connection:
        row = connection.execute("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()").fetchone()
    assert row == (True,)


def test_another_name_of_the_same_server_is_refused(encrypted: Encrypted) -> None:
    with pytest.raises(psycopg.OperationalError, match=r'"localhost".* does not match host name "127.0.0.1"'):
        encrypted.connect("127.0.0.1", encrypted.authority)
    # It is the name that is refused, not the address.
    with encrypted.connect("127.0.0.1", encrypted.authority, "verify-ca") as connection:
        assert connection.info.hostaddr == "127.0.0.1"


def test_a_certificate_of_another_authority_is_refused(encrypted: Encrypted) -> None:
    with pytest.raises(psycopg.OperationalError, match="certificate verify failed"):
        encrypted.connect("localhost", encrypted.stranger)


def test_a_server_without_tls_gets_no_word(encrypted: Encrypted) -> None:
    received = []

    def refuse_encryption() -> None:
        line, _ = listener.accept()
        with line:
            line.recv(8)
            line.sendall(b"N")
            received.append(line.recv(1))

    with socket.create_server(("localhost", 0)) as listener:
        thread = threading.Thread(target=refuse_encryption)
        thread.start()
        plain = encrypted._replace(port=listener.getsockname()[1])
        with pytest.raises(psycopg.OperationalError, match="server does not support SSL"):
            plain.connect("localhost", encrypted.authority)
        thread.join(10)
    assert received == [b""]
