"""The lists of runs and of model versions."""

from datetime import UTC, datetime

import pytest

from almanac.store.records import runs
from tests.serve.publishing import match


@pytest.fixture
def history(publisher, client):
    """Three runs: two released, then one that failed; two versions."""
    for version, log_loss in ((1, 1.04), (2, 1.01)):
        publisher.register(version, metrics={"log_loss": log_loss})
    ids = [publisher.publish([match(0)], version=version) for version in (1, 2)]
    opening = runs.NewRun("football", datetime(2025, 4, 20, tzinfo=UTC), ("collect",), "mock", "tester")
    with publisher.database.engine.begin() as connection:
        failed = runs.start(connection, opening)
        runs.finish(connection, failed, "failed", "collect: no file")
    return client, [failed, *reversed(ids)]


def test_runs_are_listed_newest_first_with_their_success(history):
    client, ids = history
    body = client.get("/v1/football/runs").json()
    assert [(row["run"], row["status"], row["reason"]) for row in body["rows"]] == [
        (ids[0], "failed", "collect: no file"),
        (ids[1], "succeeded", None),
        (ids[2], "succeeded", None),
    ]
    assert [row["releases"] for row in body["rows"]] == [[], [2], [1]]
    assert body["success"] == {"runs": 3, "succeeded": 2, "rate": pytest.approx(2 / 3)}
    assert body["next"] is None


def test_runs_are_read_page_by_page(history):
    client, ids = history
    first = client.get("/v1/football/runs?limit=2").json()
    assert first["next"] == f"/v1/football/runs?limit=2&before={ids[1]}"
    second = client.get(first["next"]).json()
    assert ([row["run"] for row in second["rows"]], second["next"]) == ([ids[2]], None)


def test_runs_of_one_status_are_listed(history):
    client, ids = history
    rows = client.get("/v1/football/runs?status=failed").json()["rows"]
    assert [row["run"] for row in rows] == ids[:1]
    assert client.get("/v1/football/runs?status=lost").status_code == 422
    assert client.get("/v1/logs/runs").json() == {
        "workload": "logs",
        "success": {"runs": 0, "succeeded": 0, "rate": None},
        "rows": [],
        "next": None,
    }


def test_the_figures_of_every_version_are_listed(history):
    client, _ = history
    body = client.get("/v1/football/models?limit=1").json()
    assert [(row["version"], row["primary_metric"], row["metrics"]) for row in body["rows"]] == [
        (2, "log_loss", {"log_loss": 1.01})
    ]
    rows = client.get(body["next"]).json()["rows"]
    assert [(row["version"], row["metrics"]) for row in rows] == [(1, {"log_loss": 1.04})]


def test_a_list_that_has_not_changed_is_answered_304(history):
    client, _ = history
    for path in ("/v1/football/runs", "/v1/football/models"):
        tag = client.get(path).headers["etag"]
        assert client.get(path, headers={"If-None-Match": tag}).status_code == 304
