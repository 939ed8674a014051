"""The page of events: empty, with batches, and while a worker works."""

import re

import pytest

from tests.events.event_driver import Bench, events


@pytest.fixture(scope="module", autouse=True)
def one_site_for_all(site):
    """Build the site once for this file."""


def test_an_empty_queue_is_shown_with_the_way_to_fill_it(site):
    text = site.client.get("/events").text
    assert "Nothing was processed in this period" in text
    assert "almanac work events" in text
    assert "No batch was processed yet" in text


def test_numbers_add_up_with_the_statistics_while_batches_arrive(browser, site):
    bench = Bench(site.publisher.database.url)
    page = browser.new_page()
    page.goto(site.address + "/events?hours=1")
    page.get_by_text("Live", exact=True).wait_for()
    bench.send(*events(30))
    bench.drain()
    cell = page.get_by_role("region", name="Newest batches").locator("tbody tr")
    cell.nth(2).wait_for(timeout=6_000)
    names, numbers = (page.locator(f".figures {part}").all_inner_texts() for part in ("dt", "dt + dd"))
    figures = dict(zip(names, numbers, strict=True))
    stats = site.client.get("/v1/events/stats?hours=1").json()
    assert figures["events"] == str(stats["batches"]["events"]) == "30"
    assert figures["batches"] == str(stats["batches"]["batches"]) == "3"
    assert cell.count() == 3
    page.close()


def test_the_cost_of_an_event_stands_beside_full_batches(site):
    bench = Bench(site.publisher.database.url)
    bench.send(*events(30))
    bench.drain()
    text = site.client.get("/events?hours=1").text
    assert re.search(r"[+-]\d+% beside full batches of 50", text)
    assert site.client.get("/events?hours=0").status_code == 422
