"""Tokens, refresh, cookies and keys: what is forged, replayed, raced or sent from elsewhere is refused."""

import base64
import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median
from typing import Any

import httpx
import jwt
import pytest

from serve.users import passwords, signing
from serve.users.signing import InvalidToken, Signer
from tests.clusters import control
from tests.serve.gate import PASSWORD, SECRET, Gate, bearer, gate_on
from tests.servers import wait_until

USER, SESSION = "1b4e28ba-2fa1-11d2-883f-0016d3cca427", "6fa459ea-ee8a-3ca4-894e-db77e160355e"
KEY = next(iter(Signer([SECRET.encode()])._keys.values()))
KID = Signer([SECRET.encode()])._kid


@pytest.fixture
def own_gate(database_url: str) -> Iterator[Gate]:
    """A server on a database of its own."""
    with gate_on(database_url) as gate:
        yield gate


def forged(key: bytes | str = KEY, algorithm: str = "HS256", **changes: Any) -> str:
    """Return a token as the server signs it, with changed claims; `head` has changed headers."""
    head = {"typ": "at+jwt", "kid": KID} | changes.pop("head", {})
    now = int(time.time())
    claims: dict[str, Any] = {
        "iss": "almanac", "aud": "almanac-api", "sub": USER, "sid": SESSION, "role": "admin", "jti": "x",
        "iat": now, "exp": now + 7_200,
    }  # fmt: skip
    claims |= changes
    present = {name: value for name, value in claims.items() if value is not None}
    return jwt.encode(present, key, algorithm, {name: value for name, value in head.items() if value})


def unsigned(head: dict[str, Any], token: str) -> str:
    text = base64.urlsafe_b64encode(json.dumps(head).encode()).rstrip(b"=").decode()
    return f"{text}.{token.split('.')[1]}."


GOOD = forged()
MUTATIONS: dict[str, str] = {
    "alg none": unsigned({"alg": "none", "typ": "at+jwt", "kid": KID}, GOOD),
    "alg None": unsigned({"alg": "None", "typ": "at+jwt", "kid": KID}, GOOD),
    "alg RS256 with the key as text": unsigned({"alg": "RS256", "typ": "at+jwt", "kid": KID}, GOOD) + "c2ln",
    "another HMAC": forged(algorithm="HS512", key=KEY * 2),
    "another key": forged(key=b"another key that has at least 32 bytes"),
    "unknown kid": forged(head={"kid": "0" * 16}),
    "no kid": forged(head={"kid": None}),
    "typ JWT": forged(head={"typ": "JWT"}),
    "no typ": forged(head={"typ": None}),
    "another audience": forged(aud="another"),
    "two audiences": forged(aud=["almanac-api", "another"]),
    "another issuer": forged(iss="another"),
    "expired": forged(exp=int(time.time()) - 1),
    "not yet": forged(iat=int(time.time()) + 3600),
    "not before": forged(nbf=int(time.time()) + 3600),
    "no expiry": forged(exp=None),
    "no session": forged(sid=None),
    "session is no uuid": forged(sid="' OR true --"),
    "no subject": forged(sub=None),
    "truncated": GOOD[:-4],
    "no signature": GOOD.rpartition(".")[0] + ".",
    "one part": "e30",
    "empty parts": "..",
    "changed claim": GOOD.split(".")[0]
    + "."
    + forged(role="viewer").split(".")[1]
    + "."
    + GOOD.split(".")[2],
    "8 kB": forged(jti="x" * 8_000),
}


def test_a_token_of_the_server_is_valid() -> None:
    claims = Signer([SECRET.encode()]).claims(GOOD)
    assert (claims.user, claims.session) == (USER, SESSION)


@pytest.mark.parametrize("name", [name for name in MUTATIONS if name != "8 kB"])
def test_a_token_that_was_changed_is_none(name: str) -> None:
    with pytest.raises(InvalidToken):
        Signer([SECRET.encode()]).claims(MUTATIONS[name])


def test_every_mutation_and_a_session_that_never_was_are_answered_alike(gate: Gate) -> None:
    answers = [gate.client.get("/v1/auth/me", headers=bearer(text)) for text in [*MUTATIONS.values(), GOOD]]
    assert {answer.status_code for answer in answers} == {401}
    assert len({answer.text for answer in answers}) == 1


def test_a_token_lives_15_minutes_and_a_clock_set_back_a_minute_breaks_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    signer, now = Signer([SECRET.encode()]), time.time()
    token = signer.token(USER, SESSION, "viewer")
    monkeypatch.setattr(signing, "time", lambda: now - 60)
    ahead = signer.token(USER, SESSION, "viewer")
    monkeypatch.setattr(signing, "time", lambda: now + 60)
    from_ahead = signer.token(USER, SESSION, "viewer")
    monkeypatch.setattr(signing, "time", lambda: now - 1)
    assert all(signer.claims(each).session == SESSION for each in (token, ahead, from_ahead))
    monkeypatch.setattr(signing, "time", lambda: now + 901)
    with pytest.raises(InvalidToken):
        signer.claims(token)


def test_a_secret_is_rotated_without_ending_anything() -> None:
    old, new = b"o" * 32, b"n" * 32
    token, child = Signer([old]).token(USER, SESSION, "viewer"), Signer([old]).children("almr_x")[0]
    rotated = Signer([new, old])
    assert rotated.claims(token).session == SESSION
    assert child in rotated.children("almr_x")
    assert Signer([new]).claims(rotated.token(USER, SESSION, "viewer")).session == SESSION
    with pytest.raises(InvalidToken):
        Signer([new]).claims(token)


def test_twenty_parallel_refreshes_have_one_child(gate: Gate) -> None:
    token = gate.log_in(gate.add_user("racer")).json()["refresh_token"]

    def refresh(_number: int) -> httpx.Response:
        return gate.client.post("/v1/auth/refresh", json={"refresh_token": token})

    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(refresh, range(20)))
    assert {answer.status_code for answer in answers} == {200}
    [child] = {answer.json()["refresh_token"] for answer in answers}
    stored = "SELECT count(*) FROM almanac.refresh_tokens WHERE token_hash IN (%s, %s)"
    assert gate.execute(stored, signing.hash_of(token), signing.hash_of(child)) == [(2,)]
    of_session = """
        SELECT count(*) FROM almanac.refresh_tokens WHERE session_id = (
            SELECT session_id FROM almanac.refresh_tokens WHERE token_hash = %s)
    """
    assert gate.execute(of_session, signing.hash_of(token)) == [(2,)]
    assert (
        gate.client.get("/v1/auth/me", headers=bearer(answers[0].json()["access_token"])).status_code == 200
    )


def test_a_refresh_token_that_comes_again_after_the_grace_ends_its_session(gate: Gate) -> None:
    first = gate.log_in(gate.add_user("robbed")).json()
    second = gate.client.post("/v1/auth/refresh", json={"refresh_token": first["refresh_token"]}).json()
    gate.execute(
        "UPDATE almanac.refresh_tokens SET used_at = used_at - interval '11 seconds' WHERE token_hash = %s",
        signing.hash_of(first["refresh_token"]),
    )
    assert gate.client.get("/v1/auth/me", headers=bearer(second["access_token"])).status_code == 200
    stolen = gate.client.post("/v1/auth/refresh", json={"refresh_token": first["refresh_token"]})
    assert stolen.status_code == 401
    # At once and for everything of the family.
    assert gate.client.get("/v1/auth/me", headers=bearer(second["access_token"])).status_code == 401
    newest = gate.client.post("/v1/auth/refresh", json={"refresh_token": second["refresh_token"]})
    assert newest.status_code == 401
    reuse = "SELECT count(*) FROM almanac.audit WHERE who = 'robbed' AND detail ->> 'why' = 'reused'"
    assert gate.execute(reuse) == [(1,)]


@pytest.mark.parametrize("text", ["almr_nobody", "x" * 200, "alm_1234"])
def test_a_refresh_token_that_never_was_is_refused(gate: Gate, text: str) -> None:
    assert gate.client.post("/v1/auth/refresh", json={"refresh_token": text}).status_code == 401


def test_what_a_session_had_is_refused_after_its_logout(gate: Gate) -> None:
    tokens = gate.log_in(gate.add_user("leaver")).json()
    headers = bearer(tokens["access_token"])
    assert gate.client.get("/v1/auth/me", headers=headers).status_code == 200
    assert gate.client.post("/v1/auth/logout", headers=headers).json() == {"ended": 1}
    assert gate.client.get("/v1/auth/me", headers=headers).status_code == 401
    again = gate.client.post("/v1/auth/refresh", json={"refresh_token": tokens["refresh_token"]})
    assert again.status_code == 401


def test_a_change_of_role_and_disabling_hold_at_once_and_elsewhere_within_a_second(gate: Gate) -> None:
    admin, headers = gate.user("chief", "admin"), gate.user("climber", "operator")
    with gate_on(gate.url) as other:
        for client in (gate.client, other.client):
            assert client.get("/metrics", headers=headers).status_code == 200
        changed = gate.client.patch("/v1/users/climber", json={"role": "viewer"}, headers=admin)
        assert changed.status_code == 200
        assert gate.client.get("/metrics", headers=headers).status_code == 403
        wait_until(lambda: other.client.get("/metrics", headers=headers).status_code == 403, seconds=1.0)
        gate.client.patch("/v1/users/climber", json={"disabled": True}, headers=admin)
        assert gate.client.get("/v1/auth/me", headers=headers).status_code == 401
        wait_until(lambda: other.client.get("/v1/auth/me", headers=headers).status_code == 401, seconds=1.0)
    refused = gate.client.post("/v1/auth/login", json={"username": "climber", "password": PASSWORD})
    assert refused.status_code == 401
    assert refused.json()["detail"] == "User name or password is wrong."


def test_sessions_are_listed_and_ended_one_by_one_or_all(gate: Gate) -> None:
    first, second = gate.user("collector"), gate.user("collector")
    rows = gate.client.get("/v1/auth/sessions", headers=second).json()["rows"]
    assert [row["is_current"] for row in rows] == [True, False]
    strangers = gate.client.delete(f"/v1/auth/sessions/{rows[1]['session']}", headers=gate.user("stranger"))
    assert strangers.status_code == 404
    assert gate.client.delete("/v1/auth/sessions/nonsense", headers=second).status_code == 404
    ended = gate.client.delete(f"/v1/auth/sessions/{rows[1]['session']}", headers=second)
    assert ended.json() == {"ended": 1}
    assert gate.client.get("/v1/auth/me", headers=first).status_code == 401
    assert gate.client.delete("/v1/auth/sessions", headers=second).json() == {"ended": 1}
    assert gate.client.get("/v1/auth/me", headers=second).status_code == 401


def cookie_of(answer: httpx.Response) -> dict[str, str]:
    return {"Cookie": answer.headers["set-cookie"].partition(";")[0]}


def test_a_browser_gets_one_cookie_that_scripts_cannot_read_and_no_token(gate: Gate) -> None:
    answer = gate.log_in(gate.add_user("browser"), cookie=True)
    assert answer.json() == {"user": "browser", "role": "viewer"}
    name, _, attributes = answer.headers["set-cookie"].partition("=")
    assert name == "almanac"
    assert attributes.partition("; ")[2] == "Max-Age=2592000; Path=/; HttpOnly; SameSite=Lax"
    assert gate.client.get("/v1/auth/me", headers=cookie_of(answer)).json()["name"] == "browser"
    assert gate.client.get("/football", headers=cookie_of(answer)).status_code == 200
    sent = {"username": "browser", "password": PASSWORD, "cookie": True}
    elsewhere = gate.client.post("/v1/auth/login", json=sent, headers={"Host": "almanac.example.org"})
    assert elsewhere.headers["set-cookie"].startswith("__Host-almanac=")
    assert elsewhere.headers["set-cookie"].endswith("; Path=/; HttpOnly; SameSite=Lax; Secure")
    # The name without a prefix counts on the loopback alone.
    host = {"Host": "almanac.example.org"}
    assert gate.client.get("/v1/auth/me", headers=cookie_of(answer) | host).status_code == 401
    assert gate.client.get("/v1/auth/me", headers=cookie_of(elsewhere) | host).status_code == 200


def test_a_session_that_somebody_planted_is_not_taken_over_by_a_login(gate: Gate) -> None:
    gate.add_user("victim")
    planted = {"Cookie": "almanac=planted-by-somebody-else"}
    sent = {"username": "victim", "password": PASSWORD, "cookie": True}
    answer = gate.client.post("/v1/auth/login", json=sent, headers=planted)
    assert "planted" not in answer.headers["set-cookie"]
    assert gate.client.get("/v1/auth/me", headers=planted).status_code == 401
    twice = {"Cookie": f"{cookie_of(answer)['Cookie']}; almanac=planted"}
    assert gate.client.get("/v1/auth/me", headers=twice).status_code == 401


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-origin"}, 200),
        ({"Origin": "own"}, 200),
    ],
)
def test_a_page_of_another_origin_writes_nothing_with_the_cookie(
    gate: Gate, headers: dict[str, str], status: int
) -> None:
    cookie = cookie_of(gate.log_in(gate.add_user("clicker", "admin"), cookie=True))
    own = f"http://{gate.client.base_url.host}:{gate.client.base_url.port}"
    sent = {name: own if text == "own" else text for name, text in headers.items()}
    answer = gate.client.post("/v1/keys", json={"name": "k", "scopes": ["read"]}, headers=cookie | sent)
    assert answer.status_code == status
    assert (
        gate.client.get("/v1/auth/me", headers=cookie | {"Sec-Fetch-Site": "cross-site"}).status_code == 200
    )
    login = gate.client.post(
        "/v1/auth/login",
        json={"username": "clicker", "password": PASSWORD},
        headers={"Origin": "https://e.example"},
    )
    assert login.status_code == 403


@pytest.mark.parametrize(
    "name", ["a\r\nSet-Cookie: x=1", "аdmin", "ａdmin", "admin\u200b", "", "x" * 65, "a b"]
)
def test_names_that_break_headers_or_look_like_others_are_refused(gate: Gate, name: str) -> None:
    admin = gate.user("chief", "admin")
    sent = {"name": name, "role": "viewer", "password": PASSWORD}
    answer = gate.client.post("/v1/users", json=sent, headers=admin)
    assert (answer.status_code, answer.json()["errors"][0]["name"]) == (422, "name")
    login = gate.client.post("/v1/auth/login", json={"username": name, "password": PASSWORD})
    assert login.status_code == 401
    assert "x=1" not in str(login.headers)


def test_the_same_name_in_capitals_is_the_same_user(gate: Gate) -> None:
    gate.add_user("anna.k")
    answer = gate.client.post("/v1/auth/login", json={"username": "Anna.K", "password": PASSWORD})
    assert answer.json()["user"] == "anna.k"


def test_a_weak_password_is_refused_and_not_repeated(gate: Gate) -> None:
    sent = {"name": "weak", "role": "viewer", "password": "password1234"}
    answer = gate.client.post("/v1/users", json=sent, headers=gate.user("chief", "admin"))
    assert answer.status_code == 422
    assert "password1234" not in answer.text


def test_users_change_their_own_password_and_log_in_anew(own_gate: Gate) -> None:
    headers = own_gate.user("changer")
    changed = {"password": PASSWORD, "new_password": "four other words of mine"}
    wrong = own_gate.client.post("/v1/auth/password", json=changed | {"password": "wrong"}, headers=headers)
    assert wrong.status_code == 401
    assert own_gate.client.post("/v1/auth/password", json=changed, headers=headers).status_code == 200
    assert own_gate.client.get("/v1/auth/me", headers=headers).status_code == 401
    sent = {"username": "changer", "password": "four other words of mine"}
    assert own_gate.client.post("/v1/auth/login", json=sent).status_code == 200


def test_an_older_hash_is_replaced_at_the_next_login(own_gate: Gate) -> None:
    own_gate.add_user("veteran")
    older = passwords.PasswordHasher(time_cost=1, memory_cost=1024, parallelism=1).hash(PASSWORD)
    own_gate.execute("UPDATE almanac.users SET password_hash = %s", older)
    own_gate.log_in("veteran")
    [(stored,)] = own_gate.execute("SELECT password_hash FROM almanac.users")
    assert str(stored).startswith("$argon2id$v=19$m=7168,t=5,p=1$")


def test_an_unknown_name_takes_as_long_as_a_wrong_password(own_gate: Gate) -> None:
    own_gate.add_user("real")

    def seconds(name: str) -> float:
        own_gate.execute("DELETE FROM almanac.rate_limits")
        own_gate.execute("DELETE FROM almanac.wrong_passwords")
        started = time.perf_counter()
        answer = own_gate.client.post(
            "/v1/auth/login", json={"username": name, "password": "a wrong one, made up"}
        )
        assert answer.status_code == 401
        return time.perf_counter() - started

    pairs = [(seconds("real"), seconds("unreal")) for _ in range(9)]
    real, unreal = median(pair[0] for pair in pairs), median(pair[1] for pair in pairs)
    assert 0.5 < real / unreal < 2


def test_sessions_outlive_a_restart_of_the_server(own_gate: Gate) -> None:
    tokens = own_gate.log_in(own_gate.add_user("stayer")).json()
    headers = bearer(tokens["access_token"])
    cookie = cookie_of(own_gate.log_in("stayer", cookie=True))
    key = own_gate.key("read")
    with gate_on(own_gate.url) as restarted:
        for each in (headers, cookie, key):
            assert restarted.client.get("/v1/auth/me", headers=each).status_code == 200
        assert restarted.client.post(
            "/v1/auth/refresh", json={"refresh_token": tokens["refresh_token"]}
        ).is_success


@pytest.mark.faults
def test_sessions_outlive_a_loss_of_power_of_the_database(own_gate: Gate) -> None:
    [(data,)] = own_gate.execute("SHOW data_directory")
    headers, key = own_gate.user("stayer"), own_gate.key("read")
    control(Path(str(data)), "restart", "immediate")
    for each in (headers, key):
        wait_until(lambda each=each: own_gate.client.get("/v1/auth/me", headers=each).status_code == 200)


def test_the_hasher_refuses_more_logins_than_can_wait(
    monkeypatch: pytest.MonkeyPatch, own_gate: Gate
) -> None:
    own_gate.add_user("waiter")
    monkeypatch.setattr(passwords, "MOST_WAITING", 0)
    answer = own_gate.client.post("/v1/auth/login", json={"username": "waiter", "password": PASSWORD})
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")


def test_refused_writes_are_counted_in_the_audit_trail(own_gate: Gate) -> None:
    viewer = own_gate.user("viewer")
    for _ in range(3):
        assert own_gate.client.post("/v1/events", json={}, headers=viewer).status_code == 403
    counted = "SELECT who, count FROM almanac.audit_counts WHERE action = 'refused_write'"
    assert own_gate.execute(counted) == [("viewer", 3)]


def test_no_secret_is_in_the_database_or_its_audit_trail(own_gate: Gate) -> None:
    tokens = own_gate.log_in(own_gate.add_user("teller")).json()
    own_gate.client.post("/v1/auth/login", json={"username": "teller", "password": "a wrong one, made up"})
    key = own_gate.key("read")["Authorization"].removeprefix("Bearer ")
    tables = ("users", "sessions", "refresh_tokens", "api_keys", "audit")
    text = "".join(str(own_gate.execute(f"SELECT t::text FROM almanac.{name} AS t")) for name in tables)
    for secret in (tokens["access_token"], tokens["refresh_token"], key, PASSWORD, "a wrong one, made up"):
        assert secret not in text
