"""Operators change by HTTP what a workload answers, admins read who did so, and use is counted by day."""

import csv
import io
import json
import time
from collections.abc import Iterator

import httpx
import pytest

from almanac.store.connections.database import Database
from almanac.store.records import audit
from tests.queries import rows, within
from tests.serve.gate import Gate, Headers, gate_on
from tests.serve.publishing import Publisher, match
from tests.servers import wait_until

WHY = {"why": "the newest chances are wrong"}


@pytest.fixture
def place(publisher: Publisher) -> Iterator[Gate]:
    """A server with access on, whose football has three releases."""
    for version in (1, 2, 3):
        publisher.publish([match(number, home_win=version / 10) for number in range(3)], version=version)
        publisher.register(version)
    with gate_on(publisher.database.url) as gate:
        yield gate


def post(place: Gate, headers: Headers, action: str, **body: object) -> httpx.Response:
    return place.client.post(f"/v1/football/{action}", headers=headers, json=body)


def test_an_operator_rolls_back_promotes_and_resumes_and_readers_see_it(place: Gate) -> None:
    anna = place.user("anna", "operator")

    def version() -> int:
        answered: int = place.client.get("/v1/football/predictions", headers=anna).json()["model_version"]
        return answered

    assert version() == 3
    answer = post(place, anna, "rollback", **WHY)
    assert answer.status_code == 200, answer.text
    assert (answer.json()["model_version"], answer.json()["on_hold"]) == (2, True)
    wait_until(lambda: version() == 2, seconds=2)
    answer = post(place, anna, "promote", model_version=1, why="steadier")
    assert (answer.status_code, answer.json()["on_hold"]) == (200, False)
    wait_until(lambda: version() == 1, seconds=2)
    entry = place.client.get("/v1/football/releases?limit=1", headers=anna).json()["rows"][0]
    assert (entry["who"], entry["why"], entry["kind"]) == ("anna", "steadier", "promote")
    assert post(place, anna, "resume", why="nothing to do").json()["on_hold"] is False
    assert place.execute("SELECT model_version, who FROM almanac.pending_aliases") == [(1, "anna")]


@pytest.mark.parametrize(
    ("action", "body", "status"),
    [
        ("promote", {"model_version": 9, "why": "x"}, 404),
        ("rollback", {"why": "x", "run": "20250415t060000-00000000"}, 404),
        ("rollback", {"why": "   "}, 422),
        ("rollback", {}, 422),
        ("rollback", {"why": "line\nbreak"}, 422),
        ("promote", {"why": "x", "model_version": 0}, 422),
        ("promote", {"why": "x", "model_version": "1"}, 422),
        ("resume", {"why": "x", "who": "somebody else"}, 422),
    ],
)
def test_what_does_not_fit_is_refused(place: Gate, action: str, body: dict[str, object], status: int) -> None:
    answer = post(place, place.user("anna", "operator"), action, **body)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    assert place.execute("SELECT count(*) FROM almanac.releases") == [(3,)]


def test_a_version_without_a_complete_run_cannot_be_promoted_by_http(
    place: Gate, publisher: Publisher
) -> None:
    publisher.register(4)
    answer = post(place, place.user("anna", "operator"), "promote", model_version=4, why="x")
    assert answer.status_code == 409
    assert "has no complete run that is kept" in answer.json()["detail"]


def test_viewers_and_keys_that_read_change_nothing_and_their_tries_are_on_the_trail(place: Gate) -> None:
    assert post(place, place.user("eva"), "rollback", **WHY).status_code == 403
    assert post(place, place.key("read"), "rollback", **WHY).status_code == 403
    assert post(place, {}, "rollback", **WHY).status_code == 401
    assert place.execute("SELECT count(*) FROM almanac.releases") == [(3,)]


def test_an_admin_reads_filters_pages_and_exports_the_trail(place: Gate, owner: Database) -> None:
    admin, anna = place.user("root", "admin"), place.user("anna", "operator")
    for number in range(3):
        assert post(place, anna, "resume", why=f"=number {number}").status_code == 200
    first = place.client.get("/v1/audit?action=resume&limit=2", headers=admin)
    assert first.headers["cache-control"] == "no-store"
    page = first.json()
    assert [row["detail"]["why"] for row in page["rows"]] == ["=number 2", "=number 1"]
    row = page["rows"][0]
    assert (row["who"], row["subject"], row["outcome"], row["address"]) == (
        "anna",
        "football",
        "ok",
        "127.0.0.1",
    )
    assert place.client.get(page["next"], headers=admin).json()["rows"][0]["detail"]["why"] == "=number 0"
    instant = row["recorded_at"]
    later = place.client.get(f"/v1/audit?since={instant}&who=anna&action=resume", headers=admin).json()
    assert len(later["rows"]) == 1
    earlier = place.client.get(f"/v1/audit?until={instant}&action=resume", headers=admin).json()
    assert len(earlier["rows"]) == 2
    table = place.client.get("/v1/audit/export?action=resume", headers=admin).text
    assert [line["who"] for line in csv.DictReader(io.StringIO(table))] == ["anna"] * 3
    lines = place.client.get("/v1/audit/export?format=ndjson", headers=admin).text.splitlines()
    assert [json.loads(line)["action"] for line in lines[:2]] == ["export", "export"]
    assert place.client.get("/v1/audit", headers=anna).status_code == 403
    assert within(owner, audit.examine).broken == ()


def test_nothing_secret_is_on_the_trail(place: Gate) -> None:
    place.user("anna", "operator")
    place.client.post("/v1/auth/login", json={"username": "anna", "password": "a wrong password of hers"})
    [(text,)] = place.execute("SELECT string_agg(a::text, ' ') FROM almanac.audit AS a")
    assert "anna" in str(text)
    for secret in ("a wrong password", "four made-up words", "eyJ", "almr_"):
        assert secret not in str(text)


def test_use_is_counted_by_day_key_route_workload_and_version_without_addresses(
    publisher: Publisher,
) -> None:
    publisher.publish([match(1)], version=7)
    with gate_on(publisher.database.url) as gate:
        eva = gate.user("eva")
        for _ in range(3):
            gate.client.get("/v1/football/predictions", headers=eva)
        gate.client.get("/v1/football/predictions?nonsense=1", headers=eva)
        gate.client.get("/v1/football/predictions")
        gate.client.get("/livez")
    # The server has stopped, and has written what it had counted.
    query = "SELECT who, route, workload, model_version, count FROM almanac.usage ORDER BY route, who"
    assert [row for row in rows(publisher.database, query) if "auth" not in row[1]] == [
        ("anonymous", "/livez", "", 0, 1),
        ("eva", "/v1/football/predictions", "football", 7, 3),
    ]
    columns = "SELECT column_name FROM information_schema.columns WHERE table_name = 'usage' ORDER BY 1"
    names = ["count", "day", "model_version", "route", "who", "workload"]
    assert rows(publisher.database, columns) == [(name,) for name in names]
    with gate_on(publisher.database.url) as gate:
        answer = gate.client.get("/v1/audit/usage?days=2", headers=gate.user("root", "admin"))
        assert gate.client.get("/v1/audit/usage", headers=gate.user("ivo")).status_code == 403
    used = [row for row in answer.json()["rows"] if row["who"] == "eva"]
    day = time.strftime("%Y-%m-%d", time.gmtime())
    expected = {"day": day, "who": "eva", "route": "/v1/football/predictions", "workload": "football"}
    assert {**expected, "model_version": 7, "count": 3} in used
