"""Which entries fit the parameters of a search: where they are looked up, and the conditions they meet."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import product
from typing import Any

from psycopg import sql

from almanac.workloads.logs.contract import BLOCK, LEVELS, SEVERITIES, letter
from serve.routes.logs import columns, words

WRITTEN = {
    "q": "f.document @@ {}",
    "session": "f.session = {}",
    "source": "f.source = {}",
    "since": "f.event_time >= {}",
    "until": "f.event_time < {}",
}
JUDGED = {
    "level": "f.level = ANY ({})",
    "severity": "f.severity = ANY ({})",
    "template": "f.template_id = {}",
    "anomaly": "f.anomaly = {}",
}
COVERED = sql.SQL("f.entry_id <= {}")
LETTER = sql.SQL(f"substr(f.letters, (f.entry_id % {BLOCK})::integer + 1, 1) = ANY ({{}}::text[])")
DOCUMENTS = sql.SQL("api.log_search AS f")
PREDICTIONS = sql.SQL("(SELECT * FROM api.logs_predictions WHERE run_id IN ({runs})) AS f")
WITH_LETTERS = sql.SQL(f"""(
    SELECT s.*, letters FROM api.log_search AS s
    JOIN api.logs_blocks AS b ON b.block = s.entry_id / {BLOCK} WHERE b.run_id IN ({{runs}})
) AS f""")
# The limit of a prediction keeps PostgreSQL from reading all of a level only to find those of a few entries.
WITH_PREDICTIONS = sql.SQL(f"""(
    SELECT s.*, {columns.PREDICTION_SQL} FROM api.log_search AS s, LATERAL (
        SELECT * FROM api.logs_predictions WHERE entry_id = s.entry_id AND run_id IN ({{runs}}) LIMIT 1
    ) AS p
) AS f""")


@dataclass(frozen=True, slots=True)
class Search:
    """The parameters of a search and the runs of its edition.

    Entries later than `horizon` lie in its future. `covered_until` is the last entry that these runs cover.
    The index may have later ones, which only a search of documents alone would return.
    """

    values: Mapping[str, Any]
    run_ids: tuple[str, ...]
    horizon: datetime
    covered_until: int | None = None

    @property
    def is_judged(self) -> bool:
        """Whether the predictions decide which entries fit."""
        return bool(JUDGED.keys() & self.values.keys())

    @property
    def is_of_documents(self) -> bool:
        """Whether documents are read first, which know the day of an entry and so its table.

        Without words a level has the better index.
        """
        return "q" in self.values or "session" in self.values or not self.is_judged

    @property
    def is_of_letters(self) -> bool:
        """Whether the letter of a document says its level, severity and anomaly; a template has none."""
        return self.is_of_documents and self.is_judged and "template" not in self.values


def source(search: Search) -> sql.Composed:
    """Return the FROM item `f`: documents, joined with predictions where they matter, or predictions."""
    return _source(search).format(runs=columns.runs(search.run_ids))


def fitting(search: Search) -> sql.Composable:
    """Return the condition that an entry meets."""
    if search.is_of_letters:
        letters = LETTER.format(_letters(search.values))
        return joined([*tests(search.values, WRITTEN), letters])
    conditions = tests(search.values, WRITTEN | JUDGED)
    if search.covered_until is not None:
        conditions.append(COVERED.format(search.covered_until))
    return joined(conditions)


def tests(values: Mapping[str, Any], by_name: Mapping[str, str]) -> list[sql.Composable]:
    """Return the conditions of those parameters that have a value."""
    present = [name for name in by_name if name in values]
    return [sql.SQL(by_name[name]).format(_value(name, values[name])) for name in present]


def joined(conditions: Sequence[sql.Composable]) -> sql.Composable:
    """Return the condition that all these are met."""
    return sql.SQL(" AND ").join(conditions or [sql.SQL("true")])


def _source(search: Search) -> sql.SQL:
    if not search.is_of_documents:
        return PREDICTIONS
    if not search.is_judged:
        return DOCUMENTS
    return WITH_LETTERS if search.is_of_letters else WITH_PREDICTIONS


def _value(name: str, value: Any) -> sql.Composable:
    return (
        words.fitting(value)
        if name == "q"
        else sql.Literal(list(value) if isinstance(value, tuple) else value)
    )


def _letters(values: Mapping[str, Any]) -> list[str]:
    """Return the letters of all levels, severities and anomalies that fit."""
    levels = _places(LEVELS, values.get("level", LEVELS))
    severities = _places(SEVERITIES, values.get("severity", SEVERITIES))
    anomalies = (values["anomaly"],) if "anomaly" in values else (False, True)
    judgements = product(levels, severities, anomalies)
    return [letter(level, severity, anomaly=anomaly) for level, severity, anomaly in judgements]


def _places(names: Sequence[str], selection: Sequence[str]) -> list[int]:
    return [place for place, name in enumerate(names) if name in selection]
