"""What operators do by HTTP follows the rules of the ledger, happens once, and the registry hears of it."""

import json
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from almanac.errors import RegistryError
from almanac.runner import aliases
from almanac.store.connections.database import Database
from almanac.store.records import audit, decisions, ledger, releases, runs, versions
from tests.queries import live, one, rows, within
from tests.stub import content, release

WHY = "ein Grund – \"quoted\" \\ 'ü' \U0001f600"


def call(database: Database, function: str, *values: Any, event_id: str = "") -> dict[str, Any]:
    """What an operation answers to the role of the server."""
    event = {"event_id": event_id or str(uuid4()), "action": function, "who": "anna", "subject": "stub"}
    event |= {"address": "192.0.2.1", "detail": {"why": WHY}}
    access = Database(database.url, "access")
    places = ", ".join(["%s"] * (len(values) + 1))
    query = f"SELECT api.operate_{function}({places})".encode()
    try:
        with access.connect(autocommit=True) as connection:
            row = connection.execute(query, [*values, json.dumps(event)]).fetchone()
    finally:
        access.engine.dispose()
    assert row
    answer: dict[str, Any] = row[0]
    return answer


def rollback(database: Database, to: str | None = None, **options: str) -> dict[str, Any]:
    return call(database, "rollback", "stub", to, "anna", WHY, **options)


def promote(database: Database, version: int, **options: str) -> dict[str, Any]:
    return call(database, "promote", "stub", version, "anna", WHY, **options)


def register(database: Database, *numbers: int) -> None:
    record = {"mlflow_run_id": "m", "artifact_hash": "a", "data_hash": "d", "recipe_hash": "r"}
    for version in numbers:
        row = record | {"trained_until": "2025-04-15", "workload": "stub", "version": version}
        within(database, versions.add, row)


def chain_is_whole(database: Database) -> bool:
    """Whether each release has the hash that `almanac verify` computes."""

    def check(connection: Any) -> bool:
        pairs = [
            pair
            for run in runs.newest(connection, "stub")
            for pair in releases.of_run(connection, run["run_id"])
        ]
        assert pairs
        return all(
            row["release_hash"] == releases.release_hash(row, before)
            and row["run_hash"] == runs.record_hash(connection, row["run_id"])
            for row, before in pairs
        )

    return within(database, check)


def trail(database: Database) -> list[tuple[Any, ...]]:
    return rows(database, "SELECT action, who, outcome FROM almanac.audit ORDER BY audit_id")


def test_a_rollback_releases_the_run_before_and_holds(owner: Database) -> None:
    first, _ = release(owner, version=1), release(owner, version=2)
    answer = rollback(owner)
    assert answer == {
        "workload": "stub",
        "release": live(owner)["release_id"],
        "run": first,
        "model_version": 1,
        "on_hold": True,
    }
    row = live(owner)
    assert (row["run_id"], row["kind"], row["who"]) == (first, "rollback", "anna")
    assert row["why"] == f"rolled back from release {answer['release'] - 1}: {WHY}"
    assert within(owner, releases.is_on_hold, "stub")
    assert chain_is_whole(owner)
    assert trail(owner) == [("rollback", "anna", "ok")]
    assert within(owner, audit.examine).broken == ()


def test_python_and_sql_release_in_one_chain(owner: Database) -> None:
    first, _ = release(owner, version=1), release(owner, version=2)
    rollback(owner)
    within(owner, ledger.append, ledger.NewRelease(first, "publish", "ben", "by hand"))
    rollback(owner, first)
    assert chain_is_whole(owner)
    assert one(owner, "SELECT count(*) FROM almanac.releases") == 5


def test_a_rollback_that_is_sent_twice_goes_back_once(owner: Database) -> None:
    for version in (1, 2, 3):
        release(owner, version=version)
    event_id = str(uuid4())
    assert rollback(owner, event_id=event_id) == rollback(owner, event_id=event_id)
    assert live(owner)["model_version"] == 2
    assert trail(owner) == [("rollback", "anna", "ok")]


def test_a_promotion_releases_a_complete_run_and_waits_for_the_registry(owner: Database) -> None:
    release(owner, version=1)
    second = release(owner, content(word="second"), version=2, why=None)
    register(owner, 1, 2)
    rollback(owner, second)
    answer = promote(owner, 2)
    assert (answer["run"], answer["on_hold"]) == (second, False)
    assert (live(owner)["kind"], live(owner)["why"]) == ("promote", WHY)
    decision = within(owner, decisions.newest, "stub")
    assert decision
    assert (decision["challenger"], decision["promoted"], decision["who"]) == (2, True, "anna")
    assert not within(owner, releases.is_on_hold, "stub")
    assert rows(owner, "SELECT workload, model_version, who FROM almanac.pending_aliases") == [
        ("stub", 2, "anna")
    ]
    assert chain_is_whole(owner)


REFUSED = [
    (("promote", 9), 404, "no model version 9"),
    (("promote", 3), 409, "has no complete run that is kept"),
    (("promote", 4), 409, "higher rank"),
    (("rollback", "nope"), 404, "no run 'nope'"),
    (("rollback", None), 409, "there is no earlier run to go back to"),
]


@pytest.mark.parametrize(("order", "status", "reason"), REFUSED)
def test_what_the_ledger_forbids_changes_nothing_and_is_on_the_trail(
    owner: Database, order: tuple[str, Any], status: int, reason: str
) -> None:
    release(owner, version=1)
    simulated = release(owner, version=4, why=None)
    register(owner, 1, 3, 4)
    with owner.connect(autocommit=True) as connection:
        connection.execute("UPDATE almanac.runs SET simulated = true WHERE run_id = %s", [simulated])
    before = live(owner)["release_id"]
    function, value = order
    answer = rollback(owner, value) if function == "rollback" else promote(owner, value)
    assert answer["status"] == status
    assert reason in answer["detail"]
    assert live(owner)["release_id"] == before
    assert trail(owner) == [(function, "anna", "refused")]
    assert one(owner, "SELECT count(*) FROM almanac.pending_aliases") == 0


def test_without_a_release_there_is_nothing_to_roll_back(owner: Database) -> None:
    assert rollback(owner)["detail"] == "'stub' has no release yet, so there is nothing to roll back."


def test_resume_ends_a_hold(owner: Database) -> None:
    for version in (1, 2):
        release(owner, version=version)
    rollback(owner)
    answer = call(owner, "resume", "stub")
    assert (answer["on_hold"], answer["model_version"]) == (False, 1)
    assert not within(owner, releases.is_on_hold, "stub")
    assert [action for action, *_ in trail(owner)] == ["rollback", "resume"]


@pytest.mark.parametrize("role", ["reader", "ingest", "worker"])
def test_no_other_role_of_the_server_may_operate(owner: Database, role: Any) -> None:
    other = Database(owner.url, role)
    with other.connect() as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute("SELECT api.operate_resume('stub', '{}')")
    other.engine.dispose()


def test_the_owner_of_the_functions_may_do_nothing_else(owner: Database) -> None:
    query = """
        SELECT table_name, privilege_type FROM information_schema.role_table_grants
        WHERE grantee = 'almanac_operator' AND privilege_type <> 'SELECT' ORDER BY 1, 2
    """
    assert rows(owner, query) == [
        ("decisions", "INSERT"),
        ("operations", "INSERT"),
        ("pending_aliases", "INSERT"),
        ("pending_aliases", "UPDATE"),
        ("releases", "INSERT"),
    ]
    query = "SELECT rolcanlogin, rolsuper, rolcreaterole FROM pg_roles WHERE rolname = 'almanac_operator'"
    assert rows(owner, query) == [(False, False, False)]
    for schema in ("api", "almanac"):
        assert one(owner, f"SELECT has_schema_privilege('almanac_operator', '{schema}', 'CREATE')") is False


@dataclass
class Registry:
    """A registry of one alias, which may be away."""

    champion: int = 1
    is_away: bool = False
    calls: list[int] = field(default_factory=list)

    def set_alias(self, _workload: str, _alias: str, version: int) -> None:
        if self.is_away:
            raise RegistryError("away")
        self.calls.append(version)
        self.champion = version


@pytest.fixture
def promoted(owner: Database) -> Database:
    """A database in which version 2 was promoted by HTTP."""
    release(owner, version=1)
    release(owner, content(word="second"), version=2, why=None)
    register(owner, 1, 2)
    promote(owner, 2)
    return owner


def carry(database: Database, registry: Registry) -> int:
    """Carry what is pending, and return how many are still."""
    # As much of a project as it uses.
    aliases.carry(SimpleNamespace(database=database, registry=registry))  # type: ignore[arg-type]
    pending: int = one(database, "SELECT count(*) FROM almanac.pending_aliases")
    return pending


def test_the_next_command_carries_the_alias_once(promoted: Database) -> None:
    registry = Registry()
    assert (carry(promoted, registry), carry(promoted, registry)) == (0, 0)
    assert registry.calls == [2]


def test_a_registry_that_is_away_hears_of_it_later(promoted: Database) -> None:
    registry = Registry(is_away=True)
    assert carry(promoted, registry) == 1
    registry.is_away = False
    assert (carry(promoted, registry), registry.champion) == (0, 2)


def test_a_later_decision_is_not_undone(promoted: Database) -> None:
    registry = Registry(champion=3)
    later = {
        "workload": "stub",
        "challenger": 3,
        "champion": 2,
        "promoted": True,
        "reason": "x",
        "who": "run",
    }
    within(promoted, decisions.write, later)
    assert (carry(promoted, registry), registry.calls) == (0, [])
