"""The sources of games: new, changed and delisted games, and the cut-off of a run."""

from datetime import date

import pandas as pd
import pytest

from almanac.contract import CutOff
from almanac.errors import SourceCorrupt, SourceUnavailable
from almanac.settings import Settings
from almanac.store.rows import raw
from almanac.workloads.games import sources
from almanac.workloads.games.contract import CONTRACT
from almanac.workloads.games.sources import builtin, games, plays_csv, simulated, steam
from tests.games_samples import game, play

SLOT = date(2026, 11, 22)
NO_PLAYS = plays_csv.frame([])


def test_the_built_in_games_are_some_hundreds_without_reviews():
    catalogue = builtin.catalogue()
    assert 300 <= len(catalogue) <= 500
    assert catalogue["game_id"].is_unique
    assert catalogue[["genres", "themes", "platforms", "developer"]].ne("").all(axis=None)
    assert pd.to_datetime(catalogue["released"]).dt.year.between(1980, 2025).all()
    assert catalogue["reviews"].sum() == 0


def test_without_mirror_cache_and_network_the_built_in_games_are_used_and_named(
    tmp_path, caplog, monkeypatch
):
    monkeypatch.delenv("ALMANAC_MIRROR", raising=False)
    fetched = sources.fetch(Settings(home=tmp_path, offline=True))
    assert (fetched.simulated, fetched.source, len(fetched.games)) == (True, "simulated", 400)
    assert "NO REAL DATA" in caplog.text
    assert fetched.skipped_sources[0].startswith("steam (")


def test_loading_again_changes_nothing_and_a_changed_game_is_logged(owner):
    first = games.frame([game("Portal"), game("Doom")])
    changed = games.frame([game("Portal", reviews=101), game("Doom")])
    assert raw.upsert(owner, CONTRACT, "games", first).inserted == 2
    assert raw.upsert(owner, CONTRACT, "games", first).unchanged == 2
    assert raw.upsert(owner, CONTRACT, "games", changed).updated == 1
    assert raw.corrections(owner, "games", limit=5)["after"].iloc[0]["reviews"] == 101


def test_a_broken_catalogue_stops_the_collect_and_loses_nothing(owner, tmp_path):
    raw.upsert(owner, CONTRACT, "games", games.frame([game("Portal")]))
    place = tmp_path / steam.FILE.repository / steam.FILE.path
    place.parent.mkdir(parents=True)
    place.write_bytes(b"PK broken")
    with pytest.raises(SourceCorrupt, match="has sha-256"):
        sources.fetch(Settings(home=tmp_path, mirror=str(tmp_path), offline=True))
    assert raw.read(owner, CONTRACT, "games")[["title", "listed"]].to_numpy().tolist() == [["Portal", True]]


def test_a_delisted_game_is_left_out_until_its_source_lists_it_again(owner):
    everything = games.frame([game("Portal"), game("Doom"), game("Other", source="igdb")])
    raw.upsert(owner, CONTRACT, "games", everything)
    delisted = games.delisted(games.frame([game("Doom")]), raw.read(owner, CONTRACT, "games"))
    assert delisted["title"].tolist() == ["Portal"]
    raw.upsert(owner, CONTRACT, "games", delisted)
    selected = sources.select(raw.read(owner, CONTRACT, "games"), sample="full")
    assert selected["title"].tolist() == ["Doom", "Other"]
    raw.upsert(owner, CONTRACT, "games", everything)
    assert len(sources.select(raw.read(owner, CONTRACT, "games"), sample="full")) == 3


def test_real_games_are_selected_before_simulated_ones_except_in_a_mock():
    both = games.frame([game("Portal"), game("Simulated", source="simulated")])
    assert sources.select(both, sample="full")["title"].tolist() == ["Portal"]
    assert sources.select(both, sample="mock")["title"].tolist() == ["Simulated"]
    with pytest.raises(SourceUnavailable, match="Run 1_collect first"):
        sources.select(both.head(0), sample="full")


def cut_off(
    title: str, plays: pd.DataFrame, *, source: str = "steam", requested: date | None = None
) -> CutOff:
    """Return the cut-off of one game and these plays."""
    catalogue = games.frame([game(title, source=source)])
    return sources.cut_off(catalogue, plays, requested=requested, slot=SLOT)


def test_the_cut_off_of_the_old_catalogue_is_a_demonstration():
    cut = cut_off("Portal", NO_PLAYS)
    assert (cut.data_as_of, cut.demo, cut.simulated, cut.source) == (date(2019, 6, 1), True, False, "steam")


def test_the_cut_off_of_simulated_games_is_the_end_of_the_simulation():
    cut = cut_off("Portal", NO_PLAYS, source="simulated")
    assert (cut.data_as_of, cut.simulated) == (simulated.ENDS_AT.date(), True)


def test_fresh_plays_or_a_live_source_make_the_slot_the_cut_off():
    fresh = plays_csv.frame([play("ann", "Portal", "2026-11-20")])
    old = plays_csv.frame([play("ann", "Portal", "2018-11-20")])
    assert cut_off("Portal", fresh).demo is False
    assert cut_off("Portal", old).data_as_of == date(2019, 6, 1)
    assert cut_off("Portal", NO_PLAYS, source="igdb").data_as_of == SLOT
    assert cut_off("Portal", old, source="igdb", requested=date(2020, 1, 1)).demo is True


def test_the_newest_datum_is_the_last_play_before_the_cut_off_or_else_the_last_game():
    rows = [play("ann", "Portal", day) for day in ("2018-11-20", "2019-02-03", "2019-07-01")]
    cut = cut_off("Portal", plays_csv.frame(rows))
    assert (cut.data_as_of, cut.newest_data) == (date(2019, 6, 1), date(2019, 2, 3))
    catalogue = games.frame([game("Portal") | {"released": "2011-04-18"}])
    cut = sources.cut_off(catalogue, NO_PLAYS, requested=None, slot=SLOT)
    assert cut.newest_data == date(2011, 4, 18)


def test_simulated_players_are_the_same_for_the_same_seed():
    catalogue = builtin.catalogue()
    one, again, other = (simulated.world(catalogue, users=60, seed=seed).plays for seed in (1, 1, 2))
    pd.testing.assert_frame_equal(one, again)
    assert not one.equals(other)
    assert not one.duplicated(["user_id", "game_id"]).any()


def test_simulated_players_play_the_games_that_they_like():
    catalogue = builtin.catalogue()
    world = simulated.world(catalogue, users=60, seed=1)
    rows = pd.Index(world.users).get_indexer(world.plays["user_id"])
    columns = pd.Index(catalogue["game_id"]).get_indexer(world.plays["game_id"])
    assert world.liking[rows, columns].mean() > world.liking.mean() + 1
