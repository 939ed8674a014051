"""`almanac logs rules`: when to be alerted, said on the command line."""

import json
from datetime import UTC, datetime

import pytest

from almanac.errors import NotFound, UsageError
from almanac.store.connections.database import Database
from almanac.workloads.logs import commands
from almanac.workloads.logs.keeping import alerts
from tests.queries import rows

pytestmark = pytest.mark.usefixtures("commanded")
MOMENT = datetime(2025, 4, 15, 6, tzinfo=UTC)


def names(owner: Database) -> list[str]:
    return [
        name for (name,) in rows(owner, "SELECT name FROM almanac.log_rules WHERE is_active ORDER BY rule_id")
    ]


def opened_alert(owner: Database, name: str) -> None:
    with owner.connect() as connection:
        found = connection.execute("SELECT rule_id FROM almanac.log_rules WHERE name = %s", [name]).fetchall()
        connection.execute(alerts.OPEN.encode(), {"rule": found[0][0], "value": 7, "now": MOMENT})


def test_the_rules_there_are_from_the_beginning_are_listed(
    owner: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    opened_alert(owner, "many errors")
    commands.rules_command(json=True)
    first, *others = json.loads(capsys.readouterr().out)
    assert first == {
        "name": "many errors", "kind": "errors", "threshold": 100, "window_minutes": 15, "source": None, "active": True, "alert": "open",
    }  # fmt: skip
    assert [rule["name"] for rule in others] == ["many anomalies", "new templates"]
    commands.rules_command()
    assert "many anomalies" in capsys.readouterr().out


def test_a_rule_that_is_added_is_judged_with_the_others(
    owner: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    commands.add_rule_command("broker [errors]", kind="errors", threshold=5, minutes=30, source="broker")
    assert "'broker [errors]' opens an alert from 5 errors within 30 minutes on." in capsys.readouterr().out
    assert rows(
        owner,
        "SELECT kind, threshold, window_minutes, source FROM almanac.log_rules WHERE name = 'broker [errors]'",
    ) == [("errors", 5, 30, "broker")]
    with owner.connect() as connection:
        alerts.judge(connection, MOMENT)
    assert rows(owner, "SELECT count(*) FROM almanac.log_alerts") == [(0,)]


def test_a_rule_that_never_had_an_alert_is_gone(owner: Database, capsys: pytest.CaptureFixture[str]) -> None:
    commands.remove_rule_command("new templates")
    assert "'new templates' opens no more alerts.\n" in capsys.readouterr().out
    assert rows(owner, "SELECT count(*) FROM almanac.log_rules WHERE name = 'new templates'") == [(0,)]


def test_a_rule_with_alerts_is_switched_off_its_alert_closed_and_it_can_come_back(
    owner: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    opened_alert(owner, "many errors")
    commands.remove_rule_command("many errors")
    assert "its alerts stay" in capsys.readouterr().out
    assert "many errors" not in names(owner)
    with owner.connect() as connection:
        alerts.judge(connection, MOMENT)
    assert rows(owner, "SELECT state FROM almanac.log_alerts") == [("closed",)]
    commands.add_rule_command("many errors", kind="anomalies", threshold=9)
    assert rows(
        owner, "SELECT kind, threshold, is_active FROM almanac.log_rules WHERE name = 'many errors'"
    ) == [("anomalies", 9, True)]


@pytest.mark.parametrize(
    ("name", "kind", "threshold", "minutes", "source", "told"),
    [
        (" ", "errors", 5, 15, None, "needs a name"),
        ("a\0b", "errors", 5, 15, None, "needs a name"),
        (
            "a",
            "warnings",
            5,
            15,
            None,
            "Unknown kind of rule 'warnings'. Known kinds: errors, anomalies, new_templates.",
        ),
        ("a", "errors", 0, 15, None, "The threshold is 0. Use a number above 0."),
        ("a", "errors", 5, 4, None, "The window is 4 minutes. Use 5 to 10,080."),
        ("a", "errors", 5, 15, "", "Leave --source out"),
        ("many errors", "errors", 5, 15, None, "There is a rule 'many errors' already. Remove it first"),
    ],
)
def test_a_rule_that_cannot_be_is_refused_with_the_way_out(
    owner: Database, name: str, kind: str, threshold: int, minutes: int, source: str | None, told: str
) -> None:
    before = names(owner)
    with pytest.raises(UsageError, match=told):
        commands.add_rule_command(name, kind=kind, threshold=threshold, minutes=minutes, source=source)
    assert names(owner) == before


def test_removing_what_is_not_there_names_what_is(owner: Database) -> None:
    with pytest.raises(
        NotFound,
        match=r"There is no rule 'errors' that is active. Active rules: 'many errors', 'many anomalies', 'new templates'",
    ):
        commands.remove_rule_command("errors")
    assert len(names(owner)) == 3
