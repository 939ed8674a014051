"""Which entries fit the parameters of a search: where they are looked up, and the conditions they meet."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

from psycopg import sql

from almanac.workloads.logs.contract import BLOCK, LEVELS, SEVERITIES, letter
from serve.routes.logs import columns

WRITTEN = {
    "q": "f.document @@ websearch_to_tsquery('simple', {})",
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
# Of the counts by hour those whose whole hour fits.
COUNTED = {
    **{name: JUDGED[name] for name in ("level", "severity", "template")},
    "source": WRITTEN["source"],
    "since": "f.bucket >= {}",
    "until": "f.bucket + interval '1 hour' <= {}",
}
COVERED = sql.SQL("f.entry_id <= {}")
LETTER = sql.SQL("substr(f.letters, (f.entry_id % {})::integer + 1, 1) = ANY ({}::text[])")
DOCUMENTS = sql.SQL("api.log_search AS f")
PREDICTIONS = sql.SQL("(SELECT * FROM api.logs_predictions WHERE run_id IN ({})) AS f")
WITH_LETTERS = sql.SQL(
    "(SELECT s.*, letters FROM api.log_search AS s"
    " JOIN api.logs_blocks AS b ON b.block = s.entry_id / {} WHERE b.run_id IN ({})) AS f"
)
# The limit of a prediction keeps PostgreSQL from reading all of a level only to find those of a few entries.
WITH_PREDICTIONS = sql.SQL("(SELECT s.*, {} FROM api.log_search AS s, LATERAL ({}) AS p) AS f")


@dataclass(frozen=True, slots=True)
class Search:
    """The parameters of a search, and the runs of its edition, which cover the entries up to a number."""

    values: Mapping[str, Any]
    run_ids: tuple[str, ...]
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


def source(search: Search) -> sql.Composable:
    """Return what is searched: documents, joined with what the model says where that matters, or predictions."""
    runs = columns.runs(search.run_ids)
    if not search.is_of_documents:
        return PREDICTIONS.format(runs)
    if not search.is_judged:
        return DOCUMENTS
    if search.is_of_letters:
        return WITH_LETTERS.format(BLOCK, runs)
    one = columns.prediction("s.entry_id", search.run_ids)
    return WITH_PREDICTIONS.format(columns.predicted("p"), one)


def fitting(search: Search) -> sql.Composable:
    """Return the condition that an entry meets."""
    values = search.values
    if search.is_of_letters:
        return joined([*tests(values, WRITTEN), LETTER.format(BLOCK, _letters(values))])
    conditions = tests(values, WRITTEN | JUDGED)
    if not search.is_judged and search.covered_until is not None:
        # The index may hold later entries than the edition, and nothing else limits them.
        conditions.append(COVERED.format(search.covered_until))
    return joined(conditions)


def tests(values: Mapping[str, Any], by_name: Mapping[str, str]) -> list[sql.Composable]:
    """Return the conditions of those parameters that have a value."""
    return [sql.SQL(by_name[name]).format(_literal(values[name])) for name in by_name if name in values]


def joined(conditions: Sequence[sql.Composable]) -> sql.Composable:
    """Return the condition that all these are met."""
    return sql.SQL(" AND ").join(conditions) if conditions else sql.SQL("true")


def _literal(value: Any) -> sql.Literal:
    return sql.Literal(list(value) if isinstance(value, tuple) else value)


def _letters(values: Mapping[str, Any]) -> list[str]:
    """Return the letters of all levels, severities and anomalies that fit."""
    levels = _places(LEVELS, values.get("level"))
    severities = _places(SEVERITIES, values.get("severity"))
    anomalies = (values["anomaly"],) if "anomaly" in values else (False, True)
    fits = product(levels, severities, anomalies)
    return [letter(level, severity, anomaly=anomaly) for level, severity, anomaly in fits]


def _places(names: Sequence[str], selection: Sequence[str] | None) -> list[int]:
    return [place for place, name in enumerate(names) if selection is None or name in selection]
