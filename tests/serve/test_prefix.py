"""A server behind a path prefix, conditions that name any copy, and requests without a Host."""

import json
import socket
from collections.abc import Iterator

import httpx
import pytest
from pydantic import ValidationError

from almanac.settings import Settings
from tests.serve.publishing import Publisher
from tests.servers import in_thread

LIST = "/v1/football/predictions"


@pytest.fixture(scope="module", params=["/almanac", "/a/b.c~d/"])
def behind(request: pytest.FixtureRequest, published: Publisher) -> Iterator[tuple[str, httpx.Client]]:
    """A server behind a prefix, and the prefix as it appears in addresses."""
    settings = Settings(database_url=published.database.url, root_path=request.param)
    with in_thread(settings) as client:
        yield request.param.rstrip("/"), client


@pytest.mark.parametrize("is_stripped", [True, False])
def test_pages_are_followed_to_the_end_through_the_prefix(
    behind: tuple[str, httpx.Client], is_stripped: bool
) -> None:
    prefix, client = behind

    def passed_on(address: str) -> str:
        assert address.startswith(f"{prefix}/v1/")
        return address.removeprefix(prefix) if is_stripped else address

    following, rows = f"{prefix}{LIST}?limit=5", []
    while following:
        answer = client.get(passed_on(following))
        assert answer.status_code == 200, answer.text
        rows += answer.json()["rows"]
        following = answer.json()["next"]
        assert (answer.links.get("next", {}).get("url")) == following
    assert len(rows) == 12


@pytest.mark.parametrize(
    "path", ["/docs", "/docs/swagger-ui.css", "/openapi.json", "/livez", "/v1/workloads"]
)
def test_every_page_answers_with_and_without_the_prefix(behind: tuple[str, httpx.Client], path: str) -> None:
    prefix, client = behind
    plain, prefixed = client.get(path), client.get(prefix + path)
    assert (plain.status_code, prefixed.status_code) == (200, 200)
    assert client.get(prefix + prefix + path).status_code == 404


def test_the_documentation_loads_and_asks_below_the_prefix(behind: tuple[str, httpx.Client]) -> None:
    prefix, client = behind
    page = client.get("/docs").text
    for address in (
        f"{prefix}/docs/swagger-ui-bundle.js",
        f"{prefix}/docs/swagger-ui.css",
        f"{prefix}/openapi.json",
    ):
        assert address in page
        assert client.get(address).status_code == 200
    assert client.get("/openapi.json").json()["servers"] == [{"url": prefix}]


def test_without_a_prefix_addresses_are_as_they_were(reading: httpx.Client) -> None:
    answer = reading.get(LIST, params={"limit": 5}).json()
    assert answer["next"].startswith(f"{LIST}?")
    assert "servers" not in reading.get("/openapi.json").json()


@pytest.mark.parametrize(
    "path", ["almanac", "//", "/a//b", "/a b", "/a?b", "https://example.org/a", "/ü", '/"']
)
def test_a_prefix_that_is_no_path_is_refused(path: str) -> None:
    with pytest.raises(ValidationError, match="root_path"):
        Settings(root_path=path)


ADDRESSES = [LIST, f"{LIST}?limit=3", "/v1/football/releases", "/v1/workloads", "/v1/football/leagues"]


@pytest.mark.parametrize("path", ADDRESSES)
@pytest.mark.parametrize("condition", ["*"])
def test_a_condition_on_any_copy_is_met_by_what_exists(
    path: str, condition: str, reading: httpx.Client
) -> None:
    for _ in range(2):
        answer = reading.get(path, headers={"If-None-Match": condition})
        assert (answer.status_code, answer.content) == (304, b"")
        assert answer.headers["etag"]
    assert reading.get(path).status_code == 200


@pytest.mark.parametrize("path", [f"{LIST}/nothing", "/v1/nothing/predictions", f"{LIST}?limit=many"])
def test_a_condition_on_any_copy_hides_no_refusal(path: str, reading: httpx.Client) -> None:
    assert reading.get(path, headers={"If-None-Match": "*"}).status_code in (404, 422)


@pytest.mark.parametrize("condition", ['"*"', "*, *", "**", 'W/"*"'])
def test_a_star_among_others_is_no_condition_on_any_copy(condition: str, reading: httpx.Client) -> None:
    assert reading.get(LIST, headers={"If-None-Match": condition}).status_code == 200


def sent(client: httpx.Client, head: str) -> bytes:
    """Send the head of a request as it is and return the answer."""
    with socket.create_connection((client.base_url.host, client.base_url.port or 80), timeout=10) as line:
        line.sendall(head.replace("\n", "\r\n").encode() + b"\r\n\r\n")
        answer = b""
        while part := line.recv(65_536):
            answer += part
    return answer


@pytest.mark.parametrize(
    "head",
    [
        f"GET {LIST} HTTP/1.1",
        f"HEAD {LIST} HTTP/1.1\nAccept: */*",
        "GET /nothing HTTP/1.1\nX-Host: localhost",
        f"GET {LIST} HTTP/1.1\nHost: a\nHost: b",
    ],
)
def test_http_1_1_without_exactly_one_host_is_a_bad_request(head: str, reading: httpx.Client) -> None:
    status, _, rest = sent(reading, head).partition(b"\r\n")
    assert status.startswith(b"HTTP/1.1 400")
    assert b"connection: close" in rest.lower()
    if not head.startswith("HEAD"):
        problem = json.loads(rest.partition(b"\r\n\r\n")[2])
        assert problem["detail"] == "A request of HTTP/1.1 needs exactly one Host header."


@pytest.mark.parametrize(
    "head",
    [f"GET {LIST} HTTP/1.0", f"GET {LIST} HTTP/1.1\nHost: any\nConnection: close", "GET /livez HTTP/1.0"],
)
def test_other_requests_are_answered_as_before(head: str, reading: httpx.Client) -> None:
    assert sent(reading, head).partition(b"\r\n")[0].endswith(b"200 OK")
