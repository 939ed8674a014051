"""Promotion by hand calls a registry that may be slow; what is refused or cut short changes no answer."""

from collections.abc import Callable
from dataclasses import dataclass, field
from types import SimpleNamespace

import pytest

from almanac.errors import NotFound, RunBusy, UsageError
from almanac.operations import promote
from almanac.store.connections import locks
from almanac.store.connections.database import Database
from almanac.store.records import decisions, ledger, releases, versions
from tests.stub import content, release


class Died(BaseException):
    """What a test throws in place of a signal that ends the process."""


@dataclass
class Registry:
    """A registry of one alias; `meanwhile` is what others do until it has answered."""

    champion: int | None = 1
    meanwhile: Callable[[], object] = lambda: None
    calls: list[int | None] = field(default_factory=list)

    def alias(self, _workload: str, _alias: str) -> int | None:
        return self.champion

    def set_alias(self, _workload: str, _alias: str, version: int | None) -> None:
        self.calls.append(version)
        self.champion = version
        self.meanwhile()


@pytest.fixture
def registry(owner: Database) -> Registry:
    """The registry of an installation that answers from version 1; version 2 has a run, not released."""
    release(owner, version=1)
    release(owner, content(word="second"), version=2, why=None)
    record = {
        "mlflow_run_id": "m",
        "artifact_hash": "a",
        "data_hash": "d",
        "recipe_hash": "r",
        "trained_until": "2025-04-15",
    }
    with owner.engine.begin() as connection:
        for version in (1, 2):
            versions.add(connection, record | {"workload": "stub", "version": version})
    return Registry()


def promote_by_hand(owner: Database, registry: Registry, version: int = 2) -> int | None:
    project = SimpleNamespace(database=owner, registry=registry, settings=SimpleNamespace(who="tester"))
    # As much of a project as promote uses.
    return promote.promote(project, "stub", version, why="it is better")  # type: ignore[arg-type]


def live(owner: Database) -> tuple[int, int, str]:
    with owner.engine.begin() as connection:
        row = releases.live(connection, "stub")
    assert row
    return row["release_id"], row["model_version"], row["kind"]


def rollback(owner: Database) -> int:
    with owner.engine.begin() as connection:
        return ledger.rollback(connection, "stub", who="somebody else")


def is_on_hold(owner: Database) -> bool:
    with owner.engine.begin() as connection:
        return releases.is_on_hold(connection, "stub")


def test_others_publish_while_the_registry_has_not_answered(owner: Database, registry: Registry) -> None:
    registry.meanwhile = lambda: release(owner, version=1)
    released = promote_by_hand(owner, registry)
    assert (live(owner), registry.champion) == ((released, 2, "promote"), 2)


def test_a_rollback_that_came_in_between_stands_and_the_alias_goes_back(
    owner: Database, registry: Registry
) -> None:
    release(owner, version=1)
    registry.meanwhile = lambda: len(registry.calls) == 1 and rollback(owner)
    with pytest.raises(
        UsageError,
        match=r"'stub' was rolled back by somebody else meanwhile \(release \d+\), so nothing was promoted\.",
    ):
        promote_by_hand(owner, registry)
    assert (live(owner)[1:], registry.calls, is_on_hold(owner)) == ((1, "rollback"), [2, 1], True)


def test_who_dies_after_the_registry_has_answered_leaves_the_old_answers_and_can_go_on(
    owner: Database, registry: Registry
) -> None:
    before = live(owner)

    def die() -> None:
        raise Died

    registry.meanwhile = die
    with pytest.raises(Died):
        promote_by_hand(owner, registry)
    assert (live(owner), registry.champion) == (before, 2)
    registry.meanwhile = lambda: None
    assert (promote_by_hand(owner, registry), 2, "promote") == live(owner)
    with owner.engine.begin() as connection:
        decided = decisions.newest(connection, "stub")
    assert decided
    assert (decided["challenger"], decided["promoted"], decided["reason"], decided["who"]) == (
        2,
        True,
        "it is better",
        "tester",
    )


def test_two_promotions_of_one_workload_do_not_overlap(owner: Database, registry: Registry) -> None:
    with (
        locks.advisory_lock(owner, "almanac promote stub"),
        pytest.raises(RunBusy, match="Another promotion of 'stub' is under way"),
    ):
        promote_by_hand(owner, registry)
    assert registry.calls == []
    assert (promote_by_hand(owner, registry), 2, "promote") == live(owner)


def test_what_may_not_be_released_moves_no_alias(owner: Database, registry: Registry) -> None:
    before = live(owner)
    with owner.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE almanac.runs SET simulated = true WHERE model_version = 2")
    with pytest.raises(UsageError, match="a simulated run never replaces it"):
        promote_by_hand(owner, registry)
    with pytest.raises(NotFound, match="no model version 3"):
        promote_by_hand(owner, registry, 3)
    assert (live(owner), registry.calls) == (before, [])


def test_where_there_was_no_champion_a_refused_one_leaves_none(owner: Database, registry: Registry) -> None:
    release(owner, version=1)
    registry.champion, registry.meanwhile = None, lambda: len(registry.calls) == 1 and rollback(owner)
    with pytest.raises(UsageError, match="rolled back"):
        promote_by_hand(owner, registry)
    assert registry.champion is None
