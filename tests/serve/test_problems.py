"""An invalid request is refused with a problem document that does not repeat the input."""

import socket
from urllib.parse import quote

import pytest

from tests.serve.refusals import HOSTILE, problem

LIST = "/v1/football/predictions"


def test_an_unknown_address_is_404(reading):
    for path in (
        "/v1",
        "/v1/fotball/predictions",
        "/v1/football/predictions/",
        "/v2/workloads",
        "/%00",
        "/docs/../x",
    ):
        problem(reading.get(path), 404)


def test_another_method_is_405_and_names_those_allowed(reading):
    for method in ("POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "QUERY"):
        answer = reading.request(method, LIST)
        problem(answer, 405)
        assert answer.headers["allow"] == "GET, HEAD"


def test_an_unknown_parameter_is_refused_with_the_names_of_the_valid_ones(reading):
    document = problem(reading.get(f"{LIST}?leage=E0"), 422)
    assert document["errors"] == [
        {
            "in": "query",
            "reason": "is not a parameter of this route",
            "known": [
                "as_of",
                "cursor",
                "from",
                "league",
                "limit",
                "min_confidence",
                "model_version",
                "pick",
                "to",
            ],
        }
    ]


def test_a_path_parameter_is_refused_in_the_query(reading):
    document = problem(
        reading.get("/v1/football/predictions/E0-2024-25-match-0002?entity=E0-2024-25-match-0004"), 422
    )
    assert document["errors"][0]["known"] == ["as_of", "model_version"]


def test_every_invalid_parameter_is_named_with_the_reason(reading):
    document = problem(
        reading.get(f"{LIST}?limit=0&from=today&min_confidence=high&as_of=2025-04-18T06:00:00"), 422
    )
    assert document["errors"] == [
        {"in": "query", "name": "limit", "reason": "must be a whole number from 1 to 1000"},
        {"in": "query", "name": "from", "reason": "must be a date, for example 2025-04-18"},
        {"in": "query", "name": "min_confidence", "reason": "must be a finite number, for example 0.6"},
        {
            "in": "query",
            "name": "as_of",
            "reason": "must be an instant with its offset, for example 2025-04-18T06:00:00Z (write + as %2B)",
        },
    ]


@pytest.mark.parametrize(
    "query", ["limit=1&limit=2", "league=%FF%FE", "league=%ED%A0%80", "&".join(f"a{n}=1" for n in range(101))]
)
def test_a_malformed_query_is_refused(reading, query):
    problem(reading.get(f"{LIST}?{query}"), 422)


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize(
    "parameter",
    [
        "league",
        "pick",
        "from",
        "to",
        "min_confidence",
        "limit",
        "cursor",
        "as_of",
        "model_version",
        "unknown",
    ],
)
def test_hostile_text_in_a_parameter_causes_no_server_error_and_is_not_repeated(reading, parameter, name):
    answer = reading.get(LIST, params={parameter: HOSTILE[name]})
    assert answer.status_code in (200, 422)
    if answer.status_code == 422:
        problem(answer, 422)
        assert HOSTILE[name] not in answer.text
    else:
        assert answer.json()["rows"] == []


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize(
    "path",
    [
        "/v1/football/predictions/{}",
        "/v1/football/runs/{}",
        "/v1/football/leagues/{}/predictions",
        "/{}",
        "/v1/{}/model",
    ],
)
def test_hostile_text_in_a_path_causes_no_server_error_and_is_not_repeated(reading, path, name):
    answer = reading.get(path.format(quote(HOSTILE[name], safe="")))
    assert answer.status_code in (404, 422)
    problem(answer, answer.status_code)
    assert HOSTILE[name] not in answer.text


@pytest.mark.parametrize("place", [f"{LIST}?league=", f"{LIST}/", f"{LIST}?cursor=", "/"])
def test_an_address_of_a_megabyte_is_414(reading, place):
    port = reading.base_url.port
    head = f"GET {place}{'x' * 1_000_000} HTTP/1.1\r\nHost: x\r\n\r\n".encode()
    assert raw(port, head).startswith(b"HTTP/1.1 414 ")


def test_headers_of_a_megabyte_are_431(reading):
    head = b"GET /livez HTTP/1.1\r\nHost: x\r\nX-Long: " + b"x" * 1_000_000 + b"\r\n\r\n"
    assert raw(reading.base_url.port, head).startswith(b"HTTP/1.1 431 ")


def test_a_body_larger_than_the_limit_is_413_before_it_is_sent(reading):
    head = b"GET /livez HTTP/1.1\r\nHost: x\r\nContent-Length: 50000000\r\n\r\n"
    answer = raw(reading.base_url.port, head)
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"application/problem+json" in answer


@pytest.mark.parametrize(
    "sent",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc",
        b"GET\r\n\r\n",
        b"GET /\xff\xfe HTTP/1.1\r\nHost: x\r\n\r\n",
        b"\x00" * 100,
    ],
)
def test_bytes_that_are_not_http_are_400(reading, sent):
    answer = raw(reading.base_url.port, sent)
    assert answer.startswith(b"HTTP/1.1 400 ")
    head, _, body = answer.partition(b"\r\n\r\n")
    assert f"content-length: {len(body)}".encode() in head
    assert b"application/problem+json" in head


@pytest.mark.parametrize(
    "path",
    [
        b"/livez?%",
        b"/livez?=&&=",
        b"/v1/football/predictions?league=%",
        b"/%ff%fe",
        b"/v1/football/predictions/%ed%a0%80",
    ],
)
def test_broken_percent_escapes_cause_no_server_error(reading, path):
    status = raw(
        reading.base_url.port, b"GET " + path + b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    ).split(b" ")[1]
    assert status in (b"200", b"404", b"422")


def raw(port: int | None, sent: bytes) -> bytes:
    """Send bytes and return what the server sends until it closes or two seconds pass."""
    assert port
    received = b""
    with socket.create_connection(("127.0.0.1", port), timeout=2) as line:
        try:
            line.sendall(sent)
            while part := line.recv(65536):
                received += part
        except (TimeoutError, ConnectionError):
            pass
    return received
