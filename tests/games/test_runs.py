"""Runs of games in a house: plays brought in by command, and a validation without training that measures the live champion again."""

from pathlib import Path

import psycopg

from tests.installation import Installation


def evaluated(installation: Installation, run_id: str) -> dict[str, object]:
    """Return what the evaluate step of a run reported."""
    with psycopg.connect(installation.url) as connection:
        row = connection.execute(
            "SELECT results FROM almanac.run_steps WHERE run_id = %s AND step = 'evaluate'", [run_id]
        ).fetchone()
    assert row
    return dict(row[0])


def test_a_validation_without_training_measures_the_live_champion_again_and_says_so(
    empty_installation: Installation, tmp_path: Path
) -> None:
    if not any(row["name"] == "games" and row["champion"] for row in empty_installation.ask("list")):
        assert (
            empty_installation.ask("run", "games", "--sample", "mock", "--slot", "now", OMP_NUM_THREADS="1")[
                "status"
            ]
            == "succeeded"
        )
    champion = next(row["champion"] for row in empty_installation.ask("list") if row["name"] == "games")
    told = empty_installation.ask(
        "run", "games", "--only", "evaluate", "--sample", "mock", OMP_NUM_THREADS="1"
    )
    again = evaluated(empty_installation, told["run_id"])["champion_again"]
    assert isinstance(again, dict)
    assert again["version"] == champion
    assert f"champion version {champion} measured again" in again["said"]
    assert again["metrics"]["ndcg_at_10"] > 0

    (tmp_path / "plays.csv").write_text(
        "user_id,title,hours,time\nann,The Witcher 3: Wild Hunt,40,2026-01-01\nann,Nobody Knows,1,\nann,Portal,many,\n"
    )
    command = ("import", "games-interactions", str(tmp_path / "plays.csv"))
    first = empty_installation.ask(*command, ALMANAC_SAMPLE="mock")
    assert (first["inserted"], first["unmatched"]) == (1, [{"game": "Nobody Knows", "lines": 1}])
    assert [row["line"] for row in first["bad_rows"]] == [4]
    assert empty_installation.ask(*command, ALMANAC_SAMPLE="mock")["unchanged"] == 1
