"""The model, the ledger and the runs, and a workload without routes of its own."""

import pytest

from almanac.settings import Settings
from almanac.store.records import decisions
from tests.serve.publishing import match
from tests.servers import in_thread, wait_for_release
from tests.stub import STUB, content, release


def test_the_ledger_is_listed_newest_first(published, reading):
    rows = reading.get("/v1/football/releases").json()["rows"]
    assert [(row["release"], row["model_version"], row["rows"], row["previous_release"]) for row in rows] == [
        (2, 2, 12, 1),
        (1, 1, 10, None),
    ]
    assert (rows[0]["kind"], rows[0]["who"], rows[0]["why"], rows[0]["run"]) == (
        "publish",
        "tester",
        "test",
        published.live()["run_id"],
    )
    assert rows[0]["runs"] == [rows[0]["run"]]


def test_the_ledger_is_read_page_by_page(reading):
    first = reading.get("/v1/football/releases?limit=1")
    assert first.json()["next"] == "/v1/football/releases?limit=1&before=2"
    assert first.headers["link"] == '</v1/football/releases?limit=1&before=2>; rel="next"'
    second = reading.get(first.json()["next"])
    assert ([row["release"] for row in second.json()["rows"]], second.json()["next"]) == ([1], None)


def test_a_run_is_returned_with_its_record_and_steps(published, reading):
    run = published.live()["run_id"]
    record = reading.get(f"/v1/football/runs/{run}").json()["run"]
    assert (record["run"], record["status"], record["slot"], record["rows"], record["model_version"]) == (
        run,
        "succeeded",
        "2025-04-15T12:00:00+00:00",
        12,
        2,
    )
    assert len(record["prediction_hash"]) == 64
    assert [(step["step"], step["status"]) for step in record["steps"]] == [("predict", "succeeded")]


def test_an_unknown_run_is_404(reading):
    assert reading.get("/v1/football/runs/20250415t060000-00000000").status_code == 404


def test_the_live_model_is_returned_with_its_metrics(publisher, client):
    publisher.register(7)
    publisher.publish([match(0)], version=7)
    wait_for_release(client, 1)
    answer = client.get("/v1/football/model")
    model = answer.json()["model"]
    assert (model["version"], model["metrics"], model["primary_metric"], model["trained_until"]) == (
        7,
        {"log_loss": 1.01},
        "log_loss",
        "2025-04-17",
    )
    assert int(answer.headers["age"]) >= 0
    assert client.get("/v1/football/model?model_version=7").json()["model"] == model


def test_the_primary_metric_of_a_version_is_one_it_was_evaluated_by(publisher, client):
    for version, metrics in ((7, {"series_found": 0.4}), (8, {"accuracy": 0.5}), (9, {"log_loss": 1.0})):
        publisher.register(version, metrics=metrics)
        publisher.publish([match(0)], version=version)
    row = {"workload": "football", "champion": None, "promoted": True, "who": "tester"}
    with publisher.database.engine.begin() as connection:
        decisions.write(
            connection,
            row | {"challenger": 7, "reason": "first version", "evidence": {"metric": "series_found"}},
        )
        decisions.write(connection, row | {"challenger": 7, "reason": "promoted by hand"})
    wait_for_release(client, 3)
    primary_metrics = [
        client.get(f"/v1/football/model?model_version={version}").json()["model"]["primary_metric"]
        for version in (7, 8, 9)
    ]
    assert primary_metrics == ["series_found", None, "log_loss"]


@pytest.fixture
def stub_client(owner):
    release(owner, content(10, word="first"))
    with in_thread(Settings(database_url=owner.url), {"stub": STUB}) as client:
        yield client


def test_a_workload_without_its_own_routes_has_every_generic_route(stub_client):
    assert stub_client.get("/v1/stub/predictions/item-0000003").json()["row"]["day"] == "2025-04-18"
    assert [
        row["item"] for row in stub_client.get("/v1/stub/predictions?min_up=0.8&word=first").json()["rows"]
    ] == ["item-0000008", "item-0000009"]
    assert stub_client.get("/v1/stub/releases").json()["rows"][0]["workload"] == "stub"
    assert stub_client.get("/v1/stub/model").status_code == 404
    assert stub_client.get("/v1/football/predictions").status_code == 404


def test_generic_routes_are_documented_from_the_contract(stub_client):
    paths = stub_client.get("/openapi.json").json()["paths"]
    named = {parameter["name"]: parameter for parameter in paths["/v1/stub/predictions"]["get"]["parameters"]}
    assert {"from", "word", "min_up", "limit", "cursor", "as_of", "model_version"} <= set(named)
    assert named["from"]["schema"] == {"type": "string", "format": "date"}
    assert named["word"]["schema"] == {"type": "string"}


def test_pages_follow_the_order_of_the_contract(stub_client):
    first = stub_client.get("/v1/stub/predictions?limit=7").json()
    second = stub_client.get(first["next"]).json()
    keys = [(row["day"], row["item"]) for row in first["rows"] + second["rows"]]
    assert len(keys) == 10
    assert keys == sorted(keys)


def test_an_incremental_workload_reads_all_runs_of_a_version(owner):
    whole = content(10, word="second")
    release(owner, content(1))
    for half in (slice(0, 5), slice(5, 10)):
        release(owner, whole | {"predictions": whole["predictions"].iloc[half]}, version=2, why=None)
    contracts = {"stub": STUB.model_copy(update={"incremental": True})}
    with in_thread(Settings(database_url=owner.url), contracts) as client:
        rows = client.get("/v1/stub/predictions?model_version=2").json()["rows"]
        assert [row["item"] for row in sorted(rows, key=lambda row: row["item"])] == list(
            whole["predictions"]["item"]
        )
        assert (
            client.get("/v1/stub/predictions/item-0000000?model_version=2").json()["row"]["word"] == "second"
        )
