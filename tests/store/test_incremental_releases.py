"""Releases of an incremental workload: each names all runs of its version, and none has gaps."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from almanac import discovery
from almanac.errors import UsageError
from almanac.operations import compare, promote
from almanac.store.connections.database import Database
from almanac.store.publishing import prune
from almanac.store.records import ledger, releases, runs, versions
from tests import stub
from tests.queries import change, one, rows, within
from tests.store.incremental_workload import DIARY, live, live_rows, release, write

pytestmark = pytest.mark.usefixtures("diary_tables")
VERSION = {
    "workload": "diary",
    "version": 1,
    "mlflow_run_id": "m",
    "artifact_hash": "a",
    "data_hash": "d",
    "recipe_hash": "r",
    "trained_until": "2025-04-15",
}
LACKING = (
    r"Version 1 of 'diary' has predicted the entries up to number 1, release \d+ those up to 2; "
    r".*almanac promote diary 1"
)
COUNT_OF_RUN = "SELECT count(*) FROM almanac.diary_predictions WHERE run_id = :run"
SET_COVERED = "UPDATE almanac.runs SET covered_until = 99 WHERE run_id = :run"
SET_PRUNED = "UPDATE almanac.runs SET pruned_at = now() WHERE run_id = :run"
LATER = datetime.now(UTC) + DIARY.retention + timedelta(hours=1)


def test_each_run_predicts_only_new_entries_and_the_release_names_all_runs(
    owner: Database, reader: Database, no_absorbing: None
) -> None:
    write(owner, ["a", "b"])
    first = release(owner)
    write(owner, ["c"])
    second = release(owner)
    assert (live(owner)["run_id"], live(owner)["run_ids"]) == (second, [first, second])
    assert live_rows(reader) == [(1, "glad", 0.25), (2, "sad", 0.25), (3, "calm", 0.25)]
    write(owner, ["d"])
    release(owner)
    assert [number for number, *_ in live_rows(reader)] == [1, 2, 3, 4]
    assert rows(owner, "SELECT rows, covered_until FROM almanac.runs ORDER BY started_at") == [
        (2, 2),
        (1, 3),
        (1, 4),
    ]
    assert within(owner, runs.get, second)["model_version"] == 1


def test_a_run_without_new_entries_is_released(owner: Database, reader: Database) -> None:
    release(owner)
    assert live_rows(reader) == []
    write(owner, ["a"])
    release(owner)
    empty = release(owner)
    assert live(owner)["run_ids"] == [empty]
    assert live_rows(reader) == [(1, "glad", 0.25)]


def test_a_new_version_predicts_all_entries_and_both_versions_can_be_read(
    owner: Database, reader: Database
) -> None:
    write(owner, ["a", "b"])
    first = release(owner)
    write(owner, ["c"])
    second = release(owner, version=2)
    assert live(owner)["run_ids"] == [second]
    assert live_rows(reader) == [(1, "glad", 0.5), (2, "sad", 0.5), (3, "calm", 0.5)]
    assert one(owner, COUNT_OF_RUN, run=first) == 2
    assert one(reader, COUNT_OF_RUN.replace("almanac.", "api."), run=first) == 2


def test_two_versions_are_compared_over_all_their_runs(
    owner: Database, no_absorbing: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(discovery, "contract", lambda _name: DIARY)
    write(owner, ["a", "b"])
    release(owner)
    write(owner, ["c"])
    release(owner)
    write(owner, ["d"])
    release(owner, version=2)
    change(
        owner, "UPDATE almanac.diary_predictions SET score = 0.25 WHERE model_version = 2 AND entry_id = 2"
    )
    comparison = compare.compare(owner, "diary", 1, 2)
    counts = (comparison.common, comparison.changed, comparison.only_first, comparison.only_second)
    assert counts == (3, 2, 0, 1)
    assert comparison.moves.reset_index().to_numpy().tolist() == [
        [1, "score", 0.25, 0.5, 0.25],
        [3, "score", 0.25, 0.5, 0.25],
    ]


def test_a_version_that_lacks_entries_is_refused_with_the_way_out(owner: Database) -> None:
    write(owner, ["a"])
    older = release(owner)
    write(owner, ["b"])
    newer = release(owner, version=2)
    with pytest.raises(UsageError, match=LACKING):
        within(owner, ledger.rollback, "diary", who="tester")
    with pytest.raises(UsageError, match=LACKING):
        within(owner, ledger.append, ledger.NewRelease(older, "promote", "tester", "why not"))
    assert live(owner)["run_id"] == newer
    assert not within(owner, releases.is_on_hold, "diary")


def test_promoting_a_version_that_lacks_entries_makes_it_champion_and_the_next_run_releases_it(
    owner: Database,
) -> None:
    write(owner, ["a"])
    release(owner)
    write(owner, ["b"])
    newer = release(owner, version=2)
    within(owner, versions.add, VERSION)
    within(owner, ledger.set_hold, "diary", on_hold=True)
    project = Project(owner, Registry({"champion": 2}), Settings())
    assert promote.promote(project, "diary", 1, why="it is calmer") is None  # type: ignore[arg-type]
    assert project.registry.aliases == {"champion": 1}
    assert live(owner)["run_id"] == newer
    assert not within(owner, releases.is_on_hold, "diary")
    release(owner, version=1)
    assert live(owner)["model_version"] == 1


@dataclass(frozen=True)
class Settings:
    """The settings that a promotion needs."""

    who: str = "tester"


@dataclass(frozen=True)
class Registry:
    """A registry that has aliases only."""

    aliases: dict[str, int]

    def alias(self, _workload: str, alias: str) -> int | None:
        return self.aliases.get(alias)

    def set_alias(self, _workload: str, alias: str, version: int) -> None:
        self.aliases[alias] = version


@dataclass(frozen=True)
class Project:
    """The tools that a promotion needs."""

    database: Database
    registry: Registry
    settings: Settings


def test_a_rollback_can_go_to_a_version_that_was_scored_as_a_shadow(
    owner: Database, reader: Database
) -> None:
    write(owner, ["a"])
    release(owner)
    write(owner, ["b"])
    release(owner, version=2)
    assert within(owner, releases.previous_version, "diary") == 1
    shadow = release(owner, version=1, why=None)
    within(owner, ledger.rollback, "diary", who="tester")
    current = live(owner)
    assert (current["run_id"], current["model_version"], current["kind"]) == (shadow, 1, "rollback")
    assert live_rows(reader) == [(1, "glad", 0.25), (2, "sad", 0.25)]


def test_runs_of_another_workload_with_the_same_version_number_do_not_count(
    owner: Database,
) -> None:
    write(owner, ["a"])
    first = release(owner)
    release(owner, version=2)
    other = stub.release(owner, version=1)
    change(owner, SET_COVERED, run=other)
    assert [run["run_id"] for run in within(owner, runs.of_version, "diary", 1)] == [first]
    assert within(owner, runs.newest_of_version, "diary", 1)["run_id"] == first
    within(owner, ledger.rollback, "diary", who="tester")
    assert live(owner)["run_ids"] == [first]


def test_a_pruned_run_is_no_part_of_its_version(owner: Database, no_absorbing: None) -> None:
    run_ids = []
    for text in "abc":
        write(owner, [text])
        run_ids.append(release(owner))
    change(owner, SET_PRUNED, run=run_ids[0])
    assert [run["run_id"] for run in within(owner, runs.of_version, "diary", 1)] == run_ids[1:]


def test_on_hold_only_runs_of_the_live_version_are_released(owner: Database, reader: Database) -> None:
    write(owner, ["a"])
    release(owner)
    release(owner, version=2)
    assert within(owner, releases.version_on_hold, "diary") is None
    within(owner, ledger.rollback, "diary", who="tester")
    assert within(owner, releases.version_on_hold, "diary") == 1
    write(owner, ["b"])
    release(owner, version=2)
    assert live_rows(reader) == [(1, "glad", 0.25)]
    release(owner, version=1)
    assert live_rows(reader) == [(1, "glad", 0.25), (2, "sad", 0.25)]
    assert within(owner, releases.is_on_hold, "diary")


def test_a_rollback_to_a_run_releases_all_runs_of_its_version(owner: Database) -> None:
    write(owner, ["a"])
    first = release(owner)
    second = release(owner)
    release(owner, version=2)
    within(owner, ledger.rollback, "diary", who="tester", to=first)
    assert live(owner)["run_id"] == second


def test_absorbed_rows_stay_for_their_readers_and_are_then_pruned(owner: Database) -> None:
    run_ids = []
    for text in "abc":
        write(owner, [text])
        run_ids.append(release(owner))
    assert prune.prune(owner, DIARY) == []
    soon = datetime.now(UTC) + prune.READER_GRACE + timedelta(minutes=1)
    assert prune.prune(owner, DIARY, now=soon) == run_ids[:1], "the previous release has the second run"
    assert live(owner)["run_ids"] == run_ids[2:]
    assert one(owner, COUNT_OF_RUN, run=run_ids[2]) == 3


def test_no_run_of_the_live_release_is_pruned_however_old_it_is(owner: Database, no_absorbing: None) -> None:
    release(owner)
    for text in "ab":
        write(owner, [text])
        release(owner, version=2, why=None)
    write(owner, ["c"])
    release(owner, version=2)
    assert prune.prune(owner, DIARY, now=LATER) == []
    assert len(live(owner)["run_ids"]) == 3


def test_the_runs_of_the_previous_version_are_not_pruned(owner: Database, no_absorbing: None) -> None:
    run_ids = []
    for text in "ab":
        write(owner, [text])
        run_ids.append(release(owner))
    for _ in range(3):
        release(owner, version=2)
    assert prune.prune(owner, DIARY, now=LATER) == []
    assert [run["run_id"] for run in within(owner, runs.of_version, "diary", 1)] == run_ids
