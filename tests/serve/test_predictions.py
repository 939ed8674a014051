"""Reading predictions: filters, pages, editions and their provenance."""

from datetime import UTC, date, datetime, timedelta

import httpx
import pytest

from almanac.settings import Settings
from almanac.store.publishing.prune import prune
from almanac.workloads.football.contract import CONTRACT
from serve.reading.cursors import write
from tests.serve.publishing import Publisher, match
from tests.servers import in_thread, wait_for_release


def ids(answer: httpx.Response) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [row["match_id"] for row in answer.json()["rows"]]


def all_pages(client: httpx.Client, path: str) -> list[httpx.Response]:
    pages = [client.get(path)]
    while following := pages[-1].json()["next"]:
        pages.append(client.get(following))
    return pages


def test_before_the_first_release_lists_are_empty_and_single_reads_are_404(client):
    for path in ("predictions", "leagues", "leagues/E0/predictions", "picks", "results"):
        answer = client.get(f"/v1/football/{path}")
        assert (answer.status_code, answer.json()["release"], answer.json()["rows"]) == (200, None, []), path
    for path in ("predictions/E0-2024-25-match-0000", "model", "statistics"):
        answer = client.get(f"/v1/football/{path}")
        assert answer.status_code == 404, path
        assert (
            answer.json()["detail"]
            == "'football' has no release to read here yet. GET /v1/football/releases is its ledger."
        )


def test_an_answer_names_its_release_run_and_model(published, reading):
    answer = reading.get("/v1/football/predictions/E0-2024-25-match-0002").json()
    live = published.live()
    assert answer.pop("row")["home"] == "Camden"
    assert answer == {
        "workload": "football",
        "release": live["release_id"],
        "published_at": live["released_at"].isoformat().replace("+00:00", "Z"),
        "model_version": 2,
        "run": live["run_id"],
        "data_as_of": "2025-04-18",
        "source": "openfootball",
        "attribution": "Results: openfootball (CC0 1.0).",
    }


def test_a_prediction_has_every_column_as_it_was_published(reading):
    row = reading.get("/v1/football/predictions/E0-2024-25-match-0002").json()["row"]
    expected = match(2)
    ranges = {f"{side}_goals_{end}": None for side in ("home", "away") for end in ("low", "high")}
    assert row == expected | ranges | {"date": expected["date"].isoformat()}


def test_an_unknown_prediction_is_404(reading):
    answer = reading.get("/v1/football/predictions/E0-2024-25-match-9999")
    assert answer.status_code == 404
    assert "GET /v1/football/predictions lists" in answer.json()["detail"]


def test_an_entity_may_contain_a_slash(publisher, client):
    publisher.publish([match(0) | {"match_id": "a/b c%"}])
    wait_for_release(client, 1)
    assert client.get("/v1/football/predictions/a%2Fb%20c%25").json()["row"]["match_id"] == "a/b c%"


def test_a_list_is_sorted_by_the_contracts_order_and_the_entity(reading):
    rows = reading.get("/v1/football/predictions").json()["rows"]
    keys = [(row["date"], row["match_id"]) for row in rows]
    assert len(keys) == 12
    assert keys == sorted(keys)


@pytest.mark.parametrize(
    ("query", "numbers"),
    [
        ("league=D1", [1, 3, 5, 7, 9, 11]),
        ("league=D1,E0", list(range(12))),
        ("league=E0,D1,E0", list(range(12))),
        ("league=", []),
        ("league=e0", []),
        ("from=2025-04-23", [5, 6]),
        ("to=2025-04-18", [0, 7]),
        ("from=2025-04-19&to=2025-04-19", [1, 8]),
        ("min_confidence=0.8", [3, 7, 11]),
        ("min_confidence=0.80000001", []),
        ("pick=draw", [1, 5, 9]),
        ("pick=home,away&league=E0", [0, 2, 4, 6, 8, 10]),
        ("pick=draw&league=E0", []),
    ],
)
def test_filters_choose_rows(reading, query, numbers):
    assert set(ids(reading.get(f"/v1/football/predictions?{query}"))) == {
        match(number)["match_id"] for number in numbers
    }


@pytest.mark.parametrize("limit", [1, 5, 11, 12, 13])
def test_pages_joined_are_the_whole_list(reading, limit):
    whole = ids(reading.get("/v1/football/predictions"))
    pages = all_pages(reading, f"/v1/football/predictions?limit={limit}")
    assert [identity for page in pages for identity in ids(page)] == whole
    assert len(pages) == -(-12 // limit)


def test_the_next_page_keeps_the_filters_and_is_also_in_the_link_header(reading):
    first = reading.get("/v1/football/predictions?league=D1&limit=4")
    assert first.headers["link"] == f'<{first.json()["next"]}>; rel="next"'
    second = reading.get(first.json()["next"])
    assert ids(first) + ids(second) == ids(reading.get("/v1/football/predictions?league=D1"))
    assert "link" not in second.headers


def test_a_cursor_stays_in_the_release_it_began_with(publisher, client):
    publisher.publish([match(number, home_win=0.25) for number in range(6)])
    wait_for_release(client, 1)
    first = client.get("/v1/football/predictions?limit=4")
    publisher.publish([match(number, home_win=0.5) for number in range(6)])
    wait_for_release(client, 2)
    second = client.get(first.json()["next"])
    assert second.json()["release"] == 1
    assert {row["home_win"] for page in (first, second) for row in page.json()["rows"]} == {0.25}
    assert len(ids(first) + ids(second)) == 6


def test_as_of_answers_from_the_release_of_that_instant(published, reading):
    later = published.live()["released_at"]
    before = (later - timedelta(microseconds=1)).isoformat().replace("+00:00", "Z")
    old = reading.get("/v1/football/predictions", params={"as_of": before})
    assert old.json()["as_of"] == before
    assert (old.json()["model_version"], len(ids(old))) == (1, 10)
    new = reading.get("/v1/football/predictions", params={"as_of": later.isoformat()})
    assert (new.json()["model_version"], len(ids(new))) == (2, 12)


def test_as_of_before_the_first_release_is_answered_as_without_a_release(reading):
    assert reading.get("/v1/football/predictions?as_of=2020-01-01T00:00:00Z").json()["release"] is None
    assert (
        reading.get("/v1/football/predictions/E0-2024-25-match-0002?as_of=2020-01-01T00:00:00Z").status_code
        == 404
    )


def test_as_of_is_the_same_instant_in_every_offset(published, reading):
    moment = published.live()["released_at"] - timedelta(microseconds=1)
    paths = [moment.isoformat(), moment.astimezone(UTC).isoformat().replace("+00:00", "Z")]
    tags = {reading.get("/v1/football/predictions", params={"as_of": path}).headers["etag"] for path in paths}
    assert len(tags) == 1


def test_a_model_version_is_read_whether_released_or_not(publisher, client):
    publisher.publish([match(0, home_win=0.25)], version=1)
    shadow = publisher.publish([match(0, home_win=0.5)], version=2, is_released=False)
    wait_for_release(client, 1)
    answer = client.get("/v1/football/predictions?model_version=2").json()
    assert (answer["release"], answer["published_at"], answer["run"], answer["model_version"]) == (
        None,
        None,
        shadow,
        2,
    )
    assert answer["rows"][0]["home_win"] == 0.5
    assert client.get("/v1/football/predictions").json()["rows"][0]["home_win"] == 0.25


def test_pages_of_a_model_version_stay_in_its_run(publisher, client):
    publisher.publish([match(0)], version=1)
    publisher.publish([match(number, home_win=0.25) for number in range(4)], version=2, is_released=False)
    wait_for_release(client, 1)
    first = client.get("/v1/football/predictions?model_version=2&limit=3")
    publisher.publish([match(number, home_win=0.5) for number in range(4)], version=2, is_released=False)
    second = client.get(first.json()["next"])
    assert [row["home_win"] for page in (first, second) for row in page.json()["rows"]] == [0.25] * 4
    newest = client.get("/v1/football/predictions?model_version=2").json()
    assert [row["home_win"] for row in newest["rows"]] == [0.5] * 4


def test_an_unknown_model_version_is_404(reading):
    answer = reading.get("/v1/football/predictions?model_version=3")
    assert answer.status_code == 404
    assert answer.json()["detail"].startswith("'football' keeps no predictions of this model version.")


def test_parameters_that_choose_an_edition_exclude_each_other(reading):
    answer = reading.get("/v1/football/predictions?model_version=1&as_of=2026-01-01T00:00:00Z")
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["names"] == ["as_of", "model_version"]


@pytest.mark.parametrize(
    "pin",
    ["release 99", "release 0", "release x", "run nothing", "release", "", "release 99999999999999999999"],
)
def test_a_cursor_of_an_unknown_release_is_refused(reading, pin):
    answer = reading.get("/v1/football/predictions", params={"cursor": write(pin, ["2025-04-18", "a"])})
    assert answer.status_code == (410 if pin.startswith("run") else 422)


def test_a_pruned_release_is_410_with_its_ledger_entry(publisher, client):
    victim = publisher.publish([match(number) for number in range(4)], version=1)
    wait_for_release(client, 1)
    first = client.get("/v1/football/predictions?limit=2")
    at = publisher.live()["released_at"].isoformat()
    for version in (2, 3):
        publisher.publish([match(number) for number in range(4)], version=version)
    wait_for_release(client, 3)
    prune(publisher.database, CONTRACT, now=datetime.now(UTC) + timedelta(days=30))
    refused = [client.get(first.json()["next"]), client.get("/v1/football/predictions", params={"as_of": at})]
    refused += [
        client.get("/v1/football/predictions?model_version=1"),
        client.get("/v1/football/results?release=1"),
    ]
    for answer in refused:
        assert answer.status_code == 410
        assert answer.json()["ledger"]["run"] == victim
        assert answer.json()["ledger"]["release"] == 1
        assert answer.json()["ledger"]["pruned_at"] is not None


def test_demo_and_simulated_are_reported_only_if_true(publisher, client):
    publisher.publish([match(0)], demo=True, simulated=True)
    wait_for_release(client, 1)
    answer = client.get("/v1/football/predictions").json()
    assert (answer["demo"], answer["simulated"]) == (True, True)
    assert "stale" not in answer


def test_a_live_release_older_than_promised_is_stale_and_an_older_one_is_not(publisher):
    publisher.publish([match(0)], version=1)
    at = publisher.live()["released_at"].isoformat()
    publisher.publish([match(0)], version=2)
    impatient = {"football": CONTRACT.model_copy(update={"stale_after": timedelta(seconds=0)})}
    with in_thread(Settings(database_url=publisher.database.url), impatient) as client:
        late = client.get("/v1/football/predictions").json()
        assert late["stale"] is True
        assert late["stale_reason"] == "The release is older than 0 hours: no run has released since."
        assert "stale" not in client.get("/v1/football/predictions", params={"as_of": at}).json()
        assert client.get("/readyz").status_code == 200


def test_a_release_of_old_data_says_so_in_words_however_new_it_is(publisher):
    publisher.publish([match(0)], version=1, newest_data=date(2025, 3, 1))
    first = publisher.live()["released_at"].isoformat()
    publisher.publish([match(0)], version=2, newest_data=date(2025, 4, 4))
    with in_thread(Settings(database_url=publisher.database.url), {"football": CONTRACT}) as client:
        fresh = client.get("/v1/football/predictions").json()
        old = client.get("/v1/football/predictions", params={"as_of": first}).json()
    assert (fresh["newest_data"], "stale" in fresh, "stale_reason" in fresh) == ("2025-04-04", False, False)
    assert (old["newest_data"], old["stale"]) == ("2025-03-01", True)
    assert old["stale_reason"] == (
        "The newest data are of 2025-03-01, 48 days before the cut-off; "
        "the sources usually bring newer data within 14 days."
    )


def test_every_answer_from_a_release_of_old_data_is_stale(publisher, client):
    publisher.publish([match(0)], version=1, newest_data=date(2025, 3, 1))
    wait_for_release(client, 1)
    paths = ["predictions", "leagues", "leagues/E0/predictions", "picks", "statistics", "results"]
    answers = [client.get(f"/v1/football/{path}").json() for path in paths]
    [football] = [row for row in client.get("/v1/workloads").json()["rows"] if row["workload"] == "football"]
    assert [answer["stale_reason"][:37] for answer in [*answers, football]] == (
        ["The newest data are of 2025-03-01, 48"] * 7
    )
    assert 'almanac_release_stale{workload="football"} 0.0' in client.get("/metrics").text


def test_a_rollback_is_answered_from_the_older_run(publisher, client):
    first = publisher.publish([match(0, home_win=0.25)], version=1)
    publisher.publish([match(0, home_win=0.5)], version=2)
    publisher.rollback()
    wait_for_release(client, 3)
    answer = client.get("/v1/football/predictions").json()
    assert (answer["run"], answer["model_version"], answer["rows"][0]["home_win"]) == (first, 1, 0.25)


def test_a_new_release_is_answered_within_a_second(publisher: Publisher, client: httpx.Client):
    for release in range(1, 4):
        publisher.publish([match(0)], version=release)
        wait_for_release(client, release)
