"""What every workload declares: its tables, filters, rhythm and limits (pydantic only, no ML)."""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from almanac.errors import UsageError

Merge = Literal["sum", "min", "max", "last"]
ColumnType = Literal["text", "integer", "bigint", "real", "boolean", "date", "timestamp", "json"]
RESERVED = frozenset({"search", "stats", "model", "releases", "runs", "predictions", "run_id"})
# The newest migration of the platform's tables; server and laboratory refuse a database that is elsewhere.
SCHEMA_REVISION = "0004"
# PostgreSQL cuts names at 63 bytes; a run's own table also carries the run id.
LONGEST_TABLE = 30
IDENTIFIER = r"^[a-z][a-z0-9_]{0,39}$"


class _Declared(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Column(_Declared):
    """One typed column; `minimum` and `maximum` are audited, `doc` reaches the API's documentation.

    `merge` says how rows with one key become one where the side tables of an incremental workload's runs are put together.
    """

    name: str = Field(pattern=IDENTIFIER)
    type: ColumnType
    doc: str = ""
    nullable: bool = False
    minimum: float | None = None
    maximum: float | None = None
    merge: Merge | None = None


class Filter(_Declared):
    """A query parameter of the server; the column behind it is indexed."""

    name: str = Field(pattern=IDENTIFIER)
    column: str
    op: Literal["eq", "in", "min", "max"]
    doc: str = ""


class Table(_Declared):
    """A table with a key; as a prediction or side table it also carries the run."""

    name: str = Field(pattern=IDENTIFIER)
    key: tuple[str, ...] = Field(min_length=1)
    columns: tuple[Column, ...] = Field(min_length=1)
    doc: str = ""

    @model_validator(mode="after")
    def _key_is_made_of_columns(self) -> Self:
        names = [column.name for column in self.columns]
        doubled = {name for name in names if names.count(name) > 1}
        if doubled:
            raise ValueError(f"table '{self.name}' declares column {sorted(doubled)} twice")
        if RESERVED & set(names):
            raise ValueError(
                f"table '{self.name}' uses the reserved column name {sorted(RESERVED & set(names))}"
            )
        missing = [part for part in self.key if part not in names]
        if missing:
            raise ValueError(f"key {missing} of table '{self.name}' is not among its columns {names}")
        return self

    def column(self, name: str) -> Column:
        """Return the column called `name`; raises KeyError."""
        return {column.name: column for column in self.columns}[name]

    @property
    def column_names(self) -> list[str]:
        """The column names in their declared order."""
        return [column.name for column in self.columns]


class SumRule(_Declared):
    """Columns of the prediction table whose sum is the same in every row."""

    columns: tuple[str, ...]
    total: float = 1.0
    tolerance: float = 1e-5


class Contract(_Declared):
    """Everything the house needs to know about one workload.

    `predictions` has one key column, the entity. `order` are the columns by which lists are sorted and paged
    (the entity breaks ties). `side_tables` are released with the predictions. `raw_tables` are filled by collect.
    An `incremental` workload predicts each row of its table `entries` once: the entity is the number that a row got when it arrived,
    `entry_columns` are what a model sees of it, and a release names all runs of its version.
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
    stale_after: timedelta = timedelta(hours=24)
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

    @model_validator(mode="after")
    def _parts_fit(self) -> Self:
        if len(self.predictions.key) != 1:
            raise ValueError(
                f"the prediction table of '{self.name}' needs exactly one key column, the entity"
            )
        for table in (*self.released_tables, *self.raw_tables):
            if len(self.name) + len(table.name) > LONGEST_TABLE:
                raise ValueError(
                    f"'{self.name}' and '{table.name}' together have more than {LONGEST_TABLE} characters, too long for a table's name"
                )
        named = [("filter", f.column) for f in self.filters] + [("order", name) for name in self.order]
        named += [("sum", name) for rule in self.sums for name in rule.columns]
        for what, name in named:
            if name not in self.predictions.column_names:
                raise ValueError(
                    f"{what} of '{self.name}' names column '{name}', which the prediction table lacks"
                )
        if any(self.predictions.column(name).nullable for name in self.order):
            raise ValueError(f"the order of '{self.name}' uses a nullable column, which cannot be paged")
        return self

    @model_validator(mode="after")
    def _increments_fit(self) -> Self:
        if self.incremental != bool(self.entries):
            raise ValueError(f"'{self.name}' must declare `incremental` and `entries` together or not at all")
        if not self.incremental:
            return self
        if self.predictions.column(self.entity).type != "bigint" or self.entity not in self.entry_columns:
            raise ValueError(
                f"the entity of incremental '{self.name}' must be a bigint and stand among `entry_columns`"
            )
        if self.minimum_rows:
            raise ValueError(
                f"incremental '{self.name}' needs minimum_rows=0: there may be nothing new to predict"
            )
        for table in self.side_tables:
            if unmerged := [
                column.name
                for column in table.columns
                if column.name not in table.key and column.merge is None
            ]:
                raise ValueError(
                    f"side table '{table.name}' of incremental '{self.name}' does not say how to merge {unmerged}"
                )
        return self

    def table(self, name: str) -> Table:
        """Return the prediction, side or raw table called `name`; raises UsageError."""
        tables = {table.name: table for table in (*self.released_tables, *self.raw_tables)}
        if name not in tables:
            raise UsageError(f"'{self.name}' has no table '{name}'. Its tables: {', '.join(sorted(tables))}.")
        return tables[name]

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
    """The date from which on nothing is known, and what kind of data that makes."""

    data_as_of: date
    demo: bool
    simulated: bool
    source: str
