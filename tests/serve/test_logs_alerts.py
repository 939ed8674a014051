"""Alerts: rules open them after a run, people acknowledge or close them, recovery closes them."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from almanac.runner import upkeep
from almanac.settings import Settings
from almanac.store.connections.database import Database
from almanac.workloads.logs.contract import CONTRACT
from almanac.workloads.logs.keeping import alerts as log_alerts
from tests.serve.log_publishing import publish_logs, recent, store, written
from tests.serve.refusals import problem
from tests.servers import in_thread

SET_THRESHOLD = "UPDATE almanac.log_rules SET threshold = 2 WHERE kind = %s"
ADD_RULE = """
INSERT INTO almanac.log_rules (name, kind, source, threshold, window_minutes) VALUES (%s, %s, %s, 1, 15)"""
OPEN_ALERT = """
INSERT INTO almanac.log_alerts (rule_id, value, highest, opened_at, changed_at)
SELECT rule_id, 7, 7, now(), now() FROM almanac.log_rules WHERE name = 'errors all'"""
OPEN_ALERTS = "SELECT rule, value, highest FROM api.log_alerts WHERE state = 'open' ORDER BY rule"
RULES = [
    ("errors", None),
    ("errors", "broker"),
    ("errors", "web"),
    ("anomalies", None),
    ("anomalies", "web"),
    ("new_templates", None),
]


@pytest.fixture
def client(owner: Database) -> Iterator[httpx.Client]:
    """Reads and writes."""
    with in_thread(Settings(database_url=owner.url, ingest=True)) as client:
        yield client


def execute(owner: Database, statement: str, *values: object) -> list[tuple[object, ...]]:
    with owner.connect() as connection:
        cursor = connection.execute(statement.encode(), values)
        return cursor.fetchall() if cursor.description else []


def publish(owner: Database, *texts: str) -> None:
    store(owner, recent(texts))
    publish_logs(owner)


def alerts(client: httpx.Client, **query: object) -> list[tuple[str, str, int]]:
    rows = client.get("/v1/logs/alerts", params=query).json()["rows"]
    return [(row["rule"], row["state"], row["value"]) for row in rows]


def change(client: httpx.Client, number: int, state: str) -> httpx.Response:
    return client.patch(f"/v1/logs/alerts/{number}", json={"state": state})


def test_a_rule_opens_one_alert_and_recovery_closes_it(owner: Database, client: httpx.Client) -> None:
    execute(owner, SET_THRESHOLD, "errors")
    publish(owner, "a", "b", "c")
    assert alerts(client) == []
    publish(owner, "d", "e", "f")
    assert alerts(client) == [("many errors", "open", 2)]
    publish(owner, "g", "h", "i")
    assert alerts(client) == [("many errors", "open", 3)]
    upkeep.tend(owner, CONTRACT, now=datetime.now(UTC) + timedelta(hours=1))
    assert alerts(client) == []
    assert alerts(client, state="closed") == [("many errors", "closed", 0)]


def test_an_alert_can_be_acknowledged_and_closed_and_stays_closed(
    owner: Database, client: httpx.Client
) -> None:
    execute(owner, SET_THRESHOLD, "errors")
    publish(owner, "a", "b", "c", "d", "e")
    number = client.get("/v1/logs/alerts").json()["rows"][0]["alert"]
    for state, then in (("acknowledged", "acknowledged"), ("closed", "closed"), ("acknowledged", "closed")):
        answer = change(client, number, state)
        assert (answer.status_code, answer.json()["state"]) == (200, then), answer.text
    problem(change(client, 4711, "closed"), 404)
    problem(change(client, number, "open"), 422)


def test_new_templates_open_an_alert(owner: Database, client: httpx.Client) -> None:
    execute(owner, SET_THRESHOLD, "new_templates")
    publish(owner, "first of all", "second to none")
    assert alerts(client) == [("new templates", "open", 2)]


def test_each_rule_counts_its_own_kind_in_its_own_window_and_source(owner: Database) -> None:
    now = datetime.now(UTC)
    execute(owner, "DELETE FROM almanac.log_rules")
    for kind, source in RULES:
        execute(owner, ADD_RULE, f"{kind} {source or 'all'}", kind, source)
    # Of ten entries the second, fifth and eighth are errors and anomalies; the first six are three hours old.
    store(owner, written(["a", "x", "x", "x", "x", "x"], begin=now - timedelta(hours=3)))
    store(owner, written(["a", "b", "c"], begin=now - timedelta(minutes=9)))
    store(owner, written(["a"], source="web", begin=now - timedelta(minutes=2)))
    publish_logs(owner, tend=False)
    execute(owner, OPEN_ALERT)
    with owner.connect() as connection:
        log_alerts.judge(connection, now)
    assert execute(owner, OPEN_ALERTS) == [
        ("anomalies all", 1, 1),
        ("errors all", 1, 7),
        ("errors broker", 1, 1),
        ("new_templates all", 2, 2),
    ]
