"""Scoring: every entry once, the same in one go or in increments, and stored tables that agree with each other."""

from datetime import UTC, datetime, timedelta

import pandas as pd
import pyarrow as pa
import pytest

from almanac.workloads.logs import contract, scoring
from almanac.workloads.logs.model import LogModel
from almanac.workloads.logs.scoring import Past, Stamp
from almanac.workloads.logs.shared import masking
from almanac.workloads.logs.sources import simulated
from tests.logs.log_samples import BEGIN, Row, entries

STAMP = Stamp(3, datetime(2025, 6, 2, tzinfo=UTC))


def shop() -> pa.Table:
    (table,) = simulated.entries()
    return table.append_column("entry_id", pa.array(range(1, len(table) + 1), pa.int64()))


def score(
    model: LogModel, *tables: pa.Table, past: Past | None = None, stamp: Stamp = STAMP
) -> dict[str, pd.DataFrame]:
    return scoring.score(model, tables, past or scoring.nothing_past(), stamp=stamp)


def test_every_entry_is_scored_once_and_all_tables_have_the_columns_they_declare(log_model: LogModel) -> None:
    told = score(log_model, shop())
    assert told["predictions"]["entry_id"].tolist() == list(range(1, 3319))
    for table in contract.CONTRACT.released_tables:
        assert list(told[table.name].columns) == table.column_names, table.name
    for name in ("templates", "usage", "rollups", "template_hours"):
        assert told[name]["entries"].sum() == 3318
        assert told[name]["anomalies"].sum() == told["predictions"]["anomaly"].sum()


def test_each_entry_has_its_letter_at_the_place_of_its_number(log_model: LogModel) -> None:
    rows: list[Row] = [
        ("api", None, at, "fatal error in the boiler room" if at % 2 else "stored basket in cache")
        for at in range(300)
    ]
    told = score(log_model, entries(rows, first=1000))
    letters = told["blocks"].set_index("block")["letters"].to_dict()
    assert (sorted(letters), told["blocks"]["first_entry"].tolist()) == ([3, 4, 5], [1000, 1024, 1280])
    assert [len(letters[block]) for block in (3, 4, 5)] == [256, 256, 20]
    assert letters[3][:232].strip() == ""
    for row in told["predictions"].itertuples():
        places = contract.LEVELS.index(row.level), contract.SEVERITIES.index(row.severity)
        assert letters[row.entry_id // 256][row.entry_id % 256] == contract.letter(
            *places, anomaly=row.anomaly
        )


def test_a_letter_stands_for_one_level_severity_and_anomaly() -> None:
    letters = [
        contract.letter(level, severity, anomaly=anomaly)
        for level in range(4)
        for severity in range(4)
        for anomaly in (False, True)
    ]
    assert "".join(letters) == "0123456789:;<=>?@ABCDEFGHIJKLMNO"


def test_abnormal_orders_are_found_and_told_why(log_model: LogModel) -> None:
    told = score(log_model, shop())
    sessions = told["sessions"]
    odd = sessions[sessions["anomaly"]]
    assert len(sessions) == 600
    assert 10 <= len(odd) <= 40
    assert odd["reasons"].str[0].str.contains("of sessions have").all()
    assert sessions.loc[~sessions["anomaly"], "reasons"].str.len().sum() == 0
    lines = told["predictions"].assign(session=shop()["session"].to_pandas())
    assert set(lines.loc[lines["session"].isin(odd["session"]), "anomaly_kind"]) == {"session"}


def test_batches_do_not_matter(log_model: LogModel) -> None:
    whole, table = score(log_model, shop()), shop()
    parts = score(log_model, table.slice(0, 1000), table.slice(1000, 7), table.slice(1007))
    assert parts["predictions"].equals(whole["predictions"])


def test_a_session_that_goes_on_in_a_later_run_is_judged_whole(log_model: LogModel) -> None:
    rows: list[Row] = [
        ("shop", "o1", 0, "registered new order 1 for customer"),
        ("shop", "o1", 9, "stored payment 1 in ledger"),
    ]
    more: list[Row] = [
        ("shop", "o1", 20, "handed over parcel 1 to courier 2"),
        ("shop", "o1", 30, "finished order 1 in 2 s"),
    ]
    first = score(log_model, entries(rows))
    past = Past(first["templates"], first["usage"], first["sessions"])
    second = score(log_model, entries(more, first=3), past=past)["sessions"].iloc[0]
    assert second["ended_at"] == BEGIN + timedelta(seconds=30)
    elsewhere: list[Row] = [("other", "o1", 20, "handed over parcel 1 to courier 2")]
    assert score(log_model, entries(elsewhere, first=3), past=past)["sessions"]["entries"].tolist() == [1], (
        "of another source it is another session"
    )
    assert (first["sessions"].iloc[0]["entries"], second["entries"], bool(second["anomaly"])) == (2, 4, False)
    assert second["started_at"] == first["sessions"].iloc[0]["started_at"]


def test_a_rare_text_in_a_source_that_is_well_known_is_an_anomaly(log_model: LogModel) -> None:
    rows: list[Row] = [("api", None, at, "stored basket in cache") for at in range(9_999)] + [
        ("api", None, 5, "fatal error in the boiler room")
    ]
    told = score(log_model, entries(rows))["predictions"]
    assert told.loc[told["anomaly"], ["entry_id", "anomaly_kind", "severity"]].to_numpy().tolist() == [
        [10_000, "rare", "critical"]
    ]


@pytest.mark.parametrize(("fatal", "is_rare"), [(0, True), (5, False)])
def test_what_was_published_before_counts_when_a_text_is_called_rare(
    log_model: LogModel, fatal: int, is_rare: bool
) -> None:
    before: list[Row] = [
        ("api", None, at, "fatal error in the boiler room" if at < fatal else "stored basket in cache")
        for at in range(9_999)
    ]
    first = score(log_model, entries(before))
    past = Past(first["templates"], first["usage"], first["sessions"])
    told = score(
        log_model, entries([("api", None, 10_000, "fatal error in the boiler room")], first=10_000), past=past
    )
    assert told["predictions"]["anomaly"].tolist() == [is_rare]


@pytest.mark.parametrize(("sessions", "is_judged"), [(99, False), (100, True)])
def test_a_source_that_no_model_knows_is_judged_by_its_own_sessions_once_there_are_100(
    log_model: LogModel, sessions: int, is_judged: bool
) -> None:
    rows: list[Row] = [
        ("river", f"s{number}", 60 * number, "walked along alpha") for number in range(sessions - 1)
    ]
    rows += [
        ("river", "odd", 60 * sessions, "walked along alpha"),
        ("river", "odd", 60 * sessions + 1, "drowned in beta"),
    ]
    table = score(log_model, entries(rows))["sessions"].set_index("session")
    assert table.loc["odd", "anomaly"] == is_judged
    assert table["anomaly"].sum() == is_judged


def test_exactly_ten_times_the_usual_is_a_burst(log_model: LogModel) -> None:
    quiet: list[Row] = [
        ("api", None, 300 * bucket + at, "stored basket in cache") for bucket in range(20) for at in range(5)
    ]
    burst: list[Row] = [("api", None, 6_000 + at, "stored basket in cache") for at in range(50)]
    told = score(log_model, entries(quiet + burst))["predictions"]
    assert told.loc[told["anomaly"], ["entry_id", "anomaly_score"]].to_numpy().tolist() == [[101, 0.5]]


def test_the_first_entry_of_a_burst_is_marked(log_model: LogModel) -> None:
    quiet: list[Row] = [("api", None, 300 * bucket, "stored basket in cache") for bucket in range(20)]
    burst: list[Row] = [("api", None, 6_000 + at, "stored basket in cache") for at in range(60)]
    told = score(log_model, entries(quiet + burst))["predictions"]
    assert told.loc[told["anomaly"], ["entry_id", "anomaly_kind"]].to_numpy().tolist() == [[21, "burst"]]


def test_a_text_somebody_asked_about_is_answered_though_no_entry_has_it(log_model: LogModel) -> None:
    asked = masking.mask("cannot reach server 12")
    told = score(
        log_model, entries([("api", None, 0, "stored it")]), stamp=Stamp(3, STAMP.predicted_at, (asked,))
    )
    answer = told["texts"].set_index("text_id").loc[masking.text_id(asked)]
    assert answer["level"] == "error"
    assert len(told["predictions"]) == len(told["templates"]) == 1


def test_nothing_new_gives_empty_tables(log_model: LogModel) -> None:
    released = [table.name for table in contract.CONTRACT.released_tables]
    assert {name: len(frame) for name, frame in score(log_model).items()} == dict.fromkeys(released, 0)
