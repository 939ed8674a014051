"""Which matches a run may know, and which club a name means."""

from datetime import date

import pandas as pd
import pytest

from almanac.errors import SourceUnavailable, UsageError
from almanac.workloads.football import features, sources
from almanac.workloads.football.sources import selection, simulated
from tests.football import match_samples as made


def matches(*days: str, source: str = "openfootball") -> pd.DataFrame:
    """Return matches between two clubs on the given days."""
    return pd.DataFrame(
        {"date": pd.to_datetime(list(days)), "home": "Arsenal FC", "away": "Chelsea FC", "source": source}
    )


def test_real_matches_hide_generated_ones() -> None:
    both = pd.concat([matches("2025-04-01"), matches("2025-04-02", source="simulated")])
    assert sources.select(both, sample="full")["source"].tolist() == ["openfootball"]


def test_a_mock_run_knows_generated_matches_only() -> None:
    both = pd.concat([matches("2025-04-01"), matches("2025-04-02", source="simulated")])
    assert sources.select(both, sample="mock")["source"].tolist() == ["simulated"]


def test_generated_matches_serve_where_there_are_no_others() -> None:
    assert len(sources.select(matches("2025-04-02", source="simulated"), sample="full")) == 1


def test_no_match_at_all_is_said_with_the_way_out() -> None:
    with pytest.raises(SourceUnavailable, match="Run 1_collect first"):
        sources.select(matches(), sample="full")


def test_the_slot_s_day_is_the_cut_off_where_matches_follow_it() -> None:
    cut = sources.cut_off(matches("2026-11-20", "2026-11-25"), requested=None, slot=date(2026, 11, 22))
    assert (cut.data_as_of, cut.demo, cut.simulated, cut.source) == (
        date(2026, 11, 22),
        False,
        False,
        "openfootball",
    )


def test_without_coming_matches_a_day_inside_the_data_is_the_cut_off_and_it_says_so() -> None:
    cut = sources.cut_off(matches("2025-05-01"), requested=None, slot=date(2026, 11, 22))
    assert (cut.data_as_of, cut.demo) == (selection.DEMO_DATE, True)


def test_a_day_that_somebody_asked_for_is_the_cut_off() -> None:
    cut = sources.cut_off(
        matches("2025-05-01", source="simulated"), requested=date(2025, 3, 1), slot=date(2026, 11, 22)
    )
    assert (cut.data_as_of, cut.demo, cut.simulated, cut.source) == (
        date(2025, 3, 1),
        True,
        True,
        "simulated",
    )


@pytest.mark.parametrize("name", ["Arsenal FC", "Arsenal", "arsenal fc"])
def test_a_club_is_found_by_its_name_and_its_spellings(name: str) -> None:
    assert sources.club(matches("2025-05-01"), name) == "Arsenal FC"


def test_an_unknown_club_is_refused_with_the_nearest_names() -> None:
    with pytest.raises(UsageError, match=r"Unknown club 'Arsenall'\. Did you mean Arsenal FC"):
        sources.club(matches("2025-05-01"), "Arsenall")


@pytest.mark.slow
def test_a_single_match_gets_the_features_of_the_day_of_the_cut_off() -> None:
    known = simulated.matches()
    home, away = known["home"].iloc[-1], known["away"].iloc[-1]
    row = features.one(lambda _table: known, {"home": home, "away": away}, as_of=date(2025, 4, 25))
    assert row[["home", "away"]].to_numpy().tolist() == [[home, away]]
    assert row["date"].tolist() == [pd.Timestamp("2025-04-25")]


def test_a_single_match_is_played_in_the_league_of_the_home_club() -> None:
    known = made.matches(
        made.match("2025-04-01", "Ash", "Birch", "1-0"),
        made.match("2025-04-10", "Oak", "Pine", "1-0", league="D1"),
    )
    assert features.one(lambda _table: known, {"home": "Ash", "away": "Birch"}, as_of=date(2025, 4, 20))[
        "league"
    ].tolist() == ["E0"]


def test_a_single_match_needs_both_clubs() -> None:
    with pytest.raises(UsageError, match=r"A match needs \['away'\]"):
        features.one(lambda _table: matches(), {"home": "Arsenal FC"}, as_of=None)
