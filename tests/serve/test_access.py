"""Access: each route answers whoever has its right, and nobody else, from no cache either."""

import re
from collections.abc import Iterator
from typing import Any

import jwt
import pytest

from almanac.settings import Settings
from serve.app import create_app
from serve.routes import rights
from serve.server import configured
from serve.users.signing import Signer
from tests.serve.gate import SECRET, Gate, Headers, bearer, gate_on
from tests.serve.publishing import Publisher
from tests.servers import as_program, in_thread

NOWHERE = "postgresql://localhost:1/none"
WORKLOADS = ("events", "football", "games", "logs")
READS = {"any-read", "read", *(f"read:{name}" for name in WORKLOADS)}
EVERYTHING = READS | {"operate", "admin", "metrics", "ingest:events", "ingest:logs"}
# What each may do, as docs/access.md says it; `signed-in` is everybody in this table.
MAY: dict[str, set[str]] = {
    "viewer": READS,
    "operator": READS | {"operate", "metrics"},
    "admin": EVERYTHING,
    "key read": READS,
    "key read:football": {"any-read", "read:football"},
    "key ingest:events": {"ingest:events"},
    "key ingest": {"ingest:events", "ingest:logs"},
    "key operate": {"operate"},
    "key admin": EVERYTHING,
    "key metrics": {"metrics"},
}
REFUSED = (
    "nobody",
    "disabled user",
    "expired token",
    "revoked key",
    "expired key",
    "ended session",
    "nonsense",
)
# What ends the session of whoever asks is tried in tests of its own.
ENDING = {
    ("POST", "/logout"),
    ("POST", "/sessions"),
    ("POST", "/v1/auth/logout"),
    ("POST", "/v1/auth/password"),
    ("DELETE", "/v1/auth/sessions"),
}
OF_USERS = "/v1/auth/"
# A stream goes on for ever.
LIVE = "/v1/live"


def addresses() -> list[tuple[str, str, str]]:
    """Return method, pattern and an address of every route of a server with access on."""
    directory = {
        "oidc_issuer": "https://id.test",
        "oidc_client_id": "almanac",
        "oidc_client_secret": "made up",
        "oidc_redirect_uri": "https://almanac.test/v1/auth/oidc/callback",
        "oidc_groups": "staff=viewer",
    }
    app = create_app(Settings(database_url=NOWHERE, auth="on", secret=SECRET, ingest=True, **directory))
    every = []
    for route in app.routes:
        pattern, methods = str(route.path), set(route.methods) - {"HEAD"}
        every += [(method, pattern, re.sub(r"{[^}]*}", "1", pattern)) for method in sorted(methods)]
    return every


ADDRESSES = addresses()


def expired(gate: Gate) -> Headers:
    """A token of an admin whose session goes on, as it would be an hour after its end."""
    text = gate.user("late", "admin")["Authorization"].removeprefix("Bearer ")
    head = jwt.get_unverified_header(text)
    claims = jwt.decode(text, options={"verify_signature": False})
    signer = Signer([SECRET.encode()])

    def aged(seconds: int) -> Headers:
        ages = {name: claims[name] - seconds for name in ("iat", "exp")}
        return bearer(jwt.encode(claims | ages, signer._keys[head["kid"]], head["alg"], head))

    answer = gate.client.get("/v1/audit", headers=aged(1))
    assert answer.status_code == 200, answer.text
    return aged(3_600)


@pytest.fixture(scope="module")
def crowd(gate: Gate) -> dict[str, Headers]:
    """The headers of everybody who asks."""
    crowd = {role: gate.user(f"a-{role}", role) for role in ("viewer", "operator", "admin")}
    crowd |= {name: gate.key(*name.split()[1:]) for name in MAY if name.startswith("key ")}
    crowd |= {name: gate.user(name.replace(" ", "-")) for name in ("disabled user", "ended session")}
    crowd |= {"nobody": {}, "nonsense": bearer("nonsense"), "expired token": expired(gate)}
    crowd |= {"expired key": gate.key("admin", lifetime="-1 second"), "revoked key": gate.key("admin")}
    admin = crowd["admin"]
    warmed = gate.client.get("/v1/workloads", headers=crowd["revoked key"])
    assert warmed.status_code == 200, warmed.text
    revoked = crowd["revoked key"]["Authorization"].removeprefix("Bearer alm_")[:8]
    assert gate.client.delete(f"/v1/keys/{revoked}", headers=admin).status_code == 200
    changed = gate.client.patch("/v1/users/disabled-user", json={"disabled": True}, headers=admin)
    assert changed.status_code == 200
    assert gate.client.post("/v1/auth/logout", headers=crowd["ended session"]).status_code == 200
    return crowd


def right(method: str, pattern: str) -> str:
    needed = rights.find(method, pattern, WORKLOADS)
    assert needed is not None, f"{method} {pattern} is missing in serve/routes/rights.py"
    return needed


def may(name: str, method: str, pattern: str) -> bool:
    needed = right(method, pattern)
    if name in REFUSED:
        return needed == "open"
    if needed == "signed-in":
        return not name.startswith("key ") or pattern == f"{OF_USERS}me"
    return needed == "open" or needed in MAY[name]


def test_the_table_of_rights_has_no_route_that_is_not_there() -> None:
    there = {f"{method} {pattern}" for method, pattern, _ in ADDRESSES}
    general = {re.sub(r"^(\S+ /(?:v1/)?)[^/]+", r"\1{w}", address) for address in there}
    assert [address for address in rights.RIGHTS if address not in there | general] == []


def test_the_rights_of_what_matters_most_are_these() -> None:
    expected = {
        "GET /livez": "open",
        "POST /v1/auth/login": "open",
        "GET /metrics": "metrics",
        "GET /v1/football/predictions": "read:football",
        "GET /v1/games/catalogue/{game}": "read:games",
        "POST /v1/events": "ingest:events",
        "POST /v1/logs": "ingest:logs",
        "POST /v1/events/simulator": "operate",
        "PATCH /v1/logs/alerts/{alert}": "operate",
        "POST /v1/users": "admin",
        "DELETE /v1/keys/{key}": "admin",
    }
    assert {address: rights.find(*address.split(" ", 1), WORKLOADS) for address in expected} == expected


def refusals(gate: Gate, name: str, headers: Headers) -> Iterator[tuple[str, str, int, int]]:
    """Yield each route whose answer to somebody is not the one that the table says."""
    for method, pattern, address in ADDRESSES:
        if (method, pattern) in ENDING or (pattern == LIVE and may(name, method, pattern)):
            continue
        is_refused = name in REFUSED
        status = gate.client.request(method, address, headers=headers).status_code
        if is_refused and right(method, pattern) != "open" and status != 401:
            yield method, pattern, status, 401
        if not is_refused and (status == 403) is may(name, method, pattern):
            yield method, pattern, status, 403
        if not is_refused and status == 401 and pattern not in (f"{OF_USERS}login", f"{OF_USERS}refresh"):
            yield method, pattern, status, 401


@pytest.mark.parametrize("name", [*MAY, *REFUSED])
def test_everybody_gets_what_the_table_says_and_nothing_else(
    gate: Gate, crowd: dict[str, Headers], name: str
) -> None:
    assert list(refusals(gate, name, crowd[name])) == []


def test_who_may_not_read_gets_nothing_from_the_cache_and_no_304(
    gate: Gate, crowd: dict[str, Headers]
) -> None:
    checked = 0
    for method, pattern, address in ADDRESSES:
        if method != "GET" or not pattern.startswith("/v1/football"):
            continue
        for _ in range(2):
            answer = gate.client.get(address, headers=crowd["viewer"])
        if "etag" not in answer.headers:
            continue
        checked += 1
        condition = {"If-None-Match": answer.headers["etag"]}
        assert gate.client.get(address, headers=crowd["viewer"] | condition).status_code == 304
        for name, status in {
            "nobody": 401,
            "expired key": 401,
            "disabled user": 401,
            "key metrics": 403,
        }.items():
            for extra in ({}, condition, {"If-None-Match": "*"}):
                refused = gate.client.get(address, headers=crowd[name] | extra)
                assert (name, refused.status_code, "etag" in refused.headers) == (name, status, False)
    assert checked >= 5


def test_answers_to_users_are_private_and_public_reading_is_one_setting(
    gate: Gate, published: Publisher, crowd: dict[str, Headers]
) -> None:
    private = gate.client.get("/v1/football/predictions", headers=crowd["viewer"])
    assert private.headers["cache-control"] == "private, no-cache"
    with gate_on(published.database.url, public_read=True) as open_gate:
        answer = open_gate.client.get("/v1/football/predictions")
        assert (answer.status_code, answer.headers["cache-control"]) == (200, "public, no-cache")
        assert open_gate.client.get("/docs").status_code == 200
        assert open_gate.client.get("/metrics").status_code == 401
        assert open_gate.client.post("/v1/events", json={}).status_code == 401
        # A credential that is not valid is never taken for nobody.
        assert open_gate.client.get("/v1/workloads", headers=bearer("nonsense")).status_code == 401


def test_metrics_may_be_open(database_url: str) -> None:
    with gate_on(database_url, metrics_open=True) as gate:
        assert gate.client.get("/metrics").status_code == 200
        assert gate.client.get("/v1/workloads").status_code == 401


def test_a_refusal_says_what_would_be_needed(gate: Gate, crowd: dict[str, Headers]) -> None:
    nobody = gate.client.get("/v1/football/predictions")
    assert nobody.headers["www-authenticate"] == 'Bearer realm="almanac"'
    assert "POST /v1/auth/login" in nobody.json()["detail"]
    invalid = gate.client.get("/v1/football/predictions", headers=bearer("nonsense"))
    assert invalid.headers["www-authenticate"] == 'Bearer realm="almanac", error="invalid_token"'
    lacking = gate.client.get("/v1/football/predictions", headers=crowd["key metrics"])
    assert 'error="insufficient_scope", scope="read:football"' in lacking.headers["www-authenticate"]
    assert lacking.headers["content-type"] == "application/problem+json"


def test_a_page_refuses_in_html(gate: Gate) -> None:
    answer = gate.client.get("/football")
    assert (answer.status_code, answer.headers["content-type"]) == (401, "text/html; charset=utf-8")
    assert gate.client.get("/football", headers=gate.key("read:football")).status_code == 200


def test_a_request_has_one_credential(gate: Gate, crowd: dict[str, Headers]) -> None:
    key = crowd["key read"]["Authorization"].removeprefix("Bearer ")
    assert gate.client.get("/v1/workloads", headers={"X-API-Key": key}).status_code == 200
    both = crowd["viewer"] | {"X-API-Key": key}
    assert gate.client.get("/v1/workloads", headers=both).status_code == 400
    twice = [("authorization", f"Bearer {key}"), ("authorization", f"Bearer {key}")]
    assert gate.client.get("/v1/workloads", headers=twice).status_code == 400
    for text in ("Basic YTpi", "Bearer", key):
        assert gate.client.get("/v1/workloads", headers={"Authorization": text}).status_code == 401


@pytest.mark.parametrize(
    ("host", "auth", "is_refused"),
    [
        ("127.0.0.1", None, False),
        ("localhost", None, False),
        ("::1", None, False),
        ("0.0.0.0", None, True),
        ("192.0.2.1", None, True),
        ("0.0.0.0", "off", False),
    ],
)
def test_a_server_that_others_reach_starts_only_where_access_was_decided(
    host: str, auth: Any, is_refused: bool
) -> None:
    settings = Settings(database_url=NOWHERE, host=host, auth=auth)
    if is_refused:
        with pytest.raises(Exception, match=f"would listen on {host}.*ALMANAC_AUTH=on"):
            configured(settings)
    else:
        assert configured(settings).host == host


def test_access_needs_a_secret_of_32_bytes() -> None:
    with pytest.raises(Exception, match="ALMANAC_SECRET is not set"):
        configured(Settings(database_url=NOWHERE, auth="on"))
    with pytest.raises(Exception, match="ALMANAC_SECRET has 31 bytes; at least 32 are needed"):
        configured(Settings(database_url=NOWHERE, auth="on", secret="x" * 31))


def test_a_server_that_is_open_to_all_says_so_at_its_start_and_in_readyz(database_url: str) -> None:
    with as_program(database_url, ALMANAC_HOST="0.0.0.0", ALMANAC_AUTH="off") as (client, program):
        assert "ALMANAC_AUTH is off: everybody" in client.get("/readyz").json()["warning"]
        assert "ALMANAC_AUTH is off: everybody" in program.written()
    with in_thread(Settings(database_url=database_url)) as client:
        assert client.get("/readyz").json() == {"status": "ready"}


def test_without_access_there_are_no_routes_about_users() -> None:
    app = create_app(Settings(database_url=NOWHERE))
    assert [route for route in app.routes if "auth" in route.path] == []


def test_a_server_without_users_starts_says_so_and_answers_401(
    database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    with gate_on(database_url) as gate:
        assert gate.client.get("/readyz").status_code == 200
        assert gate.client.get("/v1/workloads").status_code == 401
    assert "almanac users add NAME --admin" in caplog.text
