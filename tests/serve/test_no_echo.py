"""No input is repeated in an answer or in the log, also by plain FastAPI routes."""

import io
import logging
from collections.abc import Iterator
from typing import Annotated, Literal
from urllib.parse import parse_qsl

import httpx
import pytest
from fastapi import Body, Query, Request
from pydantic import BaseModel, Field

from almanac.settings import Settings
from serve.app import create_app
from serve.telemetry import log_lines
from tests.servers import app_in_thread

PASSWORD = "correct-horse-battery-staple"


class Login(BaseModel):
    name: Annotated[str, Field(max_length=3)]
    password: Annotated[int, Field(ge=1)]


class Cat(BaseModel):
    kind: Literal["cat"]


class Dog(BaseModel):
    kind: Literal["dog"]


@pytest.fixture
def log(monkeypatch) -> Iterator[io.StringIO]:
    """Everything that a server writes to standard error."""
    text = io.StringIO()
    monkeypatch.setattr("sys.stderr", text)
    before = logging.root.handlers[:]
    log_lines.configure(Settings(log_level="DEBUG", log_format="json"))
    yield text
    logging.root.handlers[:] = before


@pytest.fixture
def client() -> Iterator[httpx.Client]:
    """A server with routes that a later developer might write."""
    app = create_app(Settings(database_url="postgresql://localhost/none"), {})

    @app.post("/login")
    async def login(login: Login) -> dict[str, str]:
        return {"name": login.name}

    @app.post("/form")
    async def form(request: Request) -> dict[str, str]:
        return {"name": Login.model_validate(dict(parse_qsl((await request.body()).decode()))).name}

    @app.post("/counts")
    async def counts(counts: dict[str, int]) -> int:
        return len(counts)

    @app.post("/pets")
    async def pets(pet: Annotated[Cat | Dog, Body(discriminator="kind")]) -> str:
        return pet.kind

    @app.get("/search")
    async def search(login: Annotated[Login, Query()]) -> dict[str, str]:
        return {"name": login.name}

    with app_in_thread(app) as client:
        yield client


@pytest.mark.parametrize(
    ("path", "body", "errors"),
    [
        ("/login", {"name": PASSWORD, "password": PASSWORD}, ["name", "password"]),
        ("/login", {"name": "a", PASSWORD: 1}, ["password"]),
        ("/login", [PASSWORD], [None]),
        ("/counts", {PASSWORD: PASSWORD}, [None]),
        ("/pets", {"kind": PASSWORD}, [None]),
    ],
)
def test_a_json_body_of_plain_fastapi_is_refused_without_the_input(client, log, path, body, errors):
    answer = client.post(path, json=body)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert [error.get("name") for error in answer.json()["errors"]] == errors
    assert all(error["in"] == "body" and error["reason"] for error in answer.json()["errors"])
    assert PASSWORD not in answer.text + log.getvalue()


def test_broken_json_is_refused_without_the_input(client, log):
    content = f'{{"password": "{PASSWORD}'
    answer = client.post("/login", content=content, headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
    assert PASSWORD not in answer.text + log.getvalue()


def test_a_form_is_refused_without_the_input(client, log):
    answer = client.post("/form", data={"name": "a", "password": PASSWORD})
    assert (answer.status_code, answer.headers["content-type"]) == (500, "application/problem+json")
    assert PASSWORD not in answer.text + log.getvalue()


def test_a_form_sent_to_a_json_route_is_refused_without_the_input(client, log):
    answer = client.post("/login", data={"name": "a", "password": PASSWORD})
    assert answer.status_code == 422
    assert PASSWORD not in answer.text + log.getvalue()


def test_a_query_of_plain_fastapi_is_refused_without_the_input(client, log):
    answer = client.get("/search", params={"name": "a", "password": "not-a-number"})
    assert answer.json()["errors"] == [
        {
            "in": "query",
            "name": "password",
            "reason": "must be a valid integer, unable to parse string as an integer",
        }
    ]
    assert "not-a-number" not in answer.text


def test_a_traceback_names_the_place_of_an_error_without_the_input(log):
    try:
        Login.model_validate({"name": "a", "password": PASSWORD})
    except ValueError:
        logging.getLogger("almanac.serve").exception("failed")
    assert "Traceback" in log.getvalue()
    assert "it may hold input" in log.getvalue()
    assert PASSWORD not in log.getvalue()
