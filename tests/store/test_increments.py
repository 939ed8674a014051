"""Incremental workloads: a release names all runs of its version, none has gaps, and small runs do not pile up."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from threading import Timer

import pytest

from almanac import discovery
from almanac.contract import Contract
from almanac.errors import AuditFailed, RunFenced, UsageError
from almanac.operations import compare, promote
from almanac.store.connections.database import Database
from almanac.store.publishing import prune, publish, published
from almanac.store.publishing.incremental import entries, erasures, increments
from almanac.store.publishing.incremental.entries import EntryRange, UnscoredEntries
from almanac.store.records import ledger, releases, runs, versions
from almanac.store.rows.hashes import frame_hash
from almanac.store.schema.tables import SCHEMA
from tests import stub
from tests.queries import change, one, rows, within
from tests.store import diary
from tests.store.diary import DIARY, fill, release, write


@pytest.fixture(autouse=True)
def tables(owner: Database) -> None:
    """The tables of the diary."""
    diary.make(owner)


@pytest.fixture
def piling(monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs of any size count as large, so that none is taken over."""
    monkeypatch.setattr(increments, "LARGEST_ROWS", 0)


def live(owner: Database) -> releases.ReleaseRow:
    found = within(owner, releases.live, "diary")
    assert found is not None, "nothing was released"
    return found


def answered(reader: Database) -> list[tuple[int, str, float]]:
    """What people read in the live view."""
    return rows(reader, "SELECT entry_id, mood, score FROM api.diary_live ORDER BY entry_id")


def moods(owner: Database, version: int = 1) -> list[tuple[object, ...]]:
    return list(published.read_version(owner, DIARY, "moods", version).itertuples(index=False, name=None))


def test_each_run_judges_only_what_is_new_and_the_release_names_all_runs(
    owner: Database, reader: Database, piling: None
) -> None:
    write(owner, ["a", "b"])
    first = release(owner)
    write(owner, ["c"])
    second = release(owner)
    assert (live(owner)["run_id"], live(owner)["run_ids"]) == (second, [first, second])
    assert answered(reader) == [(1, "glad", 0.25), (2, "sad", 0.25), (3, "calm", 0.25)]
    write(owner, ["d"])
    release(owner)
    assert [number for number, *_ in answered(reader)] == [1, 2, 3, 4]
    assert rows(owner, "SELECT rows, covered_until FROM almanac.runs ORDER BY started_at") == [
        (2, 2),
        (1, 3),
        (1, 4),
    ]
    assert within(owner, runs.get, second)["model_version"] == 1


def test_a_run_takes_over_the_rows_of_small_runs_before_it(owner: Database, reader: Database) -> None:
    write(owner, ["a", "b"])
    first = release(owner)
    write(owner, ["c"])
    second = release(owner)
    assert live(owner)["run_ids"] == [second]
    assert answered(reader) == [(1, "glad", 0.25), (2, "sad", 0.25), (3, "calm", 0.25)]
    assert within(owner, runs.get, first)["absorbed_by"] == second
    assert within(owner, runs.get, second)["rows"] == 3
    with owner.connect() as connection:
        assert (
            publish.staged_hash(connection, DIARY, second, SCHEMA)
            == within(owner, runs.get, second)["prediction_hash"]
        )


def test_side_tables_are_merged_by_key_as_the_contract_says(owner: Database) -> None:
    write(owner, ["a", "b", "c", "d"])
    release(owner)
    write(owner, ["e", "f", "g"])
    release(owner)
    merged = [("calm", 2, 3, 6, "up to 7"), ("glad", 3, 1, 7, "up to 7"), ("sad", 2, 2, 5, "up to 7")]
    assert (
        rows(
            owner,
            "SELECT mood, entries, first_id, last_id, said FROM almanac.diary_moods WHERE run_id = :run ORDER BY mood",
            run=live(owner)["run_id"],
        )
        == merged
    )
    assert moods(owner) == merged


def test_reading_all_runs_of_a_version_merges_as_taking_over_does(owner: Database, piling: None) -> None:
    write(owner, ["a", "b", "c", "d"])
    release(owner)
    write(owner, ["e", "f", "g"])
    release(owner)
    assert moods(owner) == [
        ("calm", 2, 3, 6, "up to 7"),
        ("glad", 3, 1, 7, "up to 7"),
        ("sad", 2, 2, 5, "up to 7"),
    ]
    assert list(published.read_version(owner, DIARY, "predictions", 1)["entry_id"]) == [1, 2, 3, 4, 5, 6, 7]


@pytest.mark.parametrize(
    ("sizes", "new", "taken"),
    [
        ([100, 100], 100, [100, 100]),
        ([400_000, 3_000], 200, [3_000]),
        ([9_000], 4_000, []),
        ([8_000], 4_000, [8_000]),
        ([30_000, 8_000], 4_000, [8_000]),
        ([20_000, 8_000], 4_000, [8_000, 20_000]),
        ([400_000], 200_000, [400_000]),
        ([900_000], 450_001, []),
        ([900_000], 100_001, []),
        ([900_000], 450_000, []),
        ([400_000], 600_000, [400_000]),
        ([100, 900_000, 200], 300, [200]),
        ([], 10, []),
    ],
)
def test_the_newest_runs_are_taken_over_while_they_are_not_much_larger_than_what_is_held(
    sizes: list[int], new: int, taken: list[int]
) -> None:
    before = [{"rows": size} for size in sizes]
    assert [record["rows"] for record in increments.runs_to_absorb(before, new)] == taken  # type: ignore[arg-type]


def test_a_thousand_runs_leave_a_handful_of_tables_and_each_row_is_copied_a_few_times() -> None:
    held: list[dict[str, int]] = []
    most, copied = 0, 0
    for _ in range(1_000):
        taken = increments.runs_to_absorb(held, 2_000)  # type: ignore[arg-type]
        copied += sum(record["rows"] for record in taken)
        held = [*held[: len(held) - len(taken)], {"rows": 2_000 + sum(record["rows"] for record in taken)}]
        most = max(most, len(held))
    assert sum(record["rows"] for record in held) == 2_000_000
    assert most <= 20
    assert copied / 2_000_000 < 8


def test_a_run_with_nothing_new_is_released_all_the_same(owner: Database, reader: Database) -> None:
    release(owner)
    assert answered(reader) == []
    write(owner, ["a"])
    release(owner)
    empty = release(owner)
    assert live(owner)["run_ids"] == [empty]
    assert answered(reader) == [(1, "glad", 0.25)]


def test_a_new_version_judges_everything_that_is_kept_and_both_stand_side_by_side(
    owner: Database, reader: Database
) -> None:
    write(owner, ["a", "b"])
    first = release(owner)
    write(owner, ["c"])
    second = release(owner, version=2)
    assert live(owner)["run_ids"] == [second]
    assert answered(reader) == [(1, "glad", 0.5), (2, "sad", 0.5), (3, "calm", 0.5)]
    assert rows(reader, "SELECT count(*) FROM api.diary_predictions WHERE run_id = :run", run=first) == [(2,)]


def test_two_versions_are_compared_over_all_their_runs(
    owner: Database, piling: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(discovery, "contract", lambda _name: DIARY)
    write(owner, ["a", "b"])
    release(owner)
    write(owner, ["c"])
    release(owner)
    write(owner, ["d"])
    release(owner, version=2)
    change(
        owner, "UPDATE almanac.diary_predictions SET score = 0.25 WHERE model_version = 2 AND entry_id = 2"
    )
    found = compare.compare(owner, "diary", 1, 2)
    assert (found.common, found.changed, found.only_first, found.only_second) == (3, 2, 0, 1)
    assert found.moves.reset_index().to_numpy().tolist() == [
        [1, "score", 0.25, 0.5, 0.25],
        [3, "score", 0.25, 0.5, 0.25],
    ]


def test_a_version_that_lacks_entries_is_not_released_and_the_way_out_is_named(owner: Database) -> None:
    write(owner, ["a"])
    older = release(owner)
    write(owner, ["b"])
    newer = release(owner, version=2)
    lacking = r"Version 1 of 'diary' has predicted the entries up to number 1, release \d+ those up to 2; .*almanac promote diary 1"
    with pytest.raises(UsageError, match=lacking):
        within(owner, ledger.rollback, "diary", who="tester")
    with pytest.raises(UsageError, match=lacking):
        within(owner, ledger.append, ledger.NewRelease(older, "promote", "tester", "why not"))
    assert live(owner)["run_id"] == newer
    assert not within(owner, releases.is_on_hold, "diary")


def test_promoting_a_version_that_lacks_entries_makes_it_champion_and_the_next_run_releases_it(
    owner: Database,
) -> None:
    write(owner, ["a"])
    release(owner)
    write(owner, ["b"])
    newer = release(owner, version=2)
    record = {
        "workload": "diary",
        "version": 1,
        "mlflow_run_id": "m",
        "artifact_hash": "a",
        "data_hash": "d",
        "recipe_hash": "r",
    }
    within(owner, versions.add, record | {"trained_until": "2025-04-15"})
    within(owner, ledger.set_hold, "diary", on_hold=True)
    house = Installation(owner, Aliases({"champion": 2}), Actor())
    assert promote.promote(house, "diary", 1, why="it is calmer") is None
    assert (house.registry.held, live(owner)["run_id"], within(owner, releases.is_on_hold, "diary")) == (
        {"champion": 1},
        newer,
        False,
    )
    release(owner, version=1)
    assert live(owner)["model_version"] == 1


@dataclass(frozen=True)
class Actor:
    """As much of the settings as a promotion asks for."""

    who: str = "tester"


@dataclass(frozen=True)
class Aliases:
    """A registry of aliases only."""

    held: dict[str, int]

    def alias(self, _workload: str, alias: str) -> int | None:
        return self.held.get(alias)

    def set_alias(self, _workload: str, alias: str, version: int) -> None:
        self.held[alias] = version


@dataclass(frozen=True)
class Installation:
    """As much of a project as a promotion asks for."""

    database: Database
    registry: Aliases
    settings: Actor


def test_a_version_that_was_scored_beside_the_live_one_can_be_rolled_back_to(
    owner: Database, reader: Database
) -> None:
    write(owner, ["a"])
    release(owner)
    write(owner, ["b"])
    release(owner, version=2)
    assert within(owner, releases.previous_version, "diary") == 1
    shadow = release(owner, version=1, why=None)
    within(owner, ledger.rollback, "diary", who="tester")
    assert (live(owner)["run_id"], live(owner)["model_version"], live(owner)["kind"]) == (
        shadow,
        1,
        "rollback",
    )
    assert answered(reader) == [(1, "glad", 0.25), (2, "sad", 0.25)]


def test_runs_of_another_workload_are_of_no_concern_though_their_version_has_the_same_number(
    owner: Database,
) -> None:
    write(owner, ["a"])
    first = release(owner)
    release(owner, version=2)
    other = stub.release(owner, version=1)
    change(owner, "UPDATE almanac.runs SET covered_until = 99 WHERE run_id = :run", run=other)
    assert [record["run_id"] for record in within(owner, runs.of_version, "diary", 1)] == [first]
    assert within(owner, runs.newest_of_version, "diary", 1)["run_id"] == first
    within(owner, ledger.rollback, "diary", who="tester")
    assert live(owner)["run_ids"] == [first]


def test_a_run_whose_rows_are_gone_is_no_part_of_its_version(owner: Database, piling: None) -> None:
    made = []
    for text in "abc":
        write(owner, [text])
        made.append(release(owner))
    change(owner, "UPDATE almanac.runs SET pruned_at = now() WHERE run_id = :run", run=made[0])
    assert [record["run_id"] for record in within(owner, runs.of_version, "diary", 1)] == made[1:]


def test_on_hold_the_version_that_answers_goes_on_and_others_wait(owner: Database, reader: Database) -> None:
    write(owner, ["a"])
    release(owner)
    release(owner, version=2)
    assert within(owner, releases.version_on_hold, "diary") is None
    within(owner, ledger.rollback, "diary", who="tester")
    assert within(owner, releases.version_on_hold, "diary") == 1
    write(owner, ["b"])
    release(owner, version=2)
    assert answered(reader) == [(1, "glad", 0.25)]
    release(owner, version=1)
    assert answered(reader) == [(1, "glad", 0.25), (2, "sad", 0.25)]
    assert within(owner, releases.is_on_hold, "diary")


def test_going_back_to_a_run_means_going_back_to_its_version(owner: Database) -> None:
    write(owner, ["a"])
    first = release(owner)
    second = release(owner)
    release(owner, version=2)
    within(owner, ledger.rollback, "diary", who="tester", to=first)
    assert live(owner)["run_id"] == second


def test_a_run_that_took_over_rows_which_are_gone_meanwhile_may_not_publish(owner: Database) -> None:
    write(owner, ["a"])
    first = release(owner)
    write(owner, ["b"])
    run_id = diary.begin(owner)
    order = diary.stage(owner, run_id)
    assert order.absorbed == (first,)
    change(owner, "UPDATE almanac.runs SET pruned_at = now() WHERE run_id = :run", run=first)
    with pytest.raises(RunFenced, match=rf"took over rows of runs that are no longer kept \({first}\)"):
        publish.publish(owner, order)
    assert live(owner)["run_id"] == first


def test_what_was_taken_over_stays_for_those_who_read_it_and_then_goes(owner: Database) -> None:
    made = []
    for text in "abc":
        write(owner, [text])
        made.append(release(owner))
    assert prune.prune(owner, DIARY) == []
    soon = datetime.now(UTC) + prune.READER_GRACE + timedelta(minutes=1)
    assert prune.prune(owner, DIARY, now=soon) == made[:1], "the release before is kept"
    assert live(owner)["run_ids"] == made[2:]
    assert rows(owner, "SELECT count(*) FROM almanac.diary_predictions WHERE run_id = :run", run=made[2]) == [
        (3,)
    ]


def test_all_runs_behind_the_live_release_stay_however_old(owner: Database, piling: None) -> None:
    release(owner)
    for text in "ab":
        write(owner, [text])
        release(owner, version=2, why=None)
    write(owner, ["c"])
    release(owner, version=2)
    assert prune.prune(owner, DIARY, now=datetime.now(UTC) + DIARY.retention + timedelta(hours=1)) == []
    assert len(live(owner)["run_ids"]) == 3


def test_a_run_that_takes_over_rows_tells_the_hash_of_its_own(owner: Database, worker: Database) -> None:
    write(owner, ["a"])
    first = release(owner)
    write(owner, ["b"])
    unscored = increments.unscored_entries(worker, DIARY, 1)
    content = diary.judged(list(unscored))
    staged = increments.stage(
        worker, DIARY, diary.begin(owner), content, scored=increments.ScoredEntries(1, unscored)
    )
    assert (staged.absorbed, staged.rows) == ((first,), 2)
    assert staged.summary()["hashes"] == {
        "predictions": frame_hash(DIARY.predictions, content["predictions"])
    }


def test_the_runs_of_the_version_before_stay_complete(owner: Database, piling: None) -> None:
    made = []
    for text in "ab":
        write(owner, [text])
        made.append(release(owner))
    for _ in range(3):
        release(owner, version=2)
    assert prune.prune(owner, DIARY, now=datetime.now(UTC) + DIARY.retention + timedelta(hours=1)) == []
    assert [record["run_id"] for record in within(owner, runs.of_version, "diary", 1)] == made


def test_entries_that_are_gone_are_not_taken_over(owner: Database, reader: Database) -> None:
    write(owner, ["a", "b"])
    release(owner)
    change(owner, "DELETE FROM almanac.diary_entries WHERE entry_id = 1")
    write(owner, ["c"])
    release(owner)
    assert [number for number, *_ in answered(reader)] == [2, 3]


@pytest.mark.parametrize("fault", ["missing", "doubled", "later", "earlier"])
def test_each_entry_gets_exactly_one_prediction(owner: Database, worker: Database, fault: str) -> None:
    write(owner, ["before"])
    release(owner)
    write(owner, ["a", "b", "c"])
    run_id = diary.begin(owner)
    unscored = increments.unscored_entries(worker, DIARY, 1)
    content = diary.judged(list(unscored))
    frame = content["predictions"]
    spoiled = {
        "missing": frame.iloc[:2],
        "doubled": frame.iloc[[0, 1, 1]],
        "later": frame.assign(entry_id=[3, 4, 5]),
    }
    spoiled |= {"earlier": frame.assign(entry_id=[1, 2, 3])}
    with pytest.raises(AuditFailed, match=r"3 entries of 'diary' were read, [23] predictions were made"):
        increments.stage(
            worker,
            DIARY,
            run_id,
            content | {"predictions": spoiled[fault]},
            scored=increments.ScoredEntries(1, unscored),
        )
    assert rows(owner, "SELECT count(*) FROM pg_tables WHERE schemaname = 'staging'") == [(0,)]


def test_a_broken_rule_is_named_and_nothing_is_left(owner: Database, worker: Database) -> None:
    write(owner, ["a", "b", "c"])
    unscored = increments.unscored_entries(worker, DIARY, 1)
    content = diary.judged(list(unscored), version=5)
    with pytest.raises(AuditFailed, match="3 rows break 'score <= 1'"):
        increments.stage(
            worker, DIARY, diary.begin(owner), content, scored=increments.ScoredEntries(5, unscored)
        )
    assert rows(owner, "SELECT count(*) FROM pg_tables WHERE schemaname = 'staging'") == [(0,)]


HOSTILE = ['say "so"', "", None, "a,b\nc\r\nd", "\\N", "tab\there", "\x1b[31mred", "é\U0001f600", " x "]


def test_entries_are_read_in_batches_as_they_were_written(
    owner: Database, worker: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(entries, "NUMBERS_AT_A_TIME", 4)
    write(owner, HOSTILE)
    change(
        owner, "UPDATE almanac.diary_entries SET written_at = '2025-04-15T06:00:00.25Z' WHERE entry_id = 1"
    )
    unscored = increments.unscored_entries(worker, DIARY, 1)
    batches = list(unscored)
    assert [text for batch in batches for text in batch["text"].to_pylist()] == HOSTILE
    assert [len(batch) for batch in batches] == [4, 4, 1]
    assert batches[0]["written_at"][0].as_py() == datetime(2025, 4, 15, 6, 0, 0, 250_000, tzinfo=UTC)
    assert unscored.rows == 9


def test_the_hash_of_what_was_read_changes_with_an_entry(owner: Database, worker: Database) -> None:
    write(owner, ["a", "b"])

    def read() -> str:
        again = UnscoredEntries(worker, DIARY, EntryRange(0, 2))
        assert sum(len(batch) for batch in again) == 2
        return again.input_hash

    before = read()
    assert read() == before
    change(owner, "UPDATE almanac.diary_entries SET text = 'c' WHERE entry_id = 2")
    assert read() != before


def test_an_entry_that_is_being_written_is_waited_for_so_that_none_is_left_out(
    owner: Database, worker: Database
) -> None:
    """Its number is lower than that of an entry which is there already."""
    with owner.connect() as slow:
        slow.execute("INSERT INTO almanac.diary_entries (text) VALUES ('slow')")
        write(owner, ["fast"])
        ending = Timer(0.3, slow.commit)
        ending.start()
        # Read before it is known that the slow one has ended: whoever does not wait for it here leaves it out for ever.
        found = [
            text
            for batch in increments.unscored_entries(worker, DIARY, 1)
            for text in batch["text"].to_pylist()
        ]
        ending.join()
    assert found == ["slow", "fast"]


def test_erasing_takes_entries_and_predictions_and_leaves_a_note_that_verifies(
    owner: Database, reader: Database
) -> None:
    write(owner, ["a", "secret", "c"])
    run_id = release(owner)

    def remove(connection):  # type: ignore[no-untyped-def]
        return [
            number
            for (number,) in connection.execute(
                "DELETE FROM almanac.diary_entries WHERE text = 'secret' RETURNING entry_id"
            ).fetchall()
        ]

    def mend(run_ids):  # type: ignore[no-untyped-def]
        return lambda connection: connection.execute(
            "DELETE FROM almanac.diary_moods WHERE run_id = ANY (%s) AND mood = 'sad'", [run_ids]
        )

    assert erasures.erase(owner, erasures.ErasureRequest(DIARY, remove, mend, "tester", "asked for it")) == 1
    assert [number for number, *_ in answered(reader)] == [1, 3]
    assert (live(owner)["run_id"], live(owner)["why"]) == (run_id, "erased: asked for it")
    assert [mood for mood, *_ in moods(owner)] == ["calm", "glad"]
    assert rows(reader, "SELECT run_id, rows, who, why FROM api.erasures ORDER BY erasure_id") == [
        (None, 1, "tester", "asked for it"),
        (run_id, 1, "tester", "asked for it"),
    ]
    with owner.connect() as connection:
        note = within(owner, erasures.newest_note, run_id)
        assert note is not None
        assert (
            publish.staged_hash(connection, DIARY, run_id, SCHEMA)
            == note["prediction_hash"]
            != within(owner, runs.get, run_id)["prediction_hash"]
        )
    write(owner, ["d"])
    release(owner)
    assert [number for number, *_ in answered(reader)] == [1, 3, 4]


def known_until(owner: Database, until: int, *, workload: str = "diary") -> None:
    """Keep what a made-up run knew that covers the entries up to a number."""
    content = {"r": f"{workload} {until}", "w": workload, "until": until}
    change(
        owner,
        "INSERT INTO almanac.run_inputs (run_id, name, workload, covered_until, content) VALUES (:r, 'moods', :w, :until, '')",
        **content,
    )


def still_known(owner: Database) -> list[str]:
    return [run_id for (run_id,) in rows(owner, "SELECT run_id FROM almanac.run_inputs ORDER BY run_id")]


@pytest.mark.parametrize(
    ("thoroughly", "left"),
    [(True, ["diary 1", "stub 3"]), (False, ["diary 1", "diary 2", "diary 3", "stub 3"])],
)
def test_what_runs_knew_goes_with_the_first_entry_that_somebody_wants_deleted(
    owner: Database, thoroughly: bool, left: list[str]
) -> None:
    for until in (1, 2, 3):
        known_until(owner, until)
    known_until(owner, 3, workload="stub")
    order = erasures.ErasureRequest(
        DIARY, lambda _: [2, 7], lambda _: lambda _: None, "tester", "asked for it", drop_inputs=thoroughly
    )
    erasures.erase(owner, order)
    assert still_known(owner) == left


def test_what_runs_knew_goes_when_their_time_is_over(owner: Database) -> None:
    known_until(owner, 1)
    known_until(owner, 1, workload="stub")
    prune.prune(owner, DIARY)
    assert still_known(owner) == ["diary 1", "stub 1"]
    prune.prune(owner, DIARY, now=datetime.now(UTC) + DIARY.retention + timedelta(minutes=1))
    assert still_known(owner) == ["stub 1"]


def test_an_entry_that_went_without_a_note_is_noticed(owner: Database) -> None:
    write(owner, ["a", "b", "c"])
    run = within(owner, runs.get, release(owner))
    again = UnscoredEntries(owner, DIARY, EntryRange(0, 3))
    assert not erasures.explains_missing_entries(owner, run, again)
    change(owner, "DELETE FROM almanac.diary_entries WHERE entry_id = 1")
    assert erasures.explains_missing_entries(owner, run, again)


def changed(**values: object) -> dict[str, object]:
    return DIARY.model_dump() | values


@pytest.mark.parametrize(
    ("values", "complaint"),
    [
        ({"entries": ""}, "must declare `incremental` and `entries` together"),
        ({"entry_columns": ("text",)}, "must be a bigint and stand among `entry_columns`"),
        ({"minimum_rows": 1}, "needs minimum_rows=0"),
    ],
)
def test_a_contract_of_increments_says_what_it_needs(values: dict[str, object], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        Contract(**changed(**values))


def test_a_side_table_of_increments_says_how_rows_are_merged() -> None:
    (table,) = DIARY.side_tables
    columns = (*table.columns[:1], table.columns[1].model_copy(update={"merge": None}))
    with pytest.raises(
        ValueError, match=r"side table 'moods' of incremental 'diary' does not say how to merge \['entries'\]"
    ):
        Contract(**changed(side_tables=(table.model_copy(update={"columns": columns}),)))


@pytest.mark.slow
def test_many_entries_are_read_and_published_in_bounded_pieces(owner: Database, reader: Database) -> None:
    fill(owner, 250_000)
    release(owner)
    assert one(reader, "SELECT count(*) FROM api.diary_live") == 250_000
