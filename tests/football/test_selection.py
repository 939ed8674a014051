"""Which matches a run may use, and which club a name means."""

from datetime import date
from pathlib import Path

import nbformat
import pandas as pd
import pytest

from almanac.contract import CutOff
from almanac.errors import SourceUnavailable, UsageError
from almanac.workloads.football import features, sources
from almanac.workloads.football.contract import CONTRACT
from almanac.workloads.football.sources import selection, simulated
from tests.football.match_samples import match
from tests.football.match_samples import matches as frame_of

PREDICT = Path(__file__).parents[2] / "notebooks" / "football" / "4_predict.ipynb"


def matches(*days: str, source: str = "openfootball") -> pd.DataFrame:
    """Return matches between two clubs on the given days."""
    clubs = {"home": "Arsenal FC", "away": "Chelsea FC"}
    rows = {"date": pd.to_datetime(list(days)), **clubs, "source": source, "status": "scheduled"}
    return pd.DataFrame(rows)


def test_real_matches_hide_generated_ones() -> None:
    both = pd.concat([matches("2025-04-01"), matches("2025-04-02", source="simulated")])
    assert sources.select(both, sample="full")["source"].tolist() == ["openfootball"]


def test_a_mock_run_uses_generated_matches_only() -> None:
    both = pd.concat([matches("2025-04-01"), matches("2025-04-02", source="simulated")])
    assert sources.select(both, sample="mock")["source"].tolist() == ["simulated"]


def test_generated_matches_serve_where_there_are_no_others() -> None:
    assert len(sources.select(matches("2025-04-02", source="simulated"), sample="full")) == 1


def test_without_any_match_the_error_says_what_to_run() -> None:
    with pytest.raises(SourceUnavailable, match="Run 1_collect first"):
        sources.select(matches(), sample="full")


def test_the_slots_day_is_the_cut_off_if_matches_follow_it() -> None:
    cut = sources.cut_off(matches("2026-11-20", "2026-11-25"), requested=None, slot=date(2026, 11, 22))
    assert cut == CutOff(date(2026, 11, 22), demo=False, simulated=False, source="openfootball")


def test_the_newest_result_before_the_cut_off_is_told_beside_it() -> None:
    rows = frame_of(
        match("2025-05-24", "Ash", "Birch", "1-0"),
        match("2025-05-25", "Oak", "Pine", "1-0"),
        match("2025-05-31", "Elm", "Pine", None),
        match("2025-08-02", "Ash", "Oak", None),
    )
    cut = sources.cut_off(rows, requested=None, slot=date(2025, 7, 25))
    assert (cut.data_as_of, cut.demo, cut.newest_data) == (date(2025, 7, 25), False, date(2025, 5, 25))
    assert CONTRACT.old_data(cut.data_as_of, cut.newest_data) == (
        "The newest data are of 2025-05-25, 61 days before the cut-off; "
        "the sources usually bring newer data within 14 days."
    )


@pytest.mark.parametrize(("first", "is_demo"), [("2026-07-14", False), ("2026-07-15", True)])
def test_a_slot_is_the_cut_off_only_if_4_predict_finds_a_match(first: str, is_demo: bool) -> None:
    cut = sources.cut_off(matches(first), requested=None, slot=date(2026, 7, 1))
    assert cut.demo is is_demo
    if not is_demo:
        frame = features.build(frame_of(match(first, "Ash", "Birch", None)), as_of=cut.data_as_of)
        coming = features.coming(frame, as_of=cut.data_as_of, days=selection.HORIZON_DAYS)
        assert len(coming) == 1


def test_the_horizon_is_that_of_the_notebook() -> None:
    notebook = nbformat.read(PREDICT, as_version=4)
    assert f"HORIZON_DAYS = {selection.HORIZON_DAYS}" in notebook.cells[1].source


def test_postponed_matches_are_no_coming_ones() -> None:
    rows = matches("2026-11-20", "2026-11-25").assign(status=["played", "postponed"])
    cut = sources.cut_off(rows, requested=None, slot=date(2026, 11, 22))
    assert (cut.data_as_of, cut.demo) == (selection.DEMO_DATE, True)


def test_without_coming_matches_the_cut_off_is_a_demo_day_inside_the_data() -> None:
    cut = sources.cut_off(matches("2025-05-01"), requested=None, slot=date(2026, 11, 22))
    assert (cut.data_as_of, cut.demo) == (selection.DEMO_DATE, True)


def test_a_requested_day_is_the_cut_off() -> None:
    rows = matches("2025-05-01", source="simulated")
    cut = sources.cut_off(rows, requested=date(2025, 3, 1), slot=date(2026, 11, 22))
    assert cut == CutOff(date(2025, 3, 1), demo=True, simulated=True, source="simulated")


@pytest.mark.parametrize("name", ["Arsenal FC", "Arsenal", "arsenal fc"])
def test_a_club_is_found_by_its_name_and_its_spellings(name: str) -> None:
    assert sources.club(matches("2025-05-01"), name) == "Arsenal FC"


def test_an_unknown_club_is_refused_with_the_nearest_names() -> None:
    with pytest.raises(UsageError, match=r"Unknown club 'Arsenall'\. Did you mean Arsenal FC"):
        sources.club(matches("2025-05-01"), "Arsenall")


@pytest.mark.slow
def test_a_single_match_gets_the_features_of_the_day_of_the_cut_off() -> None:
    matches = simulated.matches()
    home, away = matches["home"].iloc[-1], matches["away"].iloc[-1]
    row = features.one(lambda _table: matches, {"home": home, "away": away}, as_of=date(2025, 4, 25))
    assert row[["home", "away"]].to_numpy().tolist() == [[home, away]]
    assert row["date"].tolist() == [pd.Timestamp("2025-04-25")]


def test_a_single_match_is_played_in_the_league_of_the_home_club() -> None:
    rows = [
        match("2025-04-01", "Ash", "Birch", "1-0"),
        match("2025-04-10", "Oak", "Pine", "1-0", league="D1"),
    ]
    frame, inputs = frame_of(*rows), {"home": "Ash", "away": "Birch"}
    row = features.one(lambda _table: frame, inputs, as_of=date(2025, 4, 20))
    assert row["league"].tolist() == ["E0"]


def test_a_single_match_needs_both_clubs() -> None:
    with pytest.raises(UsageError, match=r"A match needs \['away'\]"):
        features.one(lambda _table: matches(), {"home": "Arsenal FC"}, as_of=None)


def test_a_match_that_its_source_gave_up_is_not_selected() -> None:
    rows = pd.DataFrame({"source": "openfootball", "status": ["gone", "scheduled", "played"]})
    assert sources.select(rows, sample="full")["status"].to_list() == ["scheduled", "played"]
