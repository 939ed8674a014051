"""Entries that an older release knew by what they said: they are entered under their new ids, and not again.

An older release took an entry's identity from source, place, time and text, or from a member `id` of JSON.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any, Final, NamedTuple
from uuid import UUID

import psycopg
import pyarrow as pa
import pyarrow.compute as pc

from almanac.workloads.logs.formats.entries import INSTANT
from almanac.workloads.logs.keeping import queries
from almanac.workloads.logs.keeping.identity import ID_BYTES, NOTHING, client_ids, file_ids, raw_ids
from almanac.workloads.logs.shared.cleaning import clean
from almanac.workloads.logs.terms import arrays

Connection = psycopg.Connection[Any]
BLANK: Final = pa.scalar(" ", arrays.TEXT)
PRESENT: Final = """
    SELECT i.id, i.entry_id, i.day, e.text FROM almanac.log_ids AS i
    LEFT JOIN almanac.log_entries AS e ON e.entry_id = i.entry_id AND e.day = i.day
    WHERE i.id = ANY (%s) AND i.entry_id <= %s"""
ENTER: Final = """
    INSERT INTO almanac.log_ids (id, entry_id, day)
    SELECT * FROM unnest(%s::uuid[], %s::bigint[], %s::date[]) ON CONFLICT DO NOTHING"""


class _Older(NamedTuple):
    """An entry as an older release stored it."""

    entry_id: int
    day: date
    text: str | None


@dataclass
class OlderFile:
    """What an older release called the source of a file, and up to which number its entries go.

    `raw` are the ids that its lines would have as raw entries, one after the other.
    """

    source: str
    until: int
    raw: bytearray = field(default_factory=bytearray)

    def pass_lines(self, lines: Sequence[str]) -> None:
        """Note the ids of further lines."""
        first = len(self.raw) // ID_BYTES + 1
        self.raw += raw_ids(self.source, map(clean, lines), first)

    def raw_id(self, place: int) -> UUID:
        """Return the id of the raw line at a place, counted from 1; that of a line not passed is nothing."""
        return UUID(bytes=bytes(self.raw[(place - 1) * ID_BYTES : place * ID_BYTES]).ljust(ID_BYTES))


def adopt(connection: Connection, entries: pa.Table, ids: bytes, file: OlderFile) -> None:
    """Enter the ids of those entries that an older release has stored, for the entries that are there."""
    columns = [_split(each) for each in _older_ids(entries, file.source)]
    columns.append([file.raw_id(place) for place in entries["place"].to_pylist()])
    of_clients = _split(client_ids(entries))
    present = _present(connection, [*columns, of_clients], file.until)
    texts = entries["text"].to_pylist()
    rows = []
    for number, new in enumerate(_split(ids)):
        older = next((present[column[number]] for column in columns if column[number] in present), None)
        by_client = present.get(of_clients[number])
        if older is None and by_client is not None and by_client.text == texts[number]:
            older = by_client
        if older is not None:
            rows.append((new, older.entry_id, older.day))
    if rows:
        connection.execute(ENTER, [list(column) for column in zip(*rows, strict=True)])


def _older_ids(entries: pa.Table, source: str) -> Iterator[bytes]:
    """Yield the ids that the entries may have had: as they are now, or in a later year."""
    named = _with(entries, "source", arrays.repeated(source, len(entries)))
    for each in (named, entries):
        yield file_ids(each)
        # Older releases kept a blank at the end of a line, or before its text.
        yield file_ids(_with(each, "text", pc.binary_join_element_wise(each["text"], BLANK, NOTHING)))
        yield file_ids(_with(each, "text", pc.binary_join_element_wise(BLANK, each["text"], NOTHING)))
        yield file_ids(_with(each, "event_time", _a_year_later(each["event_time"])))


def _a_year_later(times: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return times in the year after; an older release gave every time without a year the present one."""
    return pa.chunked_array([pa.array(map(_later, times.to_pylist()), INSTANT)])


def _later(moment: datetime | None) -> datetime | None:
    try:
        return moment and moment.astimezone(UTC).replace(year=moment.year + 1)
    except ValueError:
        return moment


def _with(entries: pa.Table, name: str, values: pa.Array | pa.ChunkedArray) -> pa.Table:
    return entries.set_column(entries.column_names.index(name), name, pc.cast(values, entries[name].type))


def _split(ids: bytes) -> list[UUID]:
    return [UUID(bytes=ids[begin : begin + ID_BYTES]) for begin in range(0, len(ids), ID_BYTES)]


def _present(connection: Connection, columns: Iterable[list[UUID]], until: int) -> dict[UUID, _Older]:
    ids = [each for column in columns for each in column]
    rows = queries.rows(connection, PRESENT, [ids, until])
    return {id_: _Older(*older) for id_, *older in rows}
