"""What a collect brings in: known games, changes, disappearances, and a cut-off that is told honestly."""

from datetime import date

import pandas as pd
import pytest

from almanac.errors import SourceCorrupt, SourceUnavailable
from almanac.settings import Settings
from almanac.store.rows import raw
from almanac.workloads.games import sources
from almanac.workloads.games.contract import CONTRACT
from almanac.workloads.games.sources import builtin, games, plays_csv, simulated, steam
from tests.games_samples import game, play

SLOT = date(2026, 11, 22)


def test_the_built_in_games_are_some_hundreds_with_facts_only():
    known = builtin.catalogue()
    assert 300 <= len(known) <= 500
    assert known["game_id"].is_unique
    assert known[["genres", "themes", "platforms", "developer"]].ne("").all(axis=None)
    assert pd.to_datetime(known["released"]).dt.year.between(1980, 2025).all()
    assert known["reviews"].sum() == 0


def test_without_mirror_cache_and_network_the_built_in_games_take_their_place_and_say_so(
    tmp_path, caplog, monkeypatch
):
    monkeypatch.delenv("ALMANAC_MIRROR", raising=False)
    told = sources.fetch(Settings(home=tmp_path, offline=True))
    assert (told.simulated, told.source, len(told.games)) == (True, "simulated", 400)
    assert "NO REAL DATA" in caplog.text
    assert told.skipped_sources[0].startswith("steam (")


def test_loading_again_changes_nothing_and_a_changed_game_is_logged(owner):
    first = games.frame([game("Portal"), game("Doom")])
    assert raw.upsert(owner, CONTRACT, "games", first).inserted == 2
    assert raw.upsert(owner, CONTRACT, "games", first).unchanged == 2
    assert (
        raw.upsert(owner, CONTRACT, "games", games.frame([game("Portal", reviews=101), game("Doom")])).updated
        == 1
    )
    assert raw.corrections(owner, "games", limit=5)["after"].iloc[0]["reviews"] == 101


def test_a_broken_catalogue_stops_the_collect_and_loses_nothing(owner, tmp_path):
    raw.upsert(owner, CONTRACT, "games", games.frame([game("Portal")]))
    place = tmp_path / steam.FILE.repository / steam.FILE.path
    place.parent.mkdir(parents=True)
    place.write_bytes(b"PK broken")
    with pytest.raises(SourceCorrupt, match="has sha-256"):
        sources.fetch(Settings(home=tmp_path, mirror=str(tmp_path), offline=True))
    assert raw.read(owner, CONTRACT, "games")[["title", "listed"]].to_numpy().tolist() == [["Portal", True]]


def test_a_game_that_its_source_no_longer_lists_is_not_recommended_and_comes_back(owner):
    known = games.frame([game("Portal"), game("Doom"), game("Other", source="igdb")])
    raw.upsert(owner, CONTRACT, "games", known)
    fetched = games.frame([game("Doom")])
    gone = games.gone(fetched, raw.read(owner, CONTRACT, "games"))
    assert gone["title"].tolist() == ["Portal"]
    raw.upsert(owner, CONTRACT, "games", gone)
    assert sources.select(raw.read(owner, CONTRACT, "games"), sample="full")["title"].tolist() == [
        "Doom",
        "Other",
    ]
    raw.upsert(owner, CONTRACT, "games", known)
    assert len(sources.select(raw.read(owner, CONTRACT, "games"), sample="full")) == 3


def test_real_games_go_before_made_up_ones_except_in_a_mock():
    both = games.frame([game("Portal"), game("Made Up", source="simulated")])
    assert sources.select(both, sample="full")["title"].tolist() == ["Portal"]
    assert sources.select(both, sample="mock")["title"].tolist() == ["Made Up"]
    with pytest.raises(SourceUnavailable, match="Run 1_collect first"):
        sources.select(both.head(0), sample="full")


def test_the_cut_off_of_the_old_catalogue_is_a_demonstration_and_of_made_up_games_simulated():
    nothing = plays_csv.frame([])
    cut = sources.cut_off(games.frame([game("Portal")]), nothing, wanted=None, slot=SLOT)
    assert (cut.data_as_of, cut.demo, cut.simulated, cut.source) == (date(2019, 6, 1), True, False, "steam")
    made_up = sources.cut_off(
        games.frame([game("Portal", source="simulated")]), nothing, wanted=None, slot=SLOT
    )
    assert (made_up.data_as_of, made_up.simulated) == (simulated.ENDS_AT.date(), True)


def test_fresh_plays_or_a_live_source_make_the_slot_the_cut_off():
    fresh = plays_csv.frame([play("ann", "Portal", "2026-11-20")])
    assert sources.cut_off(games.frame([game("Portal")]), fresh, wanted=None, slot=SLOT).demo is False
    old = plays_csv.frame([play("ann", "Portal", "2018-11-20")])
    assert sources.cut_off(games.frame([game("Portal")]), old, wanted=None, slot=SLOT).data_as_of == date(
        2019, 6, 1
    )
    live = games.frame([game("Portal", source="igdb")])
    assert sources.cut_off(live, plays_csv.frame([]), wanted=None, slot=SLOT).data_as_of == SLOT
    assert sources.cut_off(live, old, wanted=date(2020, 1, 1), slot=SLOT).demo is True


def test_made_up_players_are_the_same_for_the_same_seed_and_follow_their_liking():
    known = builtin.catalogue()
    one, again, other = (simulated.world(known, users=60, seed=seed) for seed in (1, 1, 2))
    pd.testing.assert_frame_equal(one.plays, again.plays)
    assert not one.plays.equals(other.plays)
    place = dict(zip(known["game_id"], range(len(known)), strict=True))
    row = dict(zip(one.users, range(len(one.users)), strict=True))
    liked = [
        one.liking[row[user], place[game]]
        for user, game in zip(one.plays["user_id"], one.plays["game_id"], strict=True)
    ]
    assert sum(liked) / len(liked) > one.liking.mean() + 1
    assert not one.plays.duplicated(["user_id", "game_id"]).any()
