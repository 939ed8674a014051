"""Scoring: every entry once, the same in one go or in increments, into tables that agree with each other."""

from datetime import UTC, datetime, timedelta

import pandas as pd
import pyarrow as pa
import pytest

from almanac.workloads.logs import contract, scoring
from almanac.workloads.logs.model import LogModel
from almanac.workloads.logs.scoring import Past, Stamp
from almanac.workloads.logs.shared import masking
from almanac.workloads.logs.sources import simulated
from tests.logs.log_samples import BEGIN, Row, entries, numbered

STAMP = Stamp(3, datetime(2025, 6, 2, tzinfo=UTC))
STORED, FATAL = "stored basket in cache", "fatal error in the boiler room"
COUNTED = ("templates", "usage", "rollups", "template_hours")


def shop() -> pa.Table:
    (table,) = simulated.entries()
    return numbered(table)


def score(
    model: LogModel, *tables: pa.Table, past: Past | None = None, stamp: Stamp = STAMP
) -> dict[str, pd.DataFrame]:
    return scoring.score(model, tables, past or scoring.nothing_past(), stamp=stamp)


def past_after(content: dict[str, pd.DataFrame]) -> Past:
    """Return the past of a version that has published these tables only."""
    return Past(content["templates"], content["usage"], content["sessions"])


def of_api(texts: list[str], *, every: int = 1) -> list[Row]:
    """Return entries without session, one in so many seconds."""
    return [("api", None, every * number, text) for number, text in enumerate(texts)]


def anomalies(predictions: pd.DataFrame, *columns: str) -> list[list[object]]:
    rows = predictions.loc[predictions["anomaly"], list(columns)]
    return rows.to_numpy().tolist()


def test_every_entry_is_scored_once_and_all_tables_have_their_declared_columns(log_model: LogModel) -> None:
    content = score(log_model, shop())
    declared = {table.name: table.column_names for table in contract.CONTRACT.released_tables}
    assert content["predictions"]["entry_id"].tolist() == list(range(1, 3319))
    assert {name: list(frame.columns) for name, frame in content.items()} == declared
    assert [content[name]["entries"].sum() for name in COUNTED] == [3318] * 4
    count = content["predictions"]["anomaly"].sum()
    assert [content[name]["anomalies"].sum() for name in COUNTED] == [count] * 4


def test_each_entry_has_its_letter_at_the_place_of_its_number(log_model: LogModel) -> None:
    texts = [FATAL if number % 2 else STORED for number in range(300)]
    content = score(log_model, entries(of_api(texts), first=1000))
    blocks = content["blocks"].set_index("block")
    letters = blocks["letters"].to_dict()
    assert blocks["first_entry"].to_dict() == {3: 1000, 4: 1024, 5: 1280}
    assert {block: len(line) for block, line in letters.items()} == {3: 256, 4: 256, 5: 20}
    assert letters[3][:232].strip() == ""
    for row in content["predictions"].itertuples():
        level, severity = contract.LEVELS.index(row.level), contract.SEVERITIES.index(row.severity)
        block, place = divmod(row.entry_id, 256)
        assert letters[block][place] == contract.letter(level, severity, anomaly=row.anomaly)


def test_a_letter_stands_for_one_level_severity_and_anomaly() -> None:
    letters = [
        contract.letter(level, severity, anomaly=anomaly)
        for level in range(4)
        for severity in range(4)
        for anomaly in (False, True)
    ]
    assert "".join(letters) == "0123456789:;<=>?@ABCDEFGHIJKLMNO"


def test_abnormal_orders_are_detected_with_reasons(log_model: LogModel) -> None:
    content = score(log_model, shop())
    sessions = content["sessions"]
    abnormal, usual = sessions[sessions["anomaly"]], sessions[~sessions["anomaly"]]
    lines = content["predictions"].assign(session=shop()["session"].to_pandas())
    of_abnormal = lines[lines["session"].isin(abnormal["session"])]
    assert len(sessions) == 600
    assert 10 <= len(abnormal) <= 40
    assert abnormal["reasons"].str[0].str.contains("of sessions have").all()
    assert usual["reasons"].str.len().sum() == 0
    assert set(of_abnormal["anomaly_kind"]) == {"session"}


def test_the_size_of_batches_changes_nothing(log_model: LogModel) -> None:
    table = shop()
    whole = score(log_model, table)
    in_parts = score(log_model, table.slice(0, 1000), table.slice(1000, 7), table.slice(1007))
    assert in_parts["predictions"].equals(whole["predictions"])


def test_a_session_that_goes_on_in_a_later_run_is_judged_whole(log_model: LogModel) -> None:
    begin: list[Row] = [
        ("shop", "o1", 0, "registered new order 1 for customer"),
        ("shop", "o1", 9, "stored payment 1 in ledger"),
    ]
    end: list[Row] = [
        ("shop", "o1", 20, "handed over parcel 1 to courier 2"),
        ("shop", "o1", 30, "finished order 1 in 2 s"),
    ]
    first = score(log_model, entries(begin))
    second = score(log_model, entries(end, first=3), past=past_after(first))
    (before,), (after,) = first["sessions"].itertuples(), second["sessions"].itertuples()
    assert (before.entries, after.entries, bool(after.anomaly)) == (2, 4, False)
    assert (before.started_at, after.started_at) == (BEGIN, BEGIN)
    assert after.ended_at == BEGIN + timedelta(seconds=30)


def test_a_session_of_another_source_is_another_session(log_model: LogModel) -> None:
    first = score(log_model, entries([("shop", "o1", 0, "registered new order 1 for customer")]))
    elsewhere = entries([("other", "o1", 20, "handed over parcel 1 to courier 2")], first=2)
    sessions = score(log_model, elsewhere, past=past_after(first))["sessions"]
    assert sessions["entries"].tolist() == [1]


def test_a_rare_text_in_a_source_with_many_entries_is_an_anomaly(log_model: LogModel) -> None:
    rows = of_api([STORED] * 9_999 + [FATAL])
    predictions = score(log_model, entries(rows))["predictions"]
    assert anomalies(predictions, "entry_id", "anomaly_kind", "severity") == [[10_000, "rare", "critical"]]


@pytest.mark.parametrize(("fatal", "is_rare"), [(0, True), (5, False)])
def test_earlier_entries_count_when_a_text_is_called_rare(
    log_model: LogModel, fatal: int, is_rare: bool
) -> None:
    before = of_api([FATAL] * fatal + [STORED] * (9_999 - fatal))
    past = past_after(score(log_model, entries(before)))
    now = entries([("api", None, 10_000, FATAL)], first=10_000)
    assert score(log_model, now, past=past)["predictions"]["anomaly"].tolist() == [is_rare]


@pytest.mark.parametrize(("sessions", "is_judged"), [(99, False), (100, True)])
def test_a_source_that_no_model_knows_is_judged_by_its_own_sessions_once_there_are_100(
    log_model: LogModel, sessions: int, is_judged: bool
) -> None:
    usual: list[Row] = [
        ("river", f"s{number}", 60 * number, "walked along alpha") for number in range(sessions - 1)
    ]
    odd: list[Row] = [
        ("river", "odd", 60 * sessions, "walked along alpha"),
        ("river", "odd", 60 * sessions + 1, "drowned in beta"),
    ]
    table = score(log_model, entries(usual + odd))["sessions"].set_index("session")
    assert table.loc["odd", "anomaly"] == is_judged
    assert table["anomaly"].sum() == is_judged


def test_exactly_ten_times_the_usual_is_a_burst(log_model: LogModel) -> None:
    quiet: list[Row] = [
        ("api", None, 300 * bucket + second, STORED) for bucket in range(20) for second in range(5)
    ]
    burst: list[Row] = [("api", None, 6_000 + second, STORED) for second in range(50)]
    predictions = score(log_model, entries(quiet + burst))["predictions"]
    assert anomalies(predictions, "entry_id", "anomaly_score") == [[101, 0.5]]


def test_only_the_first_entry_of_a_burst_is_an_anomaly(log_model: LogModel) -> None:
    quiet = of_api([STORED] * 20, every=300)
    burst: list[Row] = [("api", None, 6_000 + second, STORED) for second in range(60)]
    predictions = score(log_model, entries(quiet + burst))["predictions"]
    assert anomalies(predictions, "entry_id", "anomaly_kind") == [[21, "burst"]]


def test_a_pending_text_is_classified_though_no_entry_has_it(log_model: LogModel) -> None:
    pending = masking.mask("cannot reach server 12")
    stamp = Stamp(3, STAMP.predicted_at, (pending,))
    content = score(log_model, entries(of_api(["stored it"])), stamp=stamp)
    texts = content["texts"].set_index("text_id")
    assert texts.loc[masking.text_id(pending), "level"] == "error"
    assert len(content["predictions"]) == len(content["templates"]) == 1


def test_without_new_entries_all_tables_are_empty(log_model: LogModel) -> None:
    released = [table.name for table in contract.CONTRACT.released_tables]
    assert {name: len(frame) for name, frame in score(log_model).items()} == dict.fromkeys(released, 0)
