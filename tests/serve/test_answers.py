"""Headers for HTTP caches and browsers: ETag, 304, compression, Age, Link, CORS."""

import gzip
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from almanac.settings import Settings
from tests.serve.publishing import match
from tests.servers import in_thread, wait_for_release

LIST = "/v1/football/predictions"
ONE = "/v1/football/predictions/E0-2024-25-match-0002"
PLAIN = {"Accept-Encoding": "identity"}


def tag(client: httpx.Client, path: str, **headers: str) -> str:
    answer = client.get(path, headers=PLAIN | headers)
    assert answer.status_code == 200, answer.text
    return answer.headers["etag"]


def test_an_answer_may_be_stored_but_must_be_revalidated(reading):
    headers = reading.get(LIST, headers=PLAIN).headers
    assert headers["cache-control"] == "public, no-cache"
    assert headers["vary"] == "Accept-Encoding"
    assert not headers["etag"].startswith("W/")


def test_age_is_that_of_the_release(published, reading):
    at = published.live()["released_at"]
    least = int((datetime.now(UTC) - at).total_seconds())
    answer = reading.get(LIST, params={"as_of": (at + timedelta(days=1)).isoformat()})
    most = (datetime.now(UTC) - at).total_seconds()
    assert least <= int(answer.headers["age"]) <= most


@pytest.mark.parametrize(
    "path",
    [LIST, ONE, "/v1/football/leagues", "/v1/football/statistics", "/v1/football/releases", "/v1/workloads"],
)
def test_a_matching_etag_is_answered_with_304_and_no_body(reading, path):
    etag = tag(reading, path)
    for header in (etag, f'"other", {etag}', f"W/{etag}"):
        answer = reading.get(path, headers=PLAIN | {"If-None-Match": header})
        assert (answer.status_code, answer.content) == (304, b"")
        assert answer.headers["etag"] == etag
        assert answer.headers["cache-control"] == "public, no-cache"
    assert reading.get(path, headers={"If-None-Match": '"other"'}).status_code == 200


def test_a_304_answer_reads_no_rows(publisher):
    publisher.publish([match(0)])
    with in_thread(Settings(database_url=publisher.database.url, cache_mb=0)) as client:
        etag = tag(client, LIST)
        with publisher.database.connect() as connection:
            # Nobody can read the rows while this transaction lasts.
            connection.execute("LOCK TABLE almanac.football_predictions IN ACCESS EXCLUSIVE MODE")
            assert client.get(LIST, headers=PLAIN | {"If-None-Match": etag}).status_code == 304


def test_a_cached_answer_reads_no_rows(publisher, client):
    publisher.publish([match(0)])
    wait_for_release(client, 1)
    first = client.get(LIST)
    with publisher.database.connect() as connection:
        connection.execute("LOCK TABLE almanac.football_predictions IN ACCESS EXCLUSIVE MODE")
        assert client.get(LIST).content == first.content


def test_the_etag_changes_with_the_release_the_route_and_the_query(publisher, client):
    publisher.publish([match(0)])
    wait_for_release(client, 1)
    paths = [
        LIST,
        f"{LIST}?limit=1",
        f"{LIST}?league=E0",
        "/v1/football/picks",
        "/v1/football/leagues/E0/predictions",
    ]
    old = {tag(client, path) for path in paths}
    publisher.publish([match(0)])
    wait_for_release(client, 2)
    assert len(old | {tag(client, path) for path in paths}) == 2 * len(paths)


def test_equivalent_queries_have_the_same_etag(reading):
    same = [
        "league=E0,D1&min_confidence=0.5",
        "min_confidence=0.50&league=D1,E0",
        "limit=50&league=D1,E0,D1&min_confidence=5e-1",
    ]
    assert len({tag(reading, f"{LIST}?{query}") for query in same}) == 1


def test_a_large_answer_is_compressed_for_a_client_that_accepts_gzip(reading):
    plain = reading.get(LIST, headers=PLAIN)
    assert "content-encoding" not in plain.headers
    for accepted in ("gzip", "br, gzip;q=0.5", "*", "GZIP"):
        with reading.stream("GET", LIST, headers={"Accept-Encoding": accepted}) as answer:
            assert answer.headers["content-encoding"] == "gzip"
            assert answer.headers["vary"] == "Accept-Encoding"
            assert gzip.decompress(b"".join(answer.iter_raw())) == plain.content
    for accepted in ("br", "gzip;q=0", "gzip; q=0.0", ""):
        assert "content-encoding" not in reading.get(LIST, headers={"Accept-Encoding": accepted}).headers


def test_the_compressed_answer_has_its_own_etag_which_also_matches(reading):
    plain, packed = tag(reading, LIST), reading.get(LIST, headers={"Accept-Encoding": "gzip"}).headers["etag"]
    assert packed == plain[:-1] + '-gzip"'
    assert reading.get(LIST, headers={"If-None-Match": packed}).status_code == 304


def test_head_has_the_headers_of_get_and_no_body(reading):
    got, head = reading.get(LIST, headers=PLAIN), reading.head(LIST, headers=PLAIN)
    assert head.content == b""
    for name in ("etag", "content-length", "content-type", "cache-control"):
        assert head.headers[name] == got.headers[name]
    assert reading.head("/v1/football/nothing").status_code == 404


def test_every_answer_has_a_request_id_and_accepts_a_safe_one_from_the_client(reading):
    assert len(reading.get("/livez").headers["x-request-id"]) == 16
    assert (
        reading.get("/livez", headers={"X-Request-ID": "from-proxy.1"}).headers["x-request-id"]
        == "from-proxy.1"
    )
    assert reading.get("/livez", headers={"X-Request-ID": "<script>"}).headers["x-request-id"] != "<script>"
    assert reading.get("/nope").headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    ("origins", "allowed"),
    [("", None), ("https://a.example, https://b.example", "https://b.example"), ("*", "*")],
)
def test_other_origins_may_read_only_if_the_settings_allow_it(published, origins: str, allowed: Any):
    with in_thread(Settings(database_url=published.database.url, cors_origins=origins)) as client:
        answer = client.get(LIST, headers={"Origin": "https://b.example"})
        assert answer.headers.get("access-control-allow-origin") == allowed
        stranger = client.get(LIST, headers={"Origin": "https://evil.example"}).headers.get(
            "access-control-allow-origin"
        )
        assert stranger == ("*" if allowed == "*" else None)


def preflight(
    client: httpx.Client, *, origin: str = "https://a.example", method: str = "GET", headers: str = ""
) -> httpx.Response:
    request_headers = {"Origin": origin, "Access-Control-Request-Method": method} | (
        {"Access-Control-Request-Headers": headers} if headers else {}
    )
    return client.options(LIST, headers=request_headers)


def test_preflight_allows_post_conditions_and_credentials_for_an_allowed_origin(published):
    with in_thread(Settings(database_url=published.database.url, cors_origins="https://a.example")) as client:
        for method, headers in (
            ("GET", "if-none-match"),
            ("POST", "content-type"),
            ("GET", "authorization"),
            ("POST", "x-api-key"),
        ):
            answer = preflight(client, method=method, headers=headers)
            assert "access-control-allow-credentials" not in answer.headers
            assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (
                200,
                "https://a.example",
            )


@pytest.mark.parametrize(
    "wrong", [{"origin": "https://evil.example"}, {"method": "DELETE"}, {"headers": "x-other"}]
)
def test_a_refused_preflight_is_answered_with_a_problem(wrong, published):
    with in_thread(Settings(database_url=published.database.url, cors_origins="https://a.example")) as client:
        answer = preflight(client, **wrong)
    assert (answer.status_code, answer.headers["content-type"], answer.json()["status"]) == (
        400,
        "application/problem+json",
        400,
    )
    assert "ALMANAC_CORS_ORIGINS" in answer.json()["detail"]
    assert "evil" not in answer.text
    assert answer.headers["cache-control"] == "no-store"
    assert "Origin" in answer.headers["vary"]
