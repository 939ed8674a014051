"""almanac list, releases, promote, rollback, diff, prune: what readers get, and who says so."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from almanac.cli.decisions import sentence as decision_line
from almanac.registry import CHAMPION
from almanac.store.records import decisions, ledger
from tests.installation import WORKLOAD, Installation

Almanac = Callable[..., Any]


@dataclass(frozen=True)
class Second:
    """A second model version and the run that made it; `before` was live then."""

    version: int
    run_id: str
    before: tuple[int, str, int]


@pytest.fixture(scope="module")
def second(installation: Installation) -> Second:
    """A second version, held back by the promotion rule, and scored as a shadow of the champion."""
    before = installation.live()
    result = installation.ask(
        "run",
        WORKLOAD,
        "--sample",
        "mock",
        "--slot",
        "now",
        "--only",
        "train,evaluate,predict",
        "-p",
        "STRENGTH=0.001",
    )
    with installation.project() as project, project.database.engine.begin() as connection:
        version = connection.exec_driver_sql(
            "SELECT max(version) FROM almanac.model_versions WHERE workload = 'demand'"
        ).scalar_one()
    return Second(version, result["run_id"], before)


@pytest.fixture
def restored(loaded_installation: Installation, second: Second) -> Iterator[Installation]:
    """The installation; afterwards version 1 is champion and live again, and nothing is on hold."""
    yield loaded_installation
    with loaded_installation.project() as project:
        with project.database.engine.begin() as connection:
            ledger.append(connection, ledger.NewRelease(second.run_id, "promote", "tester", "as before"))
            ledger.set_hold(connection, WORKLOAD, on_hold=False)
        project.registry.set_alias(WORKLOAD, CHAMPION, 1)


def listed(almanac: Almanac) -> dict[str, Any]:
    return {row["name"]: row for row in json.loads(almanac("list", "--json").out)}[WORKLOAD]


def test_a_challenger_without_new_evidence_stays_one_and_is_scored_as_a_shadow(
    second: Second, loaded_installation: Installation, almanac: Almanac
) -> None:
    rows = json.loads(almanac("runs", WORKLOAD, "--json").out)
    shadow = next(row for row in rows if row["kind"] == "shadow" and row["parent_run_id"] == second.run_id)
    with loaded_installation.project() as project, project.database.engine.begin() as connection:
        decided = connection.exec_driver_sql(
            "SELECT promoted, reason, challenger, champion FROM almanac.decisions "
            "ORDER BY decision_id DESC LIMIT 1"
        ).one()
    assert tuple(decided) == (
        False,
        "no new evidence: 0 cases after both models' training end, 200 are needed; champion stays",
        second.version,
        1,
    )
    assert (shadow["model_version"], shadow["status"], shadow["rows"]) == (second.version, "succeeded", 40)
    assert (listed(almanac)["champion"], loaded_installation.live()[1:]) == (1, (second.run_id, 1))


def test_diff_tells_what_would_change_for_readers(
    second: Second, loaded_installation: Installation, almanac: Almanac
) -> None:
    diff = json.loads(almanac("diff", WORKLOAD, "1", str(second.version), "--json").out)
    ended = almanac("diff", WORKLOAD, "1", str(second.version), "--limit", "3")
    assert (diff["common"], diff["changed"], diff["only_first"], diff["only_second"], diff["words"]) == (
        40,
        40,
        0,
        0,
        [],
    )
    moves = [row["move"] for row in diff["moves"]]
    assert moves == sorted(moves, reverse=True)
    assert moves[0] == pytest.approx(abs(diff["moves"][0]["after"] - diff["moves"][0]["before"]))
    assert f"40 of 40 predictions differ; only in version 1: 0, only in {second.version}: 0." in ended.out
    assert ended.out.count("item-") == 3


def test_a_version_without_kept_predictions_cannot_be_compared(
    second: Second, loaded_installation: Installation, almanac: Almanac
) -> None:
    ended = almanac("diff", WORKLOAD, "1", "99")
    assert ended.code == 10
    assert "Version 99 of 'demand' has no kept predictions to compare" in ended.err


def test_promoting_a_version_with_a_complete_run_releases_it(
    second: Second, restored: Installation, almanac: Almanac
) -> None:
    ended = almanac("promote", WORKLOAD, str(second.version), "--why", "it is calmer")
    release_id, run_id, version = restored.live()
    newest = json.loads(almanac("releases", WORKLOAD, "--limit", "1", "--json").out)[0]
    assert ended.code == 0
    assert f"Version {version} is champion of demand and answers from release {release_id} on." in ended.out
    assert (version, run_id) == (second.version, f"{second.run_id}-shadow")
    assert (newest["kind"], newest["who"], newest["why"]) == ("promote", "tester", "it is calmer")
    assert (listed(almanac)["champion"], listed(almanac)["warning"]) == (second.version, "")
    links = {link["link"]: link["state"] for link in json.loads(almanac("verify", run_id, "--json").out)}
    assert set(links.values()) == {"ok"}
    assert {
        "notebook predict",
        "scored data",
        f"model version {version}",
        "figures",
        "commit",
    } <= links.keys()
    assert restored.ask("reproduce", run_id)["equal"] is True


def test_promoting_a_version_without_complete_run_changes_answers_only_at_the_next_predict(
    second: Second, restored: Installation, almanac: Almanac
) -> None:
    live = restored.live()
    run_id = f"{second.run_id}-shadow"
    with restored.without_triggers() as connection:
        connection.execute("UPDATE almanac.runs SET pruned_at = now() WHERE run_id = %s", [run_id])
    ended = almanac("promote", WORKLOAD, str(second.version), "--why", "in advance")
    with restored.without_triggers() as connection:
        connection.execute("UPDATE almanac.runs SET pruned_at = NULL WHERE run_id = %s", [run_id])
    assert "It has no complete predictions that are kept: answers change at the next predict." in ended.out
    assert restored.live() == live
    assert listed(almanac)["warning"] == f"champion is {second.version}, readers get 1"


def test_a_promotion_needs_a_reason_and_a_version_that_exists(
    second: Second, restored: Installation, almanac: Almanac
) -> None:
    live = restored.live()
    silent, unknown = (
        almanac("promote", WORKLOAD, "1", "--why", "  "),
        almanac("promote", WORKLOAD, "99", "--why", "because"),
    )
    assert (silent.code, unknown.code, restored.live()) == (2, 10, live)
    assert "The ledger keeps the reason for ever." in silent.err
    assert "'demand' has no model version 99" in unknown.err


def test_an_alias_that_somebody_moves_changes_no_answer(
    second: Second, restored: Installation, almanac: Almanac
) -> None:
    live = restored.live()
    with restored.project() as project:
        project.registry.set_alias(WORKLOAD, CHAMPION, second.version)
    with restored.server() as client:
        answer = client.get(f"/v1/{WORKLOAD}/predictions", params={"limit": 1}).json()
    assert (answer["model_version"], answer["release"], restored.live()) == (1, live[0], live)
    assert listed(almanac)["warning"] == f"champion is {second.version}, readers get 1"
    assert "readers get 1" in almanac("list").out


def test_a_rollback_is_one_more_row_of_the_ledger_and_holds_later_runs_back(
    second: Second, restored: Installation, almanac: Almanac
) -> None:
    current = restored.live()
    ended = almanac("rollback", WORKLOAD, "--to", restored.first_run)
    newest = json.loads(almanac("releases", WORKLOAD, "--limit", "1", "--json").out)[0]
    assert ended.code == 0
    assert restored.live() == (newest["release_id"], restored.first_run, 1)
    assert (newest["kind"], newest["previous_release_id"], newest["why"]) == (
        "rollback",
        current[0],
        f"rolled back from release {current[0]}",
    )
    assert "on hold" in listed(almanac)["warning"]
    later = restored.ask("run", WORKLOAD, "--sample", "mock", "--slot", "now", "--only", "predict")
    assert (later["status"], later["release_id"]) == ("succeeded", None)
    assert "is on hold after a rollback" in later["reason"]
    assert restored.live()[1] == restored.first_run
    assert (
        "is no longer on hold; its next run releases again" in almanac("rollback", WORKLOAD, "--resume").out
    )
    assert listed(almanac)["warning"] == ""


def test_a_rollback_without_a_target_goes_to_the_run_before(
    second: Second, restored: Installation, almanac: Almanac
) -> None:
    before = restored.live()[1]
    almanac("promote", WORKLOAD, str(second.version), "--why", "to have something to go back from")
    assert almanac("rollback", WORKLOAD).code == 0
    assert restored.live()[1] == before


def test_promote_and_rollback_answer_as_json_too(
    restored: Installation, second: Second, almanac: Almanac
) -> None:
    def ask(*words: str) -> dict[str, Any]:
        return dict(json.loads(almanac(*words, "--json").out))

    promoted = ask("promote", WORKLOAD, str(second.version), "--why", "for a program")
    assert (promoted["workload"], promoted["model_version"]) == (WORKLOAD, second.version)
    assert promoted["release_id"] == restored.live()[0]
    back = ask("rollback", WORKLOAD, "--to", restored.first_run)
    release_id, run_id, version = restored.live()
    assert back == {
        "workload": WORKLOAD, "on_hold": True,
        "release_id": release_id, "run_id": run_id, "model_version": version,
    }  # fmt: skip
    assert ask("rollback", WORKLOAD, "--resume") == {
        "workload": WORKLOAD,
        "release_id": None,
        "on_hold": False,
    }


def test_only_collect_and_predict_score_with_the_champion_and_train_nothing(
    second: Second, restored: Installation, almanac: Almanac
) -> None:
    result = restored.ask("run", WORKLOAD, "--sample", "mock", "--slot", "now", "--only", "collect,predict")
    rows = {
        row["run_id"]: row for row in json.loads(almanac("runs", WORKLOAD, "--limit", "100", "--json").out)
    }
    assert restored.live() == (result["release_id"], result["run_id"], 1)
    assert rows[result["run_id"]]["steps"] == ["collect", "predict"]
    assert max(row["model_version"] or 0 for row in rows.values()) == second.version


def test_the_same_data_code_and_parameters_give_no_new_version(
    second: Second, restored: Installation, almanac: Almanac
) -> None:
    result = restored.ask("run", WORKLOAD, "--sample", "mock", "--slot", "now", "--only", "train")
    with restored.project() as project, project.database.engine.begin() as connection:
        newest = connection.exec_driver_sql(
            "SELECT max(version) FROM almanac.model_versions WHERE workload = 'demand'"
        ).scalar_one()
        reported = connection.exec_driver_sql(
            "SELECT results FROM almanac.run_steps WHERE run_id = %(run)s", {"run": result["run_id"]}
        ).scalar_one()
    assert (result["release_id"], newest, reported["model_version"]) == (None, second.version, 1)


def test_prune_drops_what_is_past_retention_but_never_the_live_rows(
    second: Second, restored: Installation, almanac: Almanac
) -> None:
    ended = almanac("prune", WORKLOAD)
    assert (ended.code, ended.out) == (0, "demand: 0 runs pruned.\n")
    shift = (
        "UPDATE almanac.runs SET finished_at = finished_at + make_interval(days => %s) "
        "WHERE run_id <> %s AND rows > 0"
    )
    with restored.without_triggers() as connection:
        connection.execute(shift, [-8, restored.first_run])
    ended = almanac("prune", WORKLOAD)
    with restored.without_triggers() as connection:
        connection.execute(shift, [8, restored.first_run])
        count = connection.execute(
            "SELECT count(*) FROM almanac.demand_predictions WHERE run_id = %s", [restored.live()[1]]
        ).fetchone()
    assert ended.code == 0
    assert restored.live()[1] not in ended.out.rstrip(".\n").split(": ")[-1].split(", ")
    assert count == (40,)


def test_why_a_version_was_not_promoted_is_in_the_list_and_in_the_summary(
    loaded_installation: Installation, second: Second, almanac: Almanac
) -> None:
    recorded = json.loads(almanac("decisions", WORKLOAD, "--json").out)
    (decision,) = [row for row in recorded if row["run_id"] == second.run_id]
    assert (decision["challenger"], decision["promoted"]) == (second.version, False)
    assert recorded == sorted(recorded, key=lambda row: -row["decision_id"])
    assert decision["reason"] in " ".join(almanac("decisions").out.split())
    with loaded_installation.project() as project:
        with project.database.engine.begin() as connection:
            row = decisions.of_run(connection, second.run_id)
        assert row is not None
    sentence = f"Version {second.version} was not promoted: {row['reason'].rstrip('.')}. `almanac decisions"
    assert decision_line(row).startswith(sentence)
    assert len(json.loads(almanac("decisions", WORKLOAD, "--limit", "1", "--json").out)) == 1


def test_the_first_summary_says_why_the_version_was_promoted(installation: Installation) -> None:
    text = (installation.home / "first_run.txt").read_text()
    assert "Version 1 was promoted: " in text


@pytest.mark.parametrize("words", [(), (WORKLOAD,)])
def test_where_nothing_was_decided_the_list_is_empty(
    words: tuple[str, ...], untouched_installation: Installation
) -> None:
    assert untouched_installation.ask("decisions", *words) == []
    assert untouched_installation.almanac("decisions", *words).returncode == 0


def test_decisions_of_an_unknown_workload_are_refused(
    loaded_installation: Installation, almanac: Almanac
) -> None:
    ended = almanac("decisions", "demnad")
    assert (ended.code, "Unknown workload 'demnad'" in ended.err) == (2, True)
