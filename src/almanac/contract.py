"""What every workload declares: its tables, filters, cadence and limits (pydantic only, no ML)."""

import re
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from almanac.errors import UsageError

Merge = Literal["sum", "min", "max", "last"]
ColumnType = Literal["text", "integer", "bigint", "real", "boolean", "date", "timestamp", "json"]
RESERVED = frozenset({"search", "stats", "model", "releases", "runs", "predictions", "run_id"})
# The newest migration of the platform's tables; server and laboratory refuse a database that is elsewhere.
SCHEMA_REVISION = "0012"
OLD_DATA = (
    "The newest data are of {newest}, {age} days before the cut-off; "
    "the sources usually bring newer data within {usual} days."
)
# PostgreSQL cuts names at 63 bytes; a run's own table also carries the run id.
LONGEST_TABLE = 30
IDENTIFIER = r"^[a-z][a-z0-9_]{0,39}$"
VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
# Variables of the owner of the database, of the runner and of the kernel.
NEVER_PASSED = frozenset(
    "DATABASE_URL ALMANAC_WORKER_DATABASE_URL ALMANAC_HOME PYTHONHASHSEED MPLBACKEND".split()
)


class _Declaration(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Column(_Declaration):
    """One typed column; `doc` reaches the API's documentation.

    `minimum` and `maximum` of numbers, `earliest` and `latest` of days hold for every row that is stored.
    `merge` says how rows with one key become one row. It is for side tables of incremental workloads, whose
    runs are merged.
    """

    name: str = Field(pattern=IDENTIFIER)
    type: ColumnType
    doc: str = ""
    nullable: bool = False
    minimum: float | None = None
    maximum: float | None = None
    earliest: date | None = None
    latest: date | None = None
    merge: Merge | None = None


class Filter(_Declaration):
    """A query parameter of the server; its column has an index."""

    name: str = Field(pattern=IDENTIFIER)
    column: str
    op: Literal["eq", "in", "min", "max"]
    doc: str = ""


class Table(_Declaration):
    """A table with a key; as a prediction or side table it also carries the run.

    `different` are pairs of columns that never have the same value in one row of a raw table.
    """

    name: str = Field(pattern=IDENTIFIER)
    key: tuple[str, ...] = Field(min_length=1)
    columns: tuple[Column, ...] = Field(min_length=1)
    doc: str = ""
    different: tuple[tuple[str, str], ...] = ()

    @model_validator(mode="after")
    def _column_names_are_unique_and_allowed(self) -> Self:
        names = self.column_names
        repeated = sorted({name for name in names if names.count(name) > 1})
        if repeated:
            raise ValueError(f"table '{self.name}' declares column {repeated} twice")
        reserved = sorted(RESERVED & set(names))
        if reserved:
            raise ValueError(f"table '{self.name}' uses the reserved column name {reserved}")
        return self

    @model_validator(mode="after")
    def _key_is_made_of_columns(self) -> Self:
        used = (*self.key, *(name for pair in self.different for name in pair))
        missing = [name for name in used if name not in self.column_names]
        if missing:
            columns = self.column_names
            raise ValueError(f"key {missing} of table '{self.name}' is not among its columns {columns}")
        return self

    def column(self, name: str) -> Column:
        """Return the column called `name`; raises KeyError."""
        return {column.name: column for column in self.columns}[name]

    @property
    def column_names(self) -> list[str]:
        """The column names in their declared order."""
        return [column.name for column in self.columns]


class SumRule(_Declaration):
    """Columns of the prediction table whose sum is the same in every row."""

    columns: tuple[str, ...]
    total: float = 1.0
    tolerance: float = 1e-5


class Contract(_Declaration):
    """All that the platform knows about one workload.

    `predictions` has one key column, the entity. `order` are the columns by which lists are sorted and paged;
    the entity breaks ties. `side_tables` are released with the predictions. `raw_tables` are filled by
    collect.

    An `incremental` workload predicts each row of its table `entries` once. The entity is the number that a
    row got when it arrived. `entry_columns` are what a model sees of a row. A release names all runs of its
    version. `environment` names variables that the notebooks get beside those that every notebook gets.

    Where the newest datum is older than `data_rhythm` at the cut-off, every answer says `stale`.

    `schedule` says when `almanac schedule` runs which steps (docs/operate.md). By default it runs all steps
    at each full `cadence`.
    """

    name: str = Field(pattern=r"^[a-z][a-z0-9_]{1,23}$")
    title: str
    doc: str
    predictions: Table
    order: tuple[str, ...] = ()
    filters: tuple[Filter, ...] = ()
    sums: tuple[SumRule, ...] = ()
    side_tables: tuple[Table, ...] = ()
    raw_tables: tuple[Table, ...] = ()
    primary_metric: str
    cadence: timedelta = timedelta(hours=6)
    schedule: str = Field("", exclude=True)
    stale_after: timedelta = timedelta(hours=24)
    data_rhythm: timedelta | None = None
    retention: timedelta = timedelta(days=7)
    cell_timeout: timedelta = timedelta(minutes=10)
    run_deadline: timedelta = timedelta(minutes=30)
    typical_seconds: float = Field(60.0, gt=0)
    minimum_rows: int = 1
    maximum_rows: int = 10_000_000
    incremental: bool = False
    entries: str = Field("", pattern=rf"{IDENTIFIER}|^$")
    entry_columns: tuple[str, ...] = ()
    attribution: str = ""
    environment: tuple[str, ...] = Field((), exclude=True)

    @field_validator("environment")
    @classmethod
    def _variables_may_be_passed(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        for name in names:
            if not VARIABLE.fullmatch(name) or name in NEVER_PASSED:
                raise ValueError(f"{name!r} is no environment variable that notebooks may get")
        return names

    @model_validator(mode="after")
    def _predictions_have_one_key_column(self) -> Self:
        if len(self.predictions.key) != 1:
            raise ValueError(
                f"the prediction table of '{self.name}' needs exactly one key column, the entity"
            )
        return self

    @model_validator(mode="after")
    def _table_names_are_short_enough(self) -> Self:
        for table in (*self.released_tables, *self.raw_tables):
            if len(self.name) + len(table.name) > LONGEST_TABLE:
                names = f"'{self.name}' and '{table.name}' together have"
                raise ValueError(f"{names} more than {LONGEST_TABLE} characters, too long for a table's name")
        return self

    @model_validator(mode="after")
    def _named_columns_exist(self) -> Self:
        uses = [("filter", query_filter.column) for query_filter in self.filters]
        uses += [("order", name) for name in self.order]
        uses += [("sum", name) for rule in self.sums for name in rule.columns]
        for use, name in uses:
            if name not in self.predictions.column_names:
                column = f"column '{name}', which the prediction table lacks"
                raise ValueError(f"{use} of '{self.name}' names {column}")
        return self

    @model_validator(mode="after")
    def _order_is_never_null(self) -> Self:
        if any(self.predictions.column(name).nullable for name in self.order):
            raise ValueError(f"the order of '{self.name}' uses a nullable column, which cannot be paged")
        return self

    @model_validator(mode="after")
    def _incremental_workloads_have_entries(self) -> Self:
        if self.incremental != bool(self.entries):
            raise ValueError(f"'{self.name}' must declare `incremental` and `entries` together or not at all")
        if not self.incremental:
            return self
        is_number = self.predictions.column(self.entity).type == "bigint"
        if not is_number or self.entity not in self.entry_columns:
            rule = "must be a bigint and stand among `entry_columns`"
            raise ValueError(f"the entity of incremental '{self.name}' {rule}")
        if self.minimum_rows:
            reason = "there may be nothing new to predict"
            raise ValueError(f"incremental '{self.name}' needs minimum_rows=0: {reason}")
        return self

    @model_validator(mode="after")
    def _incremental_side_tables_say_how_to_merge(self) -> Self:
        for table in self.side_tables if self.incremental else ():
            values = [column for column in table.columns if column.name not in table.key]
            unmerged = [column.name for column in values if column.merge is None]
            if unmerged:
                place = f"side table '{table.name}' of incremental '{self.name}'"
                raise ValueError(f"{place} does not say how to merge {unmerged}")
        return self

    def table(self, name: str) -> Table:
        """Return the prediction, side or raw table called `name`; raises UsageError."""
        tables = {table.name: table for table in (*self.released_tables, *self.raw_tables)}
        if name not in tables:
            raise UsageError(f"'{self.name}' has no table '{name}'. Its tables: {', '.join(sorted(tables))}.")
        return tables[name]

    def old_data(self, data_as_of: date | None, newest_data: date | None) -> str:
        """Return in words that the newest datum was too old at the cut-off; an empty text if it was not."""
        if self.data_rhythm is None or data_as_of is None or newest_data is None:
            return ""
        age = data_as_of - newest_data
        if age <= self.data_rhythm:
            return ""
        return OLD_DATA.format(newest=newest_data, age=age.days, usual=self.data_rhythm.days)

    @property
    def entity(self) -> str:
        """The key column of the prediction table."""
        return self.predictions.key[0]

    @property
    def released_tables(self) -> tuple[Table, ...]:
        """The prediction table and the side tables, all partitioned by run."""
        return (self.predictions, *self.side_tables)


@dataclass(frozen=True)
class CutOff:
    """The date from which on a run sees no data, and what kind of data it has.

    `newest_data` is the day of the newest datum before that date, None where the source does not tell.
    """

    data_as_of: date
    demo: bool
    simulated: bool
    source: str
    newest_data: date | None = None
