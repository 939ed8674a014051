"""Runs of games in an installation: the live champion measured again, and plays imported by command."""

from pathlib import Path

import psycopg

from tests.installation import Installation

PLAYS = """user_id,title,hours,time
ann,The Witcher 3: Wild Hunt,40,2026-01-01
ann,Nobody Knows,1,
ann,Portal,many,
"""


def results_of_evaluate(installation: Installation, run_id: str) -> dict[str, object]:
    """Return the results that the evaluate step of a run reported."""
    with psycopg.connect(installation.url) as connection:
        row = connection.execute(
            "SELECT results FROM almanac.run_steps WHERE run_id = %s AND step = 'evaluate'", [run_id]
        ).fetchone()
    assert row
    return dict(row[0])


def champion_of(installation: Installation) -> int | None:
    """Return the champion of games, None without one."""
    rows = installation.ask("list")
    return next((row["champion"] for row in rows if row["name"] == "games"), None)


def test_a_run_of_evaluate_alone_measures_the_live_champion_again(empty_installation: Installation) -> None:
    mock = ("run", "games", "--sample", "mock")
    if not champion_of(empty_installation):
        run = empty_installation.ask(*mock, "--slot", "now", OMP_NUM_THREADS="1")
        assert run["status"] == "succeeded"
    champion = champion_of(empty_installation)
    run = empty_installation.ask(*mock, "--only", "evaluate", OMP_NUM_THREADS="1")
    again = results_of_evaluate(empty_installation, run["run_id"])["champion_again"]
    assert isinstance(again, dict)
    assert again["version"] == champion
    assert f"champion version {champion} measured again" in again["said"]
    assert again["metrics"]["ndcg_at_10"] > 0


def test_plays_are_imported_once_and_bad_lines_are_reported(
    empty_installation: Installation, tmp_path: Path
) -> None:
    mock = ("run", "games", "--only", "collect", "--sample", "mock", "--slot", "now")
    assert empty_installation.ask(*mock)["status"] == "succeeded"
    (tmp_path / "plays.csv").write_text(PLAYS)
    command = ("import", "games-interactions", str(tmp_path / "plays.csv"))
    first = empty_installation.ask(*command, ALMANAC_SAMPLE="mock")
    assert (first["inserted"], first["unmatched"]) == (1, [{"game": "Nobody Knows", "lines": 1}])
    assert [row["line"] for row in first["bad_rows"]] == [4]
    assert empty_installation.ask(*command, ALMANAC_SAMPLE="mock")["unchanged"] == 1
