"""Pages in a real browser: rules of access, three widths, both schemes, without script, and live."""

import pytest
from axe_playwright_python.sync_playwright import Axe

from tests.serve.publishing import match
from tests.servers import wait_until

WIDTHS = (390, 768, 1280)
PAGES = {
    "home": "/",
    "football": "/football",
    "picks": "/football/picks",
    "results": "/football/results",
    "quality": "/football/quality",
    "club": "/football/teams/Ashford",
    "table": "/football/predictions",
    "generated": "/stub",
    "prediction": "/football/predictions/E0-2024-25-match-0000",
    "model": "/football/model",
    "ledger": "/football/ledger",
    "runs": "/football/runs",
    "run": "/football/runs/{run}",
    "failed run": "/football/runs/{failed}",
    "games": "/games",
    "liked": "/games?liked=sample%3Awitcher-3-wild-hunt&q=halo",
    "game": "/games/sample%3Awitcher-3-wild-hunt",
    "events": "/events",
    "unreleased": "/logs/predictions",
    "refusal": "/football/predictions/nothing",
    "as of": "/stub?as_of=2030-01-01T00:00",
}


@pytest.fixture(scope="module", autouse=True)
def one_browser_for_all(site, browser):
    """Start browser and site once for this file."""


def address(site, name):
    return site.address + PAGES[name].format(run=site.run, failed=site.failed)


@pytest.mark.parametrize("name", PAGES)
def test_a_page_breaks_no_rule_in_either_scheme_nor_at_any_width(browser, site, name):
    for scheme in ("light", "dark"):
        context = browser.new_context(color_scheme=scheme)
        page = context.new_page()
        messages, foreign = [], []
        page.on("console", lambda message, messages=messages: messages.append(message.text))
        page.on("pageerror", lambda error, messages=messages: messages.append(str(error)))
        page.on(
            "request",
            lambda request, foreign=foreign: (
                None if request.url.startswith(site.address) else foreign.append(request.url)
            ),
        )
        page.goto(address(site, name))
        violations = Axe().run(page).response["violations"]
        assert [(each["id"], [node["html"] for node in each["nodes"]]) for each in violations] == []
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 800})
            assert page.evaluate("document.documentElement.scrollWidth") <= width
        expected = ["404"] if name == "refusal" else []
        assert [message for message in messages if not any(word in message for word in expected)] == []
        assert foreign == []
        context.close()


@pytest.mark.parametrize("name", ["home", "generated", "ledger", "run"])
def test_a_page_says_the_same_without_script(browser, site, name):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(address(site, name))
    assert page.locator("h1").inner_text()
    assert not page.locator(".live").is_visible()
    assert page.locator("main section").count() >= 1
    context.close()


def test_filters_work_by_keyboard_and_stay_in_the_address(browser, site):
    page = browser.new_page()
    page.goto(address(site, "generated"))
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.get_by_label("min up").focus()
    page.keyboard.type("0.9")
    page.keyboard.press("Enter")
    page.wait_for_url("**/stub?*min_up=0.9*")
    assert page.locator("tbody tr").count() == 6
    page.get_by_role("link", name="Clear").click()
    assert page.locator("tbody tr").count() == 50
    page.close()


def test_a_release_appears_while_the_page_is_open_unless_it_is_paused(browser, site):
    page = browser.new_page()
    page.goto(address(site, "ledger"))
    page.get_by_text("Live", exact=True).wait_for()
    rows = page.locator("tbody tr")
    before = rows.count()
    wait_until(lambda: site.client.get("/metrics").text.count('almanac_live_streams{topic="release"} 0') == 0)
    site.publisher.publish([match(number) for number in range(12)], version=2)
    page.locator("tbody tr").nth(before).wait_for(timeout=3_000)
    page.get_by_role("button", name="Pause").click()
    site.publisher.publish([match(number) for number in range(12)], version=2)
    page.get_by_text("new since you paused").wait_for(timeout=3_000)
    assert rows.count() == before + 1
    page.get_by_role("button", name="Resume").click()
    page.locator("tbody tr").nth(before + 1).wait_for(timeout=3_000)
    page.close()


def test_the_page_says_that_the_connection_is_lost_and_comes_back(browser, site):
    context = browser.new_context()
    page = context.new_page()
    page.route("**/v1/live*", lambda route: route.abort())
    page.goto(address(site, "home"))
    page.get_by_text("Connection lost").wait_for(timeout=5_000)
    page.unroute("**/v1/live*")
    page.get_by_text("Live", exact=True).wait_for(timeout=10_000)
    context.close()
