"""Login of people by pages: the form, where it leads, what it refuses, and who is signed in."""

import re
from collections.abc import Iterator
from urllib.parse import quote
from uuid import uuid4

import httpx
import psycopg
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser
from psycopg.conninfo import make_conninfo

from almanac.settings import Settings
from almanac.store.connections.database import Database
from tests.serve.gate import PASSWORD, Gate, bearer, gate_on
from tests.serve.publishing import Publisher, match
from tests.servers import in_thread

BROWSER = {"Accept": "text/html,application/xhtml+xml"}
COOKIE = "almanac"
RIGHT = {"password": PASSWORD}


@pytest.fixture(scope="module")
def desk(cluster: str, template: str) -> Iterator[Gate]:
    """A server with access on, whose football has three releases."""
    name = f"login_{uuid4().hex[:8]}"
    with psycopg.connect(cluster, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}".encode())
    database = Database(make_conninfo(cluster, dbname=name), "owner")
    publisher = Publisher(database)
    for version in (1, 2, 3):
        publisher.publish([match(number, home_win=version / 10) for number in range(3)], version=version)
        publisher.register(version)
    with gate_on(database.url) as desk:
        yield desk
    database.engine.dispose()


def own_origin(desk: Gate) -> dict[str, str]:
    return BROWSER | {"Origin": str(desk.client.base_url).rstrip("/")}


def send(desk: Gate, path: str, fields: dict[str, str], **headers: str) -> httpx.Response:
    return desk.client.post(path, data=fields, headers=own_origin(desk) | headers)


def enter(desk: Gate, name: str, role: str = "viewer") -> dict[str, str]:
    """Log a user in by the form and return the headers of the browser."""
    desk.add_user(name, role)
    desk.execute("DELETE FROM almanac.rate_limits")
    desk.execute("DELETE FROM almanac.wrong_passwords")
    answer = send(desk, "/login", {"username": name, **RIGHT})
    assert answer.status_code == 303, answer.text
    desk.client.cookies.clear()
    return own_origin(desk) | {"Cookie": answer.headers["set-cookie"].partition(";")[0]}


@pytest.fixture(autouse=True)
def no_cookies_between_tests(desk: Gate) -> None:
    """Empty the cookies of the client: each test names its own."""
    desk.client.cookies.clear()


def test_a_browser_without_a_session_is_led_to_the_login_and_back(desk: Gate) -> None:
    answer = desk.client.get("/football?as_of=2030-01-01T00:00:00Z", headers=BROWSER)
    assert (answer.status_code, answer.headers["cache-control"]) == (303, "no-store")
    address = answer.headers["location"]
    assert address == f"/login?next={quote('/football?as_of=2030-01-01T00:00:00Z', safe='')}"
    page = desk.client.get(address, headers=BROWSER)
    assert (page.status_code, page.headers["cache-control"]) == (200, "no-store")
    assert 'name="next" value="/football?as_of=2030-01-01T00:00:00Z"' in page.text
    # With `no-referrer` browsers send `Origin: null`, and every form is refused.
    assert page.headers.get_list("referrer-policy") == ["same-origin"]
    desk.add_user("cleo")
    entered = send(
        desk, "/login", {"username": "cleo", "next": "/football?as_of=2030-01-01T00:00:00Z"} | RIGHT
    )
    assert entered.headers["location"] == "/football?as_of=2030-01-01T00:00:00Z"
    assert entered.headers["cache-control"] == "no-store"
    assert re.match(
        rf"{COOKIE}=almr_\S+; Max-Age=2592000; Path=/; HttpOnly; SameSite=Lax$", entered.headers["set-cookie"]
    )
    [row] = desk.execute(
        "SELECT who, outcome, detail ->> 'kind' FROM almanac.audit WHERE action = 'login' ORDER BY 1 LIMIT 1"
    )
    assert row == ("cleo", "ok", "browser")


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("/football/ledger?before=3", "/football/ledger?before=3"),
        ("//evil.example/x", "/"),
        ("/\\evil.example", "/"),
        ("/%5Cevil.example", "/%5Cevil.example"),
        ("/\t/evil.example", "/"),
        ("https://evil.example", "/"),
        ("javascript:alert(1)", "/"),
        ("evil", "/"),
        ("/login?next=/login", "/"),
        ("/a\r\nSet-Cookie: x=y", "/"),
        ("/" + "a" * 1_000, "/"),
    ],
)
def test_the_login_leads_to_pages_of_this_server_alone(desk: Gate, text: str, target: str) -> None:
    desk.add_user("cleo")
    desk.execute("DELETE FROM almanac.rate_limits")
    answer = send(desk, "/login", {"username": "cleo", "next": text} | RIGHT)
    assert (answer.status_code, answer.headers["location"]) == (303, target)
    page = desk.client.get(f"/login?next={quote(text)}", headers=BROWSER).text
    assert f'name="next" value="{target}"' in page


def test_programs_get_the_refusal_itself(desk: Gate) -> None:
    assert desk.client.get("/football").status_code == 401
    assert desk.client.get("/football", headers=BROWSER | bearer("nonsense")).status_code == 401
    assert desk.client.get("/v1/football/predictions", headers=BROWSER).status_code == 401


def test_a_wrong_password_an_unknown_name_and_a_disabled_user_are_answered_alike(desk: Gate) -> None:
    desk.add_user("dora")
    desk.add_user("off")
    desk.execute("UPDATE almanac.users SET disabled_at = now() WHERE name = 'off'")
    tries = [("dora", "wrong words of mine"), ("nobody-here", "wrong words of mine"), ("off", PASSWORD)]
    texts = set()
    for name, password in tries:
        answer = send(desk, "/login", {"username": name, "password": password, "next": "/football"})
        assert (answer.status_code, answer.headers["cache-control"]) == (401, "no-store")
        assert "set-cookie" not in answer.headers
        assert password not in answer.text
        assert f'name="username" value="{name}"' in answer.text
        texts.add(answer.text.replace(name, "NAME"))
    [text] = texts
    assert "User name or password is wrong." in text
    assert "an admin may have disabled this user" in text
    assert 'name="next" value="/football"' in text
    refused = desk.execute(
        "SELECT count(*) FROM almanac.audit WHERE action = 'login' AND outcome = 'refused'"
    )
    assert refused == [(3,)]


def test_the_limit_of_logins_is_said_on_the_page(desk: Gate) -> None:
    desk.add_user("erik")
    tries = (send(desk, "/login", {"username": "erik", "password": "wrong words"}) for _ in range(12))
    answer = next(each for each in tries if each.status_code != 401)
    assert answer.status_code == 429
    assert int(answer.headers["retry-after"]) >= 1
    assert re.search(r'role="alert">[^<]* Try again after \d+ s', answer.text)
    assert 'name="username" value="erik"' in answer.text
    desk.execute("DELETE FROM almanac.wrong_passwords")


def test_what_is_no_form_of_this_server_is_refused(desk: Gate) -> None:
    desk.add_user("cleo")
    fields = {"username": "cleo", **RIGHT}
    for headers in ({"Origin": "https://evil.example"}, {"Origin": "null"}):
        answer = send(desk, "/login", fields, **headers)
        assert (answer.status_code, "set-cookie" in answer.headers) == (403, False)
    without = desk.client.post("/login", data=fields, headers=BROWSER)
    assert (without.status_code, "set-cookie" in without.headers) == (403, False)
    assert desk.client.post("/login", json=fields, headers=own_origin(desk)).status_code == 415
    assert send(desk, "/login", {"username": "x" * 17_000}).status_code == 413
    assert send(desk, "/login", {"username": "x" * 300, **RIGHT}).status_code == 422
    assert send(desk, "/login", fields | {"cookie": "true"}).status_code == 422
    twice = b"username=cleo&username=root&password=x"
    headers = own_origin(desk) | {"Content-Type": "application/x-www-form-urlencoded"}
    assert desk.client.post("/login", content=twice, headers=headers).status_code == 400


def test_every_page_says_who_is_signed_in_and_ends_the_session(desk: Gate) -> None:
    frida, gina = enter(desk, "frida"), enter(desk, "gina", "operator")
    for headers, name, role in ((frida, "frida", "viewer"), (gina, "gina", "operator")):
        answer = desk.client.get("/football/ledger", headers=headers)
        assert answer.headers["cache-control"] == "private, no-cache"
        assert f'<span>{name} <span class="quiet">{role}</span></span>' in answer.text
    foreign = desk.client.post("/logout", headers=frida | {"Origin": "https://evil.example"})
    assert foreign.status_code == 403
    assert desk.client.get("/", headers=frida).status_code == 200
    ended = desk.client.post("/logout", headers=frida)
    assert (ended.status_code, ended.headers["location"]) == (303, "/login")
    assert ended.headers["set-cookie"].startswith(f"{COOKIE}=; Max-Age=0;")
    assert desk.client.get("/", headers=frida).status_code == 303
    assert desk.client.post("/logout", headers=frida).headers["location"] == "/login"
    assert desk.client.get("/", headers=gina).status_code == 200


def test_without_access_control_there_is_no_login(desk: Gate) -> None:
    with in_thread(Settings(database_url=desk.url)) as client:
        assert client.get("/login", headers=BROWSER).status_code == 404
        assert client.post("/logout", headers=BROWSER).status_code == 404
        page = client.get("/football", headers=BROWSER)
        assert page.status_code == 200
        assert 'class="reader"' not in page.text


def test_whoever_reads_without_a_session_where_all_may_read_is_offered_the_login(desk: Gate) -> None:
    with gate_on(desk.url, public_read=True, root_path="/almanac") as public:
        page = public.client.get("/football", headers=BROWSER)
        assert page.status_code == 200
        assert '<a href="/almanac/login?next=%2Ffootball">Log in</a>' in page.text
        assert 'action="/almanac/login"' in public.client.get("/login", headers=BROWSER).text
        entered = send(public, "/login", {"username": "cleo", "next": "/football"} | RIGHT)
        assert entered.headers["location"] == "/almanac/football"


def test_a_user_sees_and_ends_sessions_and_none_of_another(desk: Gate) -> None:
    here, there, gina = enter(desk, "hanna"), enter(desk, "hanna"), enter(desk, "gina", "operator")
    page = desk.client.get("/sessions", headers=here)
    assert (page.status_code, page.headers["cache-control"], "etag" in page.headers) == (
        200,
        "no-store",
        False,
    )
    ids = re.findall(r'action="/sessions/([0-9a-f-]{36})"', page.text)
    assert len(ids) == 2
    [current] = re.findall(
        r'action="/sessions/([0-9a-f-]{36})"><button class="small">End this session', page.text
    )
    [other] = set(ids) - {current}
    assert desk.client.post(f"/sessions/{other}", headers=gina).status_code == 404
    assert (
        desk.client.post(f"/sessions/{other}", headers=here | {"Origin": "https://evil.example"}).status_code
        == 403
    )
    assert desk.client.get("/", headers=there).status_code == 200
    ended = desk.client.post(f"/sessions/{other}", headers=here)
    assert (ended.status_code, ended.headers["location"]) == (303, "/sessions")
    assert desk.client.get("/", headers=there).status_code == 303
    own = desk.client.post(f"/sessions/{current}", headers=here)
    assert (own.headers["location"], own.headers["set-cookie"][:9]) == ("/login", "almanac=;")
    assert desk.client.get("/sessions", headers=here).headers["location"] == "/login?next=%2Fsessions"
    rows = desk.execute("SELECT subject FROM almanac.audit WHERE action = 'session_end' AND who = 'hanna'")
    assert {row[0] for row in rows} == {other, current}


def test_a_user_ends_all_sessions_and_a_key_has_none(desk: Gate) -> None:
    here, there = enter(desk, "ida"), enter(desk, "ida")
    assert desk.client.post("/sessions", headers=here).headers["location"] == "/login"
    assert [desk.client.get("/", headers=each).status_code for each in (here, there)] == [303, 303]
    refused = desk.client.get("/sessions", headers=desk.key("read"))
    assert (refused.status_code, "A key has no sessions" in refused.text) == (403, True)


def test_an_operator_rolls_back_resumes_and_promotes_from_the_ledger(desk: Gate) -> None:
    gina, cleo = enter(desk, "gina", "operator"), enter(desk, "cleo")
    runs = [row[0] for row in desk.execute("SELECT run_id FROM almanac.releases ORDER BY release_id")]

    def ledger() -> str:
        return desk.client.get("/football/ledger", headers=gina).text

    assert 'action="/football/rollback"' in ledger()
    assert 'action="/football/resume"' not in ledger()
    assert "Change what answers" not in desk.client.get("/football/ledger", headers=cleo).text
    orders = [
        ("rollback", {"run": "", "why": "chances <b>are</b> wrong"}),
        ("resume", {"why": "right again"}),
        ("rollback", {"run": runs[0], "why": "further back"}),
        ("promote", {"model_version": "3", "why": "steadier"}),
    ]
    for action, fields in orders:
        answer = desk.client.post(f"/football/{action}", data=fields, headers=gina)
        assert (answer.status_code, answer.headers["location"]) == (303, "/football/ledger"), answer.text
        assert ('action="/football/resume"' in ledger()) is (action == "rollback")
    written = desk.execute("SELECT kind, who, why FROM almanac.releases ORDER BY release_id OFFSET 3")
    assert [(kind, who, str(why).rpartition(": ")[2]) for kind, who, why in written] == [
        ("rollback", "gina", "chances <b>are</b> wrong"),
        ("rollback", "gina", "further back"),
        ("promote", "gina", "steadier"),
    ]
    assert "chances &lt;b&gt;are&lt;/b&gt; wrong" in ledger()
    query = "SELECT detail ->> 'why' FROM almanac.audit WHERE action IN ('rollback', 'resume', 'promote')"
    assert {row[0] for row in desk.execute(query)} == {fields["why"] for _, fields in orders}


def test_an_order_that_may_not_be_changes_nothing(desk: Gate) -> None:
    gina, cleo = enter(desk, "gina", "operator"), enter(desk, "cleo")
    before = desk.execute("SELECT count(*) FROM almanac.releases")
    fields = {"why": "x"}
    foreign = gina | {"Origin": "https://evil.example"}
    tries = [
        (cleo, "rollback", fields, 403),
        (foreign, "rollback", fields, 403),
        (BROWSER, "rollback", fields, 303),
        (gina, "rollback", {"why": " "}, 422),
        (gina, "rollback", {"why": "x", "run": "20250415t060000-00000000"}, 404),
        (gina, "promote", {"why": "x", "model_version": "9"}, 404),
        (gina, "promote", {"why": "x", "model_version": "one"}, 422),
        (gina, "promote", {"why": "x"}, 422),
        (gina, "resume", {"why": "x", "who": "somebody else"}, 422),
    ]
    for headers, action, sent, status in tries:
        answer = desk.client.post(f"/football/{action}", data=sent, headers=headers)
        assert (action, sent, answer.status_code) == (action, sent, status)
        assert status == 303 or answer.headers["content-type"].startswith("text/html")
    assert desk.execute("SELECT count(*) FROM almanac.releases") == before


def test_the_login_and_the_forms_of_operators_work_in_a_browser_without_script(
    desk: Gate, browser: Browser
) -> None:
    desk.add_user("gina", "operator")
    desk.execute("DELETE FROM almanac.rate_limits")
    home = str(desk.client.base_url).rstrip("/")
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{home}/football/ledger")
    assert page.url == f"{home}/login?next=%2Ffootball%2Fledger"
    page.get_by_label("User name").fill("gina")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    assert page.url == f"{home}/football/ledger"
    form = page.locator('form[action="/football/rollback"]')
    form.get_by_label("Why").fill("seen in a browser")
    form.get_by_role("button", name="Roll back").click()
    assert page.url == f"{home}/football/ledger"
    assert "seen in a browser" in page.locator("tbody tr").first.inner_text()
    page.get_by_role("button", name="Log out").click()
    assert page.url == f"{home}/login"
    page.goto(f"{home}/sessions")
    assert page.url == f"{home}/login?next=%2Fsessions"
    context.close()


@pytest.mark.parametrize("path", ["/login", "/sessions", "/football/ledger"])
def test_a_page_of_access_breaks_no_rule_in_either_scheme_nor_at_any_width(
    desk: Gate, browser: Browser, path: str
) -> None:
    name, _, value = enter(desk, "gina", "operator")["Cookie"].partition("=")
    for scheme in ("light", "dark"):
        context = browser.new_context(color_scheme=scheme)
        context.add_cookies([{"name": name, "value": value, "url": str(desk.client.base_url)}])
        page = context.new_page()
        messages: list[str] = []
        page.on("console", lambda message, messages=messages: messages.append(message.text))
        page.goto(f"{str(desk.client.base_url).rstrip('/')}{path}")
        violations = Axe().run(page).response["violations"]
        assert [(each["id"], [node["html"] for node in each["nodes"]]) for each in violations] == []
        for width in (390, 768, 1280):
            page.set_viewport_size({"width": width, "height": 800})
            assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert messages == []
        context.close()
