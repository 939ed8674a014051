"""Login by a directory: PKCE, state and nonce are checked, groups become roles, no name is taken over."""

import hmac
import json
import threading
import time
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from almanac.errors import UsageError
from almanac.settings import Settings
from serve.users.oidc import Attempt, Provider
from tests.serve.gate import Gate, gate_on
from tests.serve.publishing import Publisher

CLIENT, CLIENT_SECRET = "almanac", "made up for tests"
GROUPS = "almanac-admins=admin,almanac-ops=operator,staff=viewer"
KEY = rsa.generate_private_key(public_exponent=65_537, key_size=2_048)
OTHER_KEY = rsa.generate_private_key(public_exponent=65_537, key_size=2_048)


class Directory(ThreadingHTTPServer):
    """A small provider: whoever comes is `person`; `changes` are made to the claims of the token."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answers)
        self.issuer = f"http://127.0.0.1:{self.server_port}"
        self.codes: dict[str, dict[str, str]] = {}
        self.person: dict[str, Any] = {"sub": "1", "preferred_username": "Mia", "groups": ["staff"]}
        self.changes: dict[str, Any] = {}
        self.key, self.algorithm = KEY, "RS256"

    def document(self) -> dict[str, str]:
        endpoints = {"authorization_endpoint": "authorize", "token_endpoint": "token", "jwks_uri": "keys"}
        return {"issuer": self.issuer} | {name: f"{self.issuer}/{path}" for name, path in endpoints.items()}

    def id_token(self, nonce: str) -> str:
        now = int(time.time())
        claims = {"iss": self.issuer, "aud": CLIENT, "iat": now, "exp": now + 60, "nonce": nonce}
        claims |= self.person | self.changes
        if self.algorithm == "HS256":
            return jwt.encode(claims, "x" * 40, "HS256", {"kid": "1"})
        return jwt.encode(claims, self.key, self.algorithm, {"kid": "1"})


class Answers(BaseHTTPRequestHandler):
    """What the directory answers."""

    server: Directory

    def do_GET(self) -> None:
        path, query = urlsplit(self.path).path, parse_qs(urlsplit(self.path).query)
        if path == "/.well-known/openid-configuration":
            self.send_json(self.server.document())
        elif path == "/keys":
            key = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(KEY.public_key()))
            self.send_json({"keys": [key | {"kid": "1", "use": "sig"}]})
        elif path == "/authorize":
            code = f"code{len(self.server.codes)}"
            self.server.codes[code] = {name: values[0] for name, values in query.items()}
            back = urlencode({"code": code, "state": query["state"][0], "session_state": "x"})
            self.send_response(303)
            self.send_header("Location", f"{query['redirect_uri'][0]}?{back}")
            self.end_headers()

    def do_POST(self) -> None:
        form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        asked_with = self.server.codes.pop(form["code"][0], None)
        challenge = (
            urlsafe_b64encode(sha256(form["code_verifier"][0].encode()).digest()).rstrip(b"=").decode()
        )
        if asked_with is None or not hmac.compare_digest(challenge, asked_with["code_challenge"]):
            self.send_json({"error": "invalid_grant"}, 400)
            return
        self.send_json({"token_type": "Bearer", "id_token": self.server.id_token(asked_with["nonce"])})

    def send_json(self, value: object, status: int = 200) -> None:
        content = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_arguments: object) -> None:
        pass


@pytest.fixture
def directory() -> Iterator[Directory]:
    """A directory on the loopback."""
    server = Directory()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def place(publisher: Publisher, directory: Directory) -> Iterator[Gate]:
    """A server with access on that asks the directory."""
    with gate_on(publisher.database.url, **settings_of(directory.issuer)) as gate:
        yield gate


def settings_of(issuer: str) -> dict[str, str]:
    return {
        "oidc_issuer": issuer,
        "oidc_client_id": CLIENT,
        "oidc_client_secret": CLIENT_SECRET,
        "oidc_redirect_uri": "http://localhost/v1/auth/oidc/callback",
        "oidc_groups": GROUPS,
    }


def go_there(place: Gate) -> str:
    """Begin a login, follow it to the directory, and return the address that leads back."""
    place.execute("DELETE FROM almanac.rate_limits")
    answer = place.client.get("/v1/auth/oidc/login")
    assert answer.status_code == 303, answer.text
    back = httpx.get(answer.headers["location"]).headers["location"]
    parts = urlsplit(back)
    return f"{parts.path}?{parts.query}"


def log_in(place: Gate) -> httpx.Response:
    return place.client.get(go_there(place))


def who(place: Gate) -> tuple[str, str]:
    me = place.client.get("/v1/auth/me").json()
    return me["name"], me["role"]


def last_of_trail(place: Gate) -> tuple[object, ...]:
    query = "SELECT action, who, outcome FROM almanac.audit ORDER BY audit_id DESC LIMIT 1"
    return place.execute(query)[0]


def test_a_person_of_the_directory_gets_a_session_and_the_role_of_a_group(place: Gate) -> None:
    answer = log_in(place)
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    assert who(place) == ("mia", "viewer")
    assert last_of_trail(place) == ("login", "mia", "ok")
    cookies = answer.headers.get_list("set-cookie")
    assert all("HttpOnly" in each and "SameSite=Lax" in each for each in cookies)
    assert "almanac-oidc" not in place.client.cookies


def test_the_role_follows_the_directory_and_the_name_stays(place: Gate, directory: Directory) -> None:
    log_in(place)
    directory.person |= {"groups": ["staff", "almanac-ops"], "preferred_username": "root"}
    log_in(place)
    assert who(place) == ("mia", "operator")
    directory.person |= {"groups": ["strangers"]}
    answer = log_in(place)
    assert (answer.status_code, "none of your groups" in answer.json()["detail"]) == (403, True)
    assert place.client.get("/v1/auth/me").status_code == 401


def test_a_name_that_somebody_has_here_is_not_taken_over(place: Gate, directory: Directory) -> None:
    place.add_user("mia", "admin")
    answer = log_in(place)
    assert (answer.status_code, "has your name already" in answer.json()["detail"]) == (403, True)
    directory.person |= {"sub": "2", "preferred_username": "other"}
    assert log_in(place).status_code == 303
    directory.person |= {"sub": "3"}
    assert log_in(place).status_code == 403


def test_a_disabled_user_stays_outside(place: Gate) -> None:
    log_in(place)
    place.execute("UPDATE almanac.users SET disabled_at = now() WHERE name = 'mia'")
    assert log_in(place).status_code == 403


FORGED = [
    {"aud": "another"},
    {"iss": "http://127.0.0.1:1"},
    {"nonce": "another"},
    {"exp": 1},
    {"aud": [CLIENT, "another"]},
    {"iat": 4_000_000_000},
    {"nonce": None},
]


@pytest.mark.parametrize("changes", FORGED)
def test_a_token_that_is_not_for_this_login_is_refused(
    place: Gate, directory: Directory, changes: dict[str, Any]
) -> None:
    directory.changes = changes
    answer = log_in(place)
    assert (answer.status_code, answer.headers["content-type"]) == (401, "application/problem+json")
    assert last_of_trail(place) == ("login_failed", None, "refused")
    assert place.execute("SELECT count(*) FROM almanac.users") == [(0,)]


def test_a_token_that_another_key_has_signed_is_refused(place: Gate, directory: Directory) -> None:
    directory.key = OTHER_KEY
    assert log_in(place).status_code == 401
    directory.algorithm = "HS256"
    assert log_in(place).status_code == 401


def test_an_answer_that_was_not_asked_for_is_refused(place: Gate, publisher: Publisher) -> None:
    back = go_there(place)
    place.client.cookies.clear()
    assert place.client.get(back).status_code == 401
    stolen = go_there(place)
    go_there(place)
    assert place.client.get(stolen).status_code == 401, "the state of another attempt"


def test_a_code_is_worth_something_once_and_only_with_its_verifier(place: Gate) -> None:
    back = go_there(place)
    seed = dict(place.client.cookies)
    assert place.client.get(back).status_code == 303
    place.client.cookies.clear()
    place.client.cookies.update(seed)
    assert place.client.get(back).status_code == 401
    theirs = parse_qs(urlsplit(go_there(place)).query)["code"][0]
    ours = go_there(place)
    mixed = ours.replace(parse_qs(urlsplit(ours).query)["code"][0], theirs)
    assert place.client.get(mixed).status_code == 401, "the code of another attempt"


def test_a_directory_that_says_no_and_one_that_is_away(place: Gate, directory: Directory) -> None:
    state = parse_qs(urlsplit(go_there(place)).query)["state"][0]
    denied = place.client.get(f"/v1/auth/oidc/callback?error=access_denied&state={state}")
    assert denied.status_code == 401
    back = go_there(place)
    directory.shutdown()
    directory.server_close()
    assert place.client.get(back).status_code == 503


def test_from_one_seed_come_three_words_that_say_nothing_of_each_other() -> None:
    attempt, same = Attempt("seed"), Attempt("seed")
    words = {attempt.state, attempt.nonce, attempt.verifier, attempt.challenge}
    assert len(words) == 4
    assert all(len(word) == 43 for word in words)
    assert (same.state, same.verifier) == (attempt.state, attempt.verifier)
    assert Attempt().state != Attempt().state


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"oidc_client_secret": None}, "needs ALMANAC_OIDC_CLIENT_SECRET too"),
        ({"oidc_issuer": "http://id.example.org"}, "ALMANAC_OIDC_ISSUER has value 'http://id.example.org'"),
        ({"oidc_groups": "staff=boss"}, "ALMANAC_OIDC_GROUPS has value 'staff=boss'"),
    ],
)
def test_settings_that_do_not_fit_are_refused_by_name(changes: dict[str, Any], reason: str) -> None:
    with pytest.raises(UsageError, match=reason):
        Provider(Settings(**(settings_of("https://id.example.org") | changes)))
