"""The benchmark on real plays: its layouts, what it prints, and nothing chosen on the test part."""

import importlib.util
import json
import sys
from functools import cache
from pathlib import Path
from types import ModuleType

import pytest

from almanac.workloads.games import evaluation
from almanac.workloads.games.sources import builtin

PROGRAM = Path(__file__).parents[2] / "benchmarks" / "games_plays.py"


@cache
def program() -> ModuleType:
    """Return the benchmark as a module."""
    spec = importlib.util.spec_from_file_location("games_plays", PROGRAM)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def steam_200k(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a file of made-up plays in the layout of Steam-200k, and one of a game that nobody knows."""
    path: Path = tmp_path_factory.mktemp("plays") / "steam-200k.csv"
    program().make_up(path, builtin.catalogue(), players=200)
    with path.open("a", encoding="utf-8") as file:
        file.write("player-1,Nobody Knows It,play,1.0,0\n")
    return path


def test_made_up_plays_replace_no_file(steam_200k):
    before = steam_200k.read_bytes()
    with pytest.raises(SystemExit, match=r"steam-200k\.csv exists; made-up plays would replace it"):
        program().make_up(steam_200k, builtin.catalogue(), players=5)
    assert steam_200k.read_bytes() == before


@pytest.mark.parametrize(
    "lines",
    [
        ["7,Portal 2,purchase,1.0,0", "7,Portal 2,play,3.5,0"],
        ["user_id,title,hours", "7,Portal 2,3.5"],
        ["User;Game;Hours", "7;Portal 2;3.5"],
        ["userid\tgame\tplaytime\tcountry", "7\tPortal 2\t3.5\tDE"],
    ],
    ids=["steam-200k", "import", "semicolons", "tabs"],
)
def test_plays_are_read_from_several_layouts(tmp_path, lines):
    path = tmp_path / "plays.csv"
    path.write_text("\n".join(lines) + "\n")
    plays = program().read(path, builtin.catalogue()).plays
    assert plays[["user_id", "game_id", "hours"]].to_numpy().tolist() == [["7", "sample:portal-2", 3.5]]


def test_plays_without_hours_are_read(tmp_path):
    path = tmp_path / "plays.csv"
    path.write_text("player,game\n7,Portal 2\n8,Tetris\n")
    assert program().read(path, builtin.catalogue()).plays["hours"].tolist() == [0.0, 0.0]


def test_models_and_served_lists_are_measured_beside_popularity_with_intervals(
    steam_200k, tmp_path, monkeypatch, capsys
):
    written = tmp_path / "result.json"
    arguments = [str(steam_200k), "--catalogue", "builtin", "--json", str(written)]
    monkeypatch.setattr(sys, "argv", ["games_plays.py", *arguments])
    program().main()
    result = json.loads(written.read_text())
    rows = {row["model"]: row for row in result["rows"]}
    assert rows.keys() == {"popularity", "content", "item_item", "ease", "blend", "as served"}
    for row in rows.values():
        estimate, low, high = row["ndcg"]
        assert 0 <= low < estimate < high <= 1
    assert rows["popularity"]["ndcg_over_popularity"] == [0, 0, 0]
    assert result["unmatched_lines"] == 1
    assert result["tested_players"] == 200
    assert result["full_lists"] == 1.0
    lead = rows[result["candidate"]]["ndcg"][0] - rows["as served"]["ndcg"][0]
    assert lead < 0.02
    printed = capsys.readouterr().out
    assert "200 players are held out" in printed
    assert f"{rows['ease']['ndcg'][0]:.4f} [" in printed


def test_nothing_is_chosen_on_the_test_part(steam_200k, monkeypatch):
    games = builtin.catalogue()
    data = program().features.build(games, program().read(steam_200k, games).plays, as_of=program().CUT)
    test = evaluation.split(data, seed=2).held_out[["user_id", "game_id"]].apply(tuple, axis=1)
    chosen_on = []

    def choose(train, *, seed):
        chosen_on.append(set(train.plays[["user_id", "game_id"]].apply(tuple, axis=1)))
        raise InterruptedError

    monkeypatch.setattr(program(), "choose", choose)
    with pytest.raises(InterruptedError):
        program().measure(steam_200k, games, seed=2)
    assert chosen_on
    assert not chosen_on[0] & set(test)


def test_a_file_whose_players_have_few_games_is_refused_with_the_reason(tmp_path):
    path = tmp_path / "plays.csv"
    path.write_text("user,game,hours\n1,Portal,1\n2,Portal,1\n3,Unheard Of,1\n")
    with pytest.raises(SystemExit, match=r"No player of the file has 5 plays .* 1 of 3 lines match none"):
        program().measure(path, builtin.catalogue(), seed=1)
