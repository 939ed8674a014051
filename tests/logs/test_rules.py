"""`almanac logs rules`: the rules of alerts on the command line."""

import json
from datetime import UTC, datetime

import pytest

from almanac.errors import NotFound, UsageError
from almanac.store.connections.database import Database
from almanac.workloads.logs import commands
from almanac.workloads.logs.keeping import alerts
from tests.queries import one, rows

pytestmark = pytest.mark.usefixtures("commands_project")
MOMENT = datetime(2025, 4, 15, 6, tzinfo=UTC)
ACTIVE = "SELECT name FROM almanac.log_rules WHERE is_active ORDER BY rule_id"
MANY_ERRORS = {
    "name": "many errors",
    "kind": "errors",
    "threshold": 100,
    "window_minutes": 15,
    "source": None,
    "active": True,
    "alert": "open",
}


def active_names(owner: Database) -> list[str]:
    return [name for (name,) in rows(owner, ACTIVE)]


def open_alert(owner: Database, name: str) -> None:
    rule_id = one(owner, "SELECT rule_id FROM almanac.log_rules WHERE name = :name", name=name)
    with owner.connect() as connection:
        connection.execute(alerts.OPEN.encode(), {"rule": rule_id, "value": 7, "now": MOMENT})


def judge(owner: Database) -> None:
    with owner.connect() as connection:
        alerts.judge(connection, MOMENT)


def test_the_rules_of_a_new_installation_are_listed(
    owner: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    open_alert(owner, "many errors")
    commands.rules_command(json=True)
    first, *others = json.loads(capsys.readouterr().out)
    assert first == MANY_ERRORS
    assert [rule["name"] for rule in others] == ["many anomalies", "new templates"]
    commands.rules_command()
    assert "many anomalies" in capsys.readouterr().out


def test_an_added_rule_is_judged_with_the_others(owner: Database, capsys: pytest.CaptureFixture[str]) -> None:
    commands.add_rule_command("broker [errors]", kind="errors", threshold=5, minutes=30, source="broker")
    assert "'broker [errors]' opens an alert from 5 errors within 30 minutes on." in capsys.readouterr().out
    query = "SELECT kind, threshold, window_minutes, source FROM almanac.log_rules WHERE name = :name"
    assert rows(owner, query, name="broker [errors]") == [("errors", 5, 30, "broker")]
    judge(owner)
    assert one(owner, "SELECT count(*) FROM almanac.log_alerts") == 0


def test_removing_a_rule_without_alerts_deletes_it(
    owner: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    commands.remove_rule_command("new templates")
    assert "'new templates' opens no more alerts.\n" in capsys.readouterr().out
    assert one(owner, "SELECT count(*) FROM almanac.log_rules WHERE name = 'new templates'") == 0


def test_removing_a_rule_with_alerts_switches_it_off_and_adding_it_switches_it_on(
    owner: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    open_alert(owner, "many errors")
    commands.remove_rule_command("many errors")
    assert "its alerts stay" in capsys.readouterr().out
    assert "many errors" not in active_names(owner)
    judge(owner)
    assert rows(owner, "SELECT state FROM almanac.log_alerts") == [("closed",)]
    commands.add_rule_command("many errors", kind="anomalies", threshold=9)
    query = "SELECT kind, threshold, is_active FROM almanac.log_rules WHERE name = 'many errors'"
    assert rows(owner, query) == [("anomalies", 9, True)]


@pytest.mark.parametrize(
    ("rule", "complaint"),
    [
        ({"name": " "}, "needs a name"),
        ({"name": "a\0b"}, "needs a name"),
        ({"name": "n" * 201}, "needs a name of at most 200 characters"),
        (
            {"kind": "warnings"},
            "Unknown kind of rule 'warnings'. Known kinds: errors, anomalies, new_templates.",
        ),
        ({"threshold": 0}, "The threshold is 0. Use a number above 0."),
        ({"minutes": 4}, "The window is 4 minutes. Use 5 to 10,080."),
        ({"minutes": 10_081}, "The window is 10081 minutes. Use 5 to 10,080."),
        ({"source": ""}, "Leave --source out"),
        ({"source": "a\0"}, "Leave --source out"),
        ({"name": "many errors"}, "There is a rule 'many errors' already. Remove it first"),
    ],
)
def test_an_invalid_rule_is_refused_with_the_way_out(
    owner: Database, rule: dict[str, object], complaint: str
) -> None:
    valid: dict[str, object] = {"name": "a", "kind": "errors", "threshold": 5, "minutes": 15, "source": None}
    before = active_names(owner)
    with pytest.raises(UsageError, match=complaint):
        commands.add_rule_command(**(valid | rule))  # type: ignore[arg-type]
    assert active_names(owner) == before


def test_removing_an_unknown_rule_names_the_active_ones(owner: Database) -> None:
    active = "'many errors', 'many anomalies', 'new templates'"
    with pytest.raises(NotFound, match=rf"no rule 'errors' that is active. Active rules: {active}"):
        commands.remove_rule_command("errors")
    assert len(active_names(owner)) == 3
