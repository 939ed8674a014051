"""Every answer has the headers of security, TLS works from files, and a plain answer promises no TLS."""

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
import trustme

from almanac.errors import UsageError
from almanac.settings import Settings
from serve.http import tls
from serve.http.headers import is_encrypted
from serve.server import Server
from tests.serve.publishing import Publisher
from tests.servers import wait_until

HEADERS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "cross-origin-opener-policy": "same-origin",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
}
PATHS = ["/livez", "/v1/football/predictions", "/v1/football/model", "/nope", "/v1/football/predictions?x=1"]


def with_headers(answer: httpx.Response) -> dict[str, str]:
    """The headers of security that an answer has."""
    return {name: answer.headers[name] for name in HEADERS if name in answer.headers}


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    """An authority that nobody but these tests trusts."""
    return trustme.CA()


@pytest.mark.parametrize("path", PATHS)
def test_answers_and_problems_have_the_headers_and_promise_no_tls(reading: httpx.Client, path: str) -> None:
    answer = reading.get(path)
    assert with_headers(answer) == HEADERS
    assert "strict-transport-security" not in answer.headers


def test_a_copy_that_is_still_valid_and_a_wrong_method_have_them_too(reading: httpx.Client) -> None:
    tag = reading.get("/v1/football/predictions").headers["etag"]
    answer = reading.get("/v1/football/predictions", headers={"If-None-Match": tag})
    assert (answer.status_code, with_headers(answer)) == (304, HEADERS)
    answer = reading.delete("/v1/football/predictions")
    assert (answer.status_code, with_headers(answer)) == (405, HEADERS)
    answer = reading.get("/livez", headers={"X": "y" * 40_000})
    assert (answer.status_code, with_headers(answer)) == (431, HEADERS)


def test_what_is_not_http_is_refused_with_the_headers(reading: httpx.Client) -> None:
    with socket.create_connection((reading.base_url.host, reading.base_url.port or 0)) as line:
        line.sendall(b"HELLO\r\n\r\n")
        text = line.recv(65_536).decode()
    assert text.startswith("HTTP/1.1 400 ")
    for name, value in HEADERS.items():
        assert f"\r\n{name}: {value}\r\n" in text


def test_the_page_of_the_routes_keeps_a_policy_of_its_own(reading: httpx.Client) -> None:
    [policy] = reading.get("/docs").headers.get_list("content-security-policy")
    assert "script-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy


@pytest.mark.parametrize(
    ("proxies", "reported", "is_so"),
    [
        (0, b"https", False),
        (1, b"https", True),
        (1, b"http", False),
        (1, b"http, https", True),
        (1, b"", False),
    ],
)
def test_only_a_trusted_proxy_says_that_the_client_came_by_tls(
    proxies: int, reported: bytes, is_so: bool
) -> None:
    scope = {"scheme": "http", "headers": [(b"x-forwarded-proto", reported)]}
    assert is_encrypted(scope, proxies) is is_so


@contextmanager
def by_tls(settings: Settings, authority: trustme.CA) -> Iterator[httpx.Client]:
    """A client that trusts the authority, of a server that runs as a process would."""
    server = Server(settings)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    try:
        wait_until(lambda: server.started or not thread.is_alive())
        port = server.servers[0].sockets[0].getsockname()[1]
        with httpx.Client(base_url=f"https://localhost:{port}", verify=trusting) as client:
            yield client
    finally:
        server.should_exit = True
        thread.join(20)


def files_of(authority: trustme.CA, folder: Path, name: str = "localhost") -> tuple[Path, Path]:
    """The files of a certificate for a name, and of its key."""
    issued = authority.issue_cert(name)
    certificate, key = folder / f"{name}.pem", folder / f"{name}.key"
    certificate.write_bytes(b"".join(blob.bytes() for blob in issued.cert_chain_pems))
    issued.private_key_pem.write_to_path(str(key))
    return certificate, key


def test_the_server_speaks_tls_from_files_and_says_so_for_a_year(
    published: Publisher, authority: trustme.CA, tmp_path: Path
) -> None:
    certificate, key = files_of(authority, tmp_path)
    settings = Settings(
        database_url=published.database.url, port=0, host="localhost", tls_cert=certificate, tls_key=key
    )
    with by_tls(settings, authority) as client:
        answer = client.get("/v1/football/predictions")
        assert (answer.status_code, with_headers(answer)) == (200, HEADERS)
        assert answer.headers["strict-transport-security"] == "max-age=31536000"
        with pytest.raises(httpx.ConnectError, match="certificate verify failed"):
            httpx.get(f"https://localhost:{client.base_url.port}/livez")


def test_files_that_do_not_fit_are_refused_by_name(authority: trustme.CA, tmp_path: Path) -> None:
    certificate, key = files_of(authority, tmp_path)
    _, other = files_of(authority, tmp_path, "other.test")
    assert tls.files(Settings()) == (None, None)
    assert tls.files(Settings(tls_cert=certificate, tls_key=key)) == (str(certificate), str(key))
    with pytest.raises(UsageError, match="ALMANAC_TLS_KEY is not set"):
        tls.files(Settings(tls_cert=certificate))
    with pytest.raises(UsageError, match="ALMANAC_TLS_CERT is not set"):
        tls.files(Settings(tls_key=key))
    with pytest.raises(UsageError, match=r"other\.test\.key: KEY_VALUES_MISMATCH"):
        tls.files(Settings(tls_cert=certificate, tls_key=other))
    with pytest.raises(UsageError, match="No such file"):
        tls.files(Settings(tls_cert=tmp_path / "missing.pem", tls_key=key))
