"""During promotion, rollback and `as_of` reads of games, every answer shows one whole version."""

import time
from datetime import UTC, datetime
from urllib.parse import quote

import pandas as pd
import pytest

from almanac.operations import compare, promote
from almanac.project import Project
from almanac.settings import Settings
from almanac.store.connections.database import Database
from tests.games_samples import GamesPublisher, predicted, titles
from tests.serve.watching import Watch, watching
from tests.servers import as_program, in_thread, wait_for_release

WITCHER = "sample:witcher-3-wild-hunt"
LIST = f"/v1/games/catalogue/{WITCHER}/recommendations"
SEARCH = "/v1/games/search?q=witchr"
PREDICTION = f"/v1/games/predictions/{WITCHER}"


@pytest.fixture
def publisher(owner: Database) -> GamesPublisher:
    """Publishes into an empty database of its own."""
    games_publisher = GamesPublisher(owner)
    games_publisher.register(1, 2)
    return games_publisher


def listed(version: int) -> list[str]:
    """Return the titles that a version recommends after The Witcher 3."""
    row = small(version).set_index("game_id").loc[WITCHER]
    return titles(row["recommended"] or row["similar"])


def small(version: int) -> pd.DataFrame:
    """Return the predictions of version 1 (content) and 2 (blend)."""
    return predicted("content" if version == 1 else "blend")


def assert_whole(watch: Watch, runs: dict[str, int]) -> None:
    """Assert that every list belongs to the run that its answer names."""
    assert watch.failures == []
    assert watch.statuses() == {200}
    for seen in watch.answers:
        version = runs[seen.body["run"]]
        assert seen.body["model_version"] == version
        if seen.path == LIST:
            assert titles(seen.body["rows"]) == listed(version)
        if seen.path == PREDICTION:
            assert seen.body["row"]["recommended_titles"] == " · ".join(listed(version))


@pytest.mark.slow
def test_lists_change_with_a_release_and_return_with_a_rollback(publisher):
    runs = {publisher.publish(small(1), version=1): 1}
    with (
        as_program(publisher.database.url) as (client, _),
        watching(str(client.base_url), [LIST, SEARCH, PREDICTION]) as watch,
    ):
        for _ in range(2):
            runs[publisher.publish(small(2), version=2)] = 2
            time.sleep(0.3)
            release = publisher.rollback()
            wait_for_release(client, release, "games")
            assert titles(client.get(LIST).json()["rows"]) == listed(1)
            time.sleep(0.2)
    assert listed(1) != listed(2)
    assert_whole(watch, runs)
    assert {runs[seen.body["run"]] for seen in watch.answers if seen.path == LIST} == {1, 2}


class _Registry:
    """A substitute for MLflow that stores the champion's version."""

    champion = 1

    def alias(self, workload: str, alias: str) -> int:
        assert (workload, alias) == ("games", "champion")
        return self.champion

    def set_alias(self, workload: str, alias: str, version: int) -> None:
        assert (workload, alias) == ("games", "champion")
        self.champion = version


@pytest.mark.slow
def test_promoting_a_version_releases_its_stored_lists(publisher, settings):
    runs = {
        publisher.publish(small(1), version=1): 1,
        publisher.publish(small(2), version=2, is_released=False): 2,
    }
    project, registry = Project(settings), _Registry()
    project.__dict__.update({"registry": registry, "database": publisher.database})
    with (
        as_program(publisher.database.url) as (client, _),
        watching(str(client.base_url), [LIST, PREDICTION]) as watch,
    ):
        assert titles(client.get(LIST).json()["rows"]) == listed(1)
        assert titles(client.get(f"{LIST}?model_version=2").json()["rows"]) == listed(2)
        release = promote.promote(project, "games", 2, why="better lists")
        assert release
        wait_for_release(client, release, "games")
        assert titles(client.get(LIST).json()["rows"]) == listed(2)
        time.sleep(0.2)
    assert registry.champion == 2
    assert_whole(watch, runs)


@pytest.mark.slow
def test_an_instant_before_the_newer_release_is_answered_with_the_old_list(publisher):
    runs = {publisher.publish(small(1), version=1): 1}
    between = quote(datetime.now(UTC).isoformat())
    then = f"{LIST}?as_of={between}"
    with (
        as_program(publisher.database.url) as (client, _),
        watching(str(client.base_url), [LIST, then]) as watch,
    ):
        runs[publisher.publish(small(2), version=2)] = 2
        wait_for_release(client, 2, "games")
        assert titles(client.get(LIST).json()["rows"]) == listed(2)
        combined = client.post(f"/v1/games/recommendations?as_of={between}", json={"liked": [WITCHER]}).json()
        time.sleep(0.2)
    assert titles(combined["rows"]) == listed(1)
    assert_whole(watch, runs)
    looked_back = [titles(seen.body["rows"]) for seen in watch.answers if seen.path == then]
    assert len(looked_back) > 5
    assert all(recommended == listed(1) for recommended in looked_back)


@pytest.mark.slow
def test_comparing_two_versions_shows_the_changed_lists_and_changes_no_answer(publisher):
    runs = {publisher.publish(small(1), version=1): 1}
    publisher.publish(small(2), version=2, is_released=False)
    with (
        as_program(publisher.database.url) as (client, _),
        watching(str(client.base_url), [LIST, PREDICTION]) as watch,
    ):
        comparison = compare.compare(publisher.database, "games", 1, 2)
        time.sleep(0.1)
    assert_whole(watch, runs)
    words = comparison.words.set_index(["game_id", "column"])
    assert (comparison.common, comparison.only_first, comparison.only_second) == (400, 0, 0)
    assert words.loc[(WITCHER, "recommended_titles"), "before"] == " · ".join(listed(1))
    assert words.loc[(WITCHER, "recommended_titles"), "after"] == " · ".join(listed(2))


def without_sources(predictions: pd.DataFrame) -> pd.DataFrame:
    """Return predictions as older versions published them: no entry says what has brought it."""
    lists = {name: predictions[name].map(_without_by) for name in ("similar", "recommended")}
    pools = predictions["pool"].map(lambda pool: [pair[:2] for pair in pool])
    return predictions.assign(pool=pools, **lists)


def _without_by(entries: list[dict[str, object]] | None) -> list[dict[str, object]] | None:
    return entries and [{name: entry[name] for name in entry if name != "by"} for entry in entries]


@pytest.mark.parametrize(("version", "by"), [(1, "content"), (2, None)])
def test_an_older_release_is_answered_although_its_entries_do_not_say_what_has_brought_them(
    publisher: GamesPublisher, settings: Settings, version: int, by: str | None
) -> None:
    publisher.publish(without_sources(small(version)), version=version)
    with in_thread(settings) as client:
        recommended, similar = (
            client.get(f"/v1/games/catalogue/{WITCHER}/{kind}").json()["rows"]
            for kind in ("recommendations", "similar")
        )
        combined = client.post("/v1/games/recommendations", json={"liked": [WITCHER, "Portal"]}).json()
    assert titles(recommended) == listed(version)
    assert {row["by"] for row in recommended} == {row["by"] for row in combined["rows"]} == {by}
    assert {row["by"] for row in similar} == {"content"}
