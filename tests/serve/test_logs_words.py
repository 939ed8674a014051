"""Every run of letters and digits of a text finds it, alone and as part of a longer word."""

import doctest
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import httpx
import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from psycopg.conninfo import make_conninfo

from almanac.settings import Settings
from almanac.store.connections.database import Database
from serve.routes.logs import words
from tests.serve.log_publishing import publish_logs, store, written
from tests.serve.refusals import problem
from tests.servers import in_thread

Connection = psycopg.Connection[Any]
TRACE = "at com.example.shop.CartService.checkout(CartService.java:42)"
# What people type, with the text that it finds.
FINDS = {
    "CartService": TRACE,
    "42": TRACE,
    "CartService.java": TRACE,
    "com.example.shop.CartService.checkout(CartService.java:42)": TRACE,
    "9092": "lost kafka-0.kafka.svc:9092",
    "svc": "lost kafka-0.kafka.svc:9092",
    "kafka-0": "lost kafka-0.kafka.svc:9092",
    "node-7": "drained node-7",
    "7": "drained node-7",
    "data.db": "cannot open /var/lib/app/data.db",
    "/var/lib/app/data.db": "cannot open /var/lib/app/data.db",
    "lib/app": "cannot open /var/lib/app/data.db",
    "cart?id=8": "GET https://shop.example/api/v2/cart?id=8",
    "v2": "GET https://shop.example/api/v2/cart?id=8",
    "db7": "lost <Connection host=db7 port=5432>",
    "host=db7": "lost <Connection host=db7 port=5432>",
    "anna@mail.example": "mail of anna@mail.example bounced",
    "mail": "mail of anna@mail.example bounced",
    "user_id": "user_id→größe is x²",
    "größe": "user_id→größe is x²",
    "ОШИБКА": "«ошибка» 5%",
    "磁盘已满": "磁盘已满，请清理",
    "delta:-0.5e3": "delta:-0.5e3!",
    "blk_388": "blk_388 &amp; <b>gone</b>",
    "gone": "blk_388 &amp; <b>gone</b>",
}
HIGHLIGHTS = {
    "db7": "lost <Connection host=⟦db7⟧ port=5432>",
    "kafka-0": "lost ⟦kafka⟧-⟦0⟧.⟦kafka⟧.svc:9092",
    "gone": "blk_388 &amp; <b>⟦gone⟧</b>",
    "ОШИБКА": "«⟦ошибка⟧» 5%",
}
ANY_TEXT = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cn")), max_size=60)
# PostgreSQL finds no word in letters that its C library does not know yet.
HAS_WORDS = "SELECT numnode(phraseto_tsquery('simple', api.log_words(%s))) > 0"


@pytest.fixture(scope="module")
def owner(cluster: str, template: str) -> Iterator[Database]:
    name = f"words_{uuid4().hex[:8]}"
    with psycopg.connect(cluster, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}".encode())
    database = Database(make_conninfo(cluster, dbname=name), "owner")
    store(database, written(sorted(set(FINDS.values()))))
    publish_logs(database)
    yield database
    database.engine.dispose()


@pytest.fixture(scope="module")
def client(owner: Database) -> Iterator[httpx.Client]:
    with in_thread(Settings(database_url=owner.url)) as client:
        yield client


@pytest.fixture(scope="module")
def connection(owner: Database) -> Iterator[Connection]:
    with owner.connect() as connection:
        yield connection


def value(connection: Connection, statement: bytes, text: str) -> Any:
    [(result,)] = connection.execute(statement, [text]).fetchall()
    return result


def texts(client: httpx.Client, query: str) -> list[str]:
    rows = client.get("/v1/logs/search", params={"q": query}).json()["rows"]
    return [row["text"] for row in rows]


@pytest.mark.parametrize("query", FINDS)
def test_what_people_type_finds_the_text(client: httpx.Client, query: str) -> None:
    assert texts(client, query) == [FINDS[query]]


@pytest.mark.parametrize("query", HIGHLIGHTS)
def test_a_highlight_keeps_every_character_of_the_text(client: httpx.Client, query: str) -> None:
    [row] = client.get("/v1/logs/search", params={"q": query}).json()["rows"]
    assert row["highlight"] == HIGHLIGHTS[query]


def test_words_of_a_word_stand_side_by_side(client: httpx.Client) -> None:
    assert texts(client, "7-node") == []
    assert texts(client, '"lib var"') == []


def test_words_may_be_excluded_and_chosen_from(client: httpx.Client) -> None:
    assert texts(client, "lost -kafka-0") == ["lost <Connection host=db7 port=5432>"]
    assert sorted(texts(client, "node-7 or data.db")) == sorted({FINDS["7"], FINDS["data.db"]})


@pytest.mark.parametrize("query", ["🚀", "--", "…", '""', "_", " "])
@pytest.mark.parametrize("route", ["search", "export"])
def test_a_query_without_letter_and_digit_is_refused(client: httpx.Client, route: str, query: str) -> None:
    answer = client.get(f"/v1/logs/{route}", params={"q": query})
    assert problem(answer, 422)["errors"][0] == {
        "in": "query",
        "name": "q",
        "reason": "must hold a letter or a digit",
    }


@given(ANY_TEXT)
@settings(max_examples=100, deadline=None)
def test_every_run_of_letters_and_digits_finds_its_text(connection: Connection, text: str) -> None:
    for run in words.RUN.findall(text):
        fits = words.fitting(run).as_bytes(None).replace(b"%", b"%%")
        statement = b"SELECT to_tsvector('simple', api.log_words(%s)) @@ " + fits
        assert value(connection, statement, text) or not value(connection, HAS_WORDS.encode(), run)


@given(ANY_TEXT)
@settings(max_examples=100, deadline=None)
def test_the_database_splits_where_python_does(connection: Connection, text: str) -> None:
    runs = " ".join(words.RUN.findall(text))
    split = value(connection, b"SELECT api.log_words(%s)", text)
    assert split.split() == value(connection, b"SELECT normalize(%s, NFKC)", runs).split()


def test_the_example_in_the_docstring_holds() -> None:
    assert doctest.testmod(words).failed == 0
