"""Pages as HTTP: what they show, their policy, ETag, forms, errors, files, and the executed notebooks."""

import gzip
import re

import pytest

from serve.pages import words
from serve.pages.rendering import POLICY
from serve.pages.route import as_query
from tests.stub import begin


@pytest.fixture(scope="module", autouse=True)
def one_site_for_all(site):
    """Build the site once for this file."""


def paths(site):
    return [
        "/",
        "/football",
        "/football/predictions/E0-2024-25-match-0000",
        "/football/model",
        "/football/ledger",
        "/football/runs",
        f"/football/runs/{site.run}",
        "/stub",
        "/stub/predictions/item-0000003",
        "/games",
        "/logs",
        "/events",
    ]


def test_every_page_is_html_with_the_policy_and_without_styles_in_its_elements(site):
    for path in paths(site):
        answer = site.client.get(path)
        assert answer.status_code == 200, path
        assert answer.headers["content-type"] == "text/html; charset=utf-8"
        policy = answer.headers["content-security-policy"].replace(" frame-src 'self';", "")
        assert policy == POLICY
        assert " style=" not in answer.text
        assert "JSON of this page" in answer.text


@pytest.mark.parametrize(
    ("raw", "text"),
    [(2012, "2012"), (-9999, "-9999"), (27075, "27\u202f075"), (0.5, "0.5"), (True, "yes"), (None, "–")],
)
def test_a_year_stays_in_one_piece_and_large_numbers_do_not(raw, text):
    assert words.value(raw) == text


def test_a_filter_says_once_that_it_takes_several(site):
    assert "Levels, comma separated.</small>" in site.client.get("/logs").text


def test_answers_that_are_no_pages_have_no_policy_of_pages(site):
    for path in ("/v1/workloads", "/livez"):
        policy = site.client.get(path).headers["content-security-policy"]
        assert policy == "default-src 'none'; frame-ancestors 'none'"


def test_a_page_that_has_not_changed_is_answered_304(site):
    first = site.client.get("/football/ledger")
    again = site.client.get("/football/ledger", headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.text) == (304, "")
    assert again.headers["content-security-policy"] == POLICY
    assert site.client.head("/football/ledger").headers["etag"] == first.headers["etag"]


def test_the_home_page_says_the_state_of_every_workload_in_words(site):
    text = site.client.get("/").text
    assert "5 workloads" in text
    assert text.count(">no release yet</span>") == 2
    assert text.count(">last run failed</span>") == 1
    assert text.count(">fresh</span>") == 2
    assert "#2 publish by tester" in text
    assert "succeeded" in text
    assert 'aria-label="log_loss by model version, from 1.04 to 1.01, 0 of 1 steps up"' in text


def test_what_logs_and_runs_hold_is_shown_as_text(site):
    text = site.client.get(f"/football/runs/{site.failed}").text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text
    assert "<script>alert" not in text


def test_the_table_of_a_generated_workload_is_filtered_by_the_filters_of_its_contract(site):
    page = site.client.get("/stub?min_up=0.9&word=&from=").text
    assert page.count('<th scope="row">') == 6
    assert re.search(r'<input id="f-min_up" name="min_up" type="number" step="any" value="0.9"', page)
    assert '<input id="f-from" name="from" type="date"' in page
    empty = site.client.get("/stub?word=nothing").text
    assert "No prediction fits these filters" in empty


def test_a_long_table_has_a_next_page_in_the_same_release(site):
    following = re.search(r'rel="next" href="([^"]+)"', site.client.get("/stub").text)
    assert following
    second = site.client.get(following[1].replace("&amp;", "&")).text
    assert second.count('<th scope="row">') == 10


def test_the_ledger_opens_the_site_as_of_each_release(site):
    ledger = site.client.get("/football/ledger").text
    addresses = re.findall(r'href="(/football\?as_of=[^"]+)"', ledger)
    assert len(addresses) == 2
    old = site.client.get(addresses[1]).text
    assert "You read the site as it was then" in old
    assert "You read release 1. Release 2 is live." in old
    assert old.count('<li class="match">') == 10
    # Every link of the navigation stays at the instant.
    assert re.search(r'href="/football/model\?as_of=', old)
    assert "data-live" not in old


def test_the_home_page_is_shown_as_it_was_before_the_first_release(site):
    text = site.client.get("/?as_of=2020-01-01T00:00").text
    assert text.count("no release yet") == 5
    assert "2020-01-01 00:00 UTC" in text


def test_a_run_names_its_steps_hashes_registry_and_reason(site):
    text = site.client.get(f"/football/runs/{site.run}").text
    assert re.search(r"<strong>predict</strong>.*1\.5 s", text)
    assert re.search(r"prediction hash</dt><dd><code class=\"hash\">[0-9a-f]{64}", text)
    failed = site.client.get(f"/football/runs/{site.failed}").text
    assert "Why it failed:" in failed


def test_an_executed_notebook_is_sent_in_a_sandbox(site):
    path = f"/football/runs/{site.run}/notebooks/predict"
    assert f'src="{path}"' in site.client.get(f"/football/runs/{site.run}").text
    answer = site.client.get(path)
    assert answer.text == "<h1>Predict</h1><script>alert(1)</script>"
    assert answer.headers["content-security-policy"].startswith("sandbox; default-src 'none'; ")
    assert answer.headers["content-encoding"] == "gzip"
    plain = site.client.get(path, headers={"Accept-Encoding": "identity"})
    assert plain.text == answer.text
    assert site.client.get(f"/football/runs/{site.run}/notebooks/train").status_code == 404


def test_a_page_that_cannot_be_shown_says_why_in_html(site):
    missing = site.client.get("/football/predictions/nothing")
    assert (missing.status_code, missing.headers["content-type"]) == (404, "text/html; charset=utf-8")
    assert "has no such entry" in missing.text
    unfit = site.client.get("/football?min_confidence=much&bogus=1")
    assert unfit.status_code == 422
    assert "<code>min_confidence</code>" in unfit.text
    assert "bogus" not in unfit.text
    assert "etag" not in missing.headers


def test_files_have_names_that_change_with_their_content_and_are_kept_for_ever(site):
    page = site.client.get("/").text
    files = re.findall(r'"(/static/[^"]+)"', page)
    assert {name.rsplit(".", 1)[-1] for name in files} == {"css", "js", "svg"}
    for name in files:
        assert re.search(r"\.[0-9a-f]{12}\.(css|js|svg)$", name)
        answer = site.client.get(name)
        assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
        plain = site.client.get(name, headers={"Accept-Encoding": "identity"})
        assert plain.content == answer.content
    assert site.client.get("/static/pages.css").status_code == 404
    assert site.client.get("/static/..%2fbase.html").status_code == 404


def test_a_page_with_its_files_takes_at_most_60_kb(site):
    for path in paths(site):
        page = site.client.get(path).text
        files = {name: site.client.get(name).content for name in re.findall(r'"(/static/[^"]+)"', page)}
        sizes = [len(gzip.compress(content)) for content in (page.encode(), *files.values())]
        assert sum(sizes) <= 60_000, path


def test_a_form_is_read_as_routes_read_a_query():
    assert as_query(b"league=E0&league=D1&from=&as_of=2026-11-22T06%3A00") == (
        b"league=E0%2CD1&as_of=2026-11-22T06%3A00Z"
    )
    assert as_query(b"as_of=2026-11-22") == b"as_of=2026-11-22T00%3A00%3A00Z"
    assert as_query(b"as_of=2026-11-22T06%3A00%2B02%3A00") == b"as_of=2026-11-22T06%3A00%2B02%3A00"
    assert as_query(b"") == b""


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(None, "–"), (1.25, "1.2 s"), (75, "1 min 15 s"), (3_600, "1 h"), (90_061, "1 d 1 h")],
)
def test_a_length_of_time_is_written_in_its_two_largest_units(seconds, text):
    assert words.duration(seconds) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "–"),
        (0.123456, "0.1235"),
        (15776, "15\u202f776"),
        (1234.5, "1\u202f234"),
        (True, "yes"),
        ("a", "a"),
    ],
)
def test_a_value_is_written_as_people_read_it(value, text):
    assert words.value(value) == text


def test_a_page_is_rendered_once_for_all_who_watch_until_a_run_changes(site, monkeypatch):
    from serve.pages import rendering

    renderings = []
    render = rendering.render
    monkeypatch.setattr(rendering, "render", lambda *args: renderings.append(1) or render(*args))
    with site.client.stream("GET", "/v1/live?topic=runs") as stream:
        lines = stream.iter_lines()
        while not next(lines).startswith("data: "):
            pass
        pages = {site.client.get("/stub/runs").text for _ in range(10)}
        assert len(pages) == 1
        # The clock may turn to another minute in between.
        assert len(renderings) <= 2
        run_id = begin(site.publisher.database)
        while not next(lines).startswith("data: "):
            pass
        assert run_id in site.client.get("/stub/runs").text
