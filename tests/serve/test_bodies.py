"""Request bodies: strict parsing, size limits, permission to write, and no echo of the input."""

import gzip
import json
import socket
from codecs import BOM_UTF8
from collections.abc import Iterator
from itertools import pairwise
from types import SimpleNamespace
from typing import Annotated

import httpx
import pytest
from fastapi import APIRouter, Depends
from starlette.responses import Response

from almanac.fields import Instant, Json, StrictModel, Text
from almanac.settings import Settings
from serve import routes
from serve.answers import responses
from serve.http.documented import Other, answers
from serve.http.origins import own_origin
from serve.http.request_bodies import BadItem, body
from serve.http.route import Route
from tests.serve.refusals import problem
from tests.servers import in_thread
from tests.stub import STUB

NOTE = {"name": "a", "weight": 1.5, "at": "2025-04-18T06:00:00Z", "more": {"x": [1, 2]}}
DEEP = b"[" * 300 + b"]" * 300


class Note(StrictModel):
    """The request body of the routes in these tests."""

    name: Text
    weight: float
    at: Instant
    more: Json = None


reading = APIRouter(prefix="/v1/stub", route_class=Route)
writing = APIRouter(prefix="/v1/stub", route_class=Route, dependencies=[Depends(own_origin)])
ANY = answers({}, {})
LIST = answers({"type": "array"}, [], 503, others={202: Other("Accepted", {"type": "array"}, ["a"])})


@reading.post("/ask", **ANY)
async def ask(note: Annotated[Note, body(Note, NOTE)]) -> Response:
    return name_and_instant(note)


@reading.get("/notes", **ANY)
async def list_notes() -> Response:
    return responses.fresh(b"[]")


@writing.post("/notes", **ANY)
async def store(note: Annotated[Note, body(Note, NOTE, gzip=True, limit_bytes=2_000)]) -> Response:
    return name_and_instant(note)


@writing.post("/notes/bulk", **LIST)
async def store_many(
    notes: Annotated[
        list[Note | BadItem], body(Note, [NOTE], most_items=3, limit_bytes=2_000_000, gzip=True)
    ],
) -> Response:
    results = [list(note.errors) if isinstance(note, BadItem) else note.name for note in notes]
    return responses.fresh(json.dumps(results).encode(), status=202)


def name_and_instant(note: Note) -> Response:
    return responses.fresh(json.dumps({"name": note.name, "at": note.at.isoformat()}).encode())


STUB_ROUTES = SimpleNamespace(routers=[reading], intake_routers=[writing], EXAMPLE={"item": "item-0000003"})


@pytest.fixture(scope="module")
def monkey() -> Iterator[pytest.MonkeyPatch]:
    with pytest.MonkeyPatch.context() as patch:
        yield patch


@pytest.fixture(scope="module")
def intake(published, monkey) -> Iterator[httpx.Client]:
    """A server that takes in notes, under the loopback and under one name."""
    monkey.setattr(routes, "_module", lambda workload: STUB_ROUTES)
    settings = Settings(
        database_url=published.database.url,
        ingest=True,
        allowed_hosts="almanac.example.org, other.example.org",
    )
    with in_thread(settings, {"stub": STUB}) as client:
        yield client


@pytest.fixture(scope="module")
def closed(published, monkey) -> Iterator[httpx.Client]:
    """The same server without ALMANAC_INGEST."""
    monkey.setattr(routes, "_module", lambda workload: STUB_ROUTES)
    with in_thread(Settings(database_url=published.database.url), {"stub": STUB}) as client:
        yield client


def post(
    client: httpx.Client, content: bytes, path: str = "/v1/stub/notes", **headers: str
) -> httpx.Response:
    all_headers = {"Content-Type": "application/json"} | {
        name.replace("_", "-"): value for name, value in headers.items()
    }
    sent_headers = {name: value for name, value in all_headers.items() if value}
    return client.post(path, content=content, headers=sent_headers)


def test_a_valid_body_is_read(intake):
    answer = post(intake, json.dumps(NOTE).encode())
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store")
    assert answer.json() == {"name": "a", "at": "2025-04-18T06:00:00+00:00"}


def test_writing_routes_exist_only_if_ingest_is_enabled(closed):
    assert post(closed, json.dumps(NOTE).encode(), "/v1/stub/ask").status_code == 200
    answer = post(closed, json.dumps(NOTE).encode())
    problem(answer, 405)
    assert answer.headers["allow"] == "GET, HEAD"
    assert "post" not in closed.get("/openapi.json").json()["paths"]["/v1/stub/notes"]
    problem(post(closed, b"[]", "/v1/stub/notes/bulk"), 404)


def test_allow_lists_the_methods_of_all_routes_of_a_path(intake):
    answer = intake.put("/v1/stub/notes")
    problem(answer, 405)
    assert answer.headers["allow"] == "GET, HEAD, POST"


@pytest.mark.parametrize(
    "kind",
    [
        "",
        "text/plain",
        "application/xml",
        "application/json; charset=latin-1",
        "application/x-ndjson",
        "json",
    ],
)
def test_an_unsupported_content_type_is_415_and_names_the_supported_ones(intake, kind):
    answer = post(intake, json.dumps(NOTE).encode(), Content_Type=kind)
    problem(answer, 415)
    assert answer.headers["accept"] == "application/json"


def test_the_content_type_may_name_utf_8(intake):
    assert (
        post(intake, json.dumps(NOTE).encode(), Content_Type='Application/JSON; charset="UTF-8"').status_code
        == 200
    )


@pytest.mark.parametrize(
    "sent",
    [
        b"", b"{", b"NaN", b'{"weight": Infinity}', b'{"name": "\\ud800"}', b'{"name": "\xff"}',
        b'{"name": "\x00"}', DEEP, b"[1] 2",
        b"\xef\xbb\xbf{}", b"1" * 1_900, b"9" * 5_000,
    ],
    ids=[
        "empty", "open", "nan", "infinity", "surrogate", "bytes",
        "nul", "deep", "more", "mark", "long", "longer",
    ],
)  # fmt: skip
def test_invalid_json_is_refused_and_not_repeated(intake, sent):
    answer = post(intake, sent)
    assert answer.status_code in (400, 413, 422)
    document = problem(answer, answer.status_code)
    assert "name" not in document
    assert len(answer.content) < 400


@pytest.mark.parametrize(
    ("member", "reason"),
    [
        ({"weight": "1"}, {"name": "weight", "reason": "must be a valid number"}),
        ({"weight": True}, {"name": "weight", "reason": "must be a valid number"}),
        ({"name": 5}, {"name": "name", "reason": "must be a valid string"}),
        ({"name": "x\0"}, {"name": "name", "reason": "must not contain NUL"}),
        (
            {"at": "yesterday"},
            {"name": "at", "reason": "must be an instant with its offset, for example 2025-04-18T06:00:00Z"},
        ),
        (
            {"at": 1745000000},
            {"name": "at", "reason": "must be an instant with its offset, for example 2025-04-18T06:00:00Z"},
        ),
        (
            {"at": "2025-04-18T06:00:00"},
            {"name": "at", "reason": "must be an instant with its offset, for example 2025-04-18T06:00:00Z"},
        ),
        ({"more": {"x": ["\0"]}}, {"name": "more", "reason": "must hold finite numbers and no NUL"}),
        ({"more": {"\0": 1}}, {"name": "more", "reason": "must hold finite numbers and no NUL"}),
        (
            {"<script>": 1},
            {"reason": "has a member that is not known", "known": ["at", "more", "name", "weight"]},
        ),
    ],
)
def test_an_invalid_member_is_named_with_the_reason(intake, member, reason):
    document = problem(post(intake, json.dumps(NOTE | member).encode()), 422)
    assert document["errors"] == [{"in": "body", **reason}]


@pytest.mark.parametrize("number", ["1e999", "-1e999", "9" * 400 + ".0"])
def test_a_number_that_overflows_is_refused_at_any_depth(intake, number):
    for text in (
        f'{{"name":"a","at":"2025-04-18T06:00:00Z","weight":1,"more":[{number}]}}',
        f'{{"name":"a","weight":{number}}}',
    ):
        problem(post(intake, text.encode()), 422)


def test_an_escaped_backslash_before_u0000_is_not_nul(intake):
    assert post(intake, json.dumps(NOTE | {"more": "\\u0000"}).encode()).status_code == 200


def test_an_empty_object_is_refused_with_the_names_of_its_missing_members(intake):
    document = problem(post(intake, b"{}"), 422)
    assert [(wrong["name"], wrong["reason"]) for wrong in document["errors"]] == [
        (name, "Field required") for name in ("name", "weight", "at")
    ]


def test_a_gzip_body_is_accepted_only_by_routes_that_allow_it(intake):
    packed = gzip.compress(json.dumps(NOTE).encode())
    assert post(intake, packed, Content_Encoding="gzip").status_code == 200
    assert post(intake, packed[:20], Content_Encoding="gzip").status_code == 400
    assert post(intake, packed + b"x", Content_Encoding="gzip").status_code == 400
    assert post(intake, b"{}", Content_Encoding="gzip").status_code == 400
    assert post(intake, b"", Content_Encoding="gzip").status_code == 400
    assert post(intake, packed, "/v1/stub/ask", Content_Encoding="gzip").status_code == 415
    assert post(intake, packed, Content_Encoding="br").status_code == 415


@pytest.mark.parametrize(
    "cuts", [(), (1,), (10, 20), (0,), (5, 5, 30)], ids=["one", "two", "three", "an empty one", "several"]
)
@pytest.mark.parametrize("padding", [b"", b"\0" * 600])
def test_a_gzip_of_several_members_is_read_as_one(intake, cuts, padding):
    text = json.dumps(NOTE).encode()
    places = (0, *cuts, len(text))
    packed = b"".join(gzip.compress(text[begin:end]) for begin, end in pairwise(places)) + padding
    assert post(intake, packed, Content_Encoding="gzip").status_code == 200
    chunks = [packed[place : place + 7] for place in range(0, len(packed), 7)]
    headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    assert intake.post("/v1/stub/notes", content=iter(chunks), headers=headers).status_code == 200


def test_a_gzip_of_several_members_is_refused_where_one_is_cut_or_the_whole_is_too_long(intake):
    first, second = (gzip.compress(part) for part in (b'{"name":', b'"a"}'))
    assert post(intake, first + second[:-3], Content_Encoding="gzip").status_code == 400
    assert post(intake, first + b"\0\0x", Content_Encoding="gzip").status_code == 400
    problem(post(intake, gzip.compress(b" " * 1_001) * 2, Content_Encoding="gzip"), 413)
    problem(post(intake, gzip.compress(b" " * 10) * 1_000, Content_Encoding="gzip"), 413)


@pytest.mark.parametrize("kind", ["application/json", "application/x-ndjson"])
def test_a_byte_order_mark_before_json_is_ignored(intake, kind):
    body = BOM_UTF8 + json.dumps(NOTE).encode()
    path = "/v1/stub/notes" if kind == "application/json" else "/v1/stub/notes/bulk"
    answer = post(intake, body + b"\n", path, Content_Type=kind)
    assert answer.status_code in (200, 202)
    assert "errors" not in answer.text
    problem(post(intake, BOM_UTF8, "/v1/stub/notes"), 400)


@pytest.mark.parametrize(
    "text",
    [
        "2025-04-18t06:00:00z",
        "2025-04-18T06:00:00z",
        "2025-04-18t08:00:00+02:00",
        "2025-04-18 06:00:00Z",
        "2025-04-18t06:00:00.000000000z",
    ],
)
def test_an_instant_may_be_written_with_small_letters(intake, text):
    answer = post(intake, json.dumps(NOTE | {"at": text}).encode())
    assert answer.json()["at"] == "2025-04-18T06:00:00+00:00"


def test_size_limits_apply_to_the_decompressed_body(intake):
    for size in (3_000, 10_000_000):
        packed = gzip.compress(b" " * size)
        problem(post(intake, packed, Content_Encoding="gzip"), 413)
    problem(post(intake, b" " * 2_001), 413)
    assert post(intake, b" " * (2_000 - len(json.dumps(NOTE))) + json.dumps(NOTE).encode()).status_code == 200


def test_the_size_limit_applies_to_a_chunked_body(intake):
    answer = intake.post(
        "/v1/stub/notes", content=iter([b" " * 1_000] * 3), headers={"Content-Type": "application/json"}
    )
    problem(answer, 413)
    whole = intake.post(
        "/v1/stub/notes",
        content=iter([json.dumps(NOTE).encode()]),
        headers={"Content-Type": "application/json"},
    )
    assert whole.status_code == 200


def test_the_limit_of_the_settings_applies_to_routes_without_their_own(intake):
    problem(post(intake, b" " * 1_048_577, "/v1/stub/ask"), 413)
    problem(post(intake, b" " * 2_000_001, "/v1/stub/notes/bulk"), 413)


def test_a_body_that_never_arrives_is_408(intake, monkeypatch):
    monkeypatch.setattr("serve.http.request_bodies.BODY_SECONDS", 0.2)
    head = (
        b"POST /v1/stub/notes HTTP/1.1\r\nHost: localhost\r\n"
        b"Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{"
    )
    with socket.create_connection(("127.0.0.1", intake.base_url.port), timeout=5) as line:
        line.sendall(head)
        assert line.recv(65536).startswith(b"HTTP/1.1 408 ")


def test_each_item_of_a_list_is_validated_by_itself(intake):
    sent = [NOTE, NOTE | {"weight": None}, 7]
    answer = post(intake, json.dumps(sent).encode(), "/v1/stub/notes/bulk")
    assert answer.status_code == 202
    first, second, third = answer.json()
    assert first == "a"
    assert second == [{"in": "body", "name": "weight", "reason": "must be a valid number"}]
    assert third == [{"in": "body", "reason": "must be an object"}]


def test_lines_of_json_are_read_one_by_one(intake):
    lines = json.dumps(NOTE).encode() + b"\r\n\n{broken\n"
    first, second = post(intake, lines, "/v1/stub/notes/bulk", Content_Type="application/x-ndjson").json()
    assert first == "a"
    assert second[0]["reason"].startswith("must be JSON in UTF-8")


def test_a_body_that_is_not_a_list_or_is_too_long_is_refused_whole(intake):
    assert post(intake, b"[]", "/v1/stub/notes/bulk").json() == []
    assert problem(post(intake, b"{}", "/v1/stub/notes/bulk"), 422)["errors"] == [
        {"in": "body", "reason": "must be an array"}
    ]
    problem(post(intake, json.dumps([NOTE] * 4).encode(), "/v1/stub/notes/bulk"), 413)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "almanac.example.org"}, 200),
        ({"Host": "OTHER.example.org:8000"}, 200),
        ({"Host": "[::1]:8000"}, 200),
        ({"Host": "evil.example.com"}, 403),
        ({"Host": "localhost.evil.example.com"}, 403),
        ({"Host": "[broken"}, 403),
        ({"Host": "localhost:8000", "Origin": "http://localhost:8000"}, 200),
        ({"Host": "localhost:8000", "Origin": "http://localhost:9000"}, 403),
        ({"Origin": "https://evil.example.com"}, 403),
        ({"Origin": "null"}, 403),
    ],
)
def test_writing_requires_an_allowed_host_and_no_foreign_origin(intake, headers, status):
    content = json.dumps(NOTE).encode()
    assert post(intake, content, **headers).status_code == status
    assert post(intake, content, "/v1/stub/ask", **headers).status_code == 200


def test_the_documentation_describes_body_answers_and_refusals(intake):
    operation = intake.get("/openapi.json").json()["paths"]["/v1/stub/notes/bulk"]["post"]
    assert set(operation["requestBody"]["content"]) == {"application/json", "application/x-ndjson"}
    assert set(operation["responses"]) == {
        "200",
        "202",
        "400",
        "403",
        "408",
        "413",
        "414",
        "415",
        "422",
        "431",
        "503",
    }
    assert operation["operationId"] == "post_v1_stub_notes_bulk"
