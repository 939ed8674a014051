"""CSV files that users own: their rows, the lines that are none with reasons, and refusals of other files."""

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from almanac.errors import UsageError
from almanac.fields import UNSTORABLE, printable

DELIMITERS = ",;\t"
# Excel writes the delimiter so, before the header.
DELIMITER_LINE = "sep="
HEAD_BYTES = 4096
# Text has hardly any NUL; UTF-16 and programs have many.
NUL_SHARE = 0.1
BOMS = {
    b"\xff\xfe\0\0": "UTF-32",
    b"\0\0\xfe\xff": "UTF-32",
    b"\xff\xfe": "UTF-16",
    b"\xfe\xff": "UTF-16",
}
OTHER_FILES = {
    b"PK\x03\x04": "a zip archive or a workbook of Excel",
    b"\xd0\xcf\x11\xe0": "an old workbook of Excel",
    b"\x1f\x8b": "packed with gzip",
    b"BZh": "packed with bzip2",
    b"\xfd7zXZ": "packed with xz",
    b"\x28\xb5\x2f\xfd": "packed with zstd",
    b"%PDF": "a PDF",
    b"PAR1": "a Parquet file",
    b"SQLite format 3": "a SQLite database",
}
SAVE = "Save it as CSV in UTF-8."
MOST_ECHO = 60
NOT_CLOSED = (
    "The quote that opens in line {line} is not closed, so the lines after it would be lost."
    ' Close it, or write "" for a quote inside a value. Nothing was read.'
)
TOO_LONG = "Line {line} has a value of more than {limit:,} characters; probably its quote is not closed."
INSIDE = "lies in a quote that opens in line {line} and closes in line {last}"
AFTER_QUOTE = "has text after a closing quote"
SURPLUS = "has {values} values for {columns} columns; the first one too many is '{text}'"
UNSTORABLE_ROW = "holds NUL or half of a surrogate pair"

BadRow = tuple[int, str]


@dataclass
class CsvRows:
    """The rows below the header of a CSV; `bad_rows` (line, reason) grows while they are read."""

    header: list[str]
    records: "_Records"
    bad_rows: list[BadRow] = field(default_factory=list)

    def __iter__(self) -> Iterator[tuple[int, dict[str, str]]]:
        """Yield line and cells by column, without the blanks around them; rows without any value are skipped.

        A cell that a row lacks is ''. Raises UsageError for a quote that is never closed.
        """
        for first, last, cells in self.records:
            if cells is None or last > first:
                self._refuse(first, last)
            elif any(cells):
                yield from self._row(first, cells)

    def _row(self, line: int, cells: list[str]) -> Iterator[tuple[int, dict[str, str]]]:
        reason = self._reason(cells)
        if reason:
            self.bad_rows.append((line, reason))
        else:
            missing = [""] * (len(self.header) - len(cells))
            yield line, dict(zip(self.header, [*cells, *missing], strict=False))

    def _reason(self, cells: list[str]) -> str:
        surplus = [cell for cell in cells[len(self.header) :] if cell]
        if surplus:
            text = printable(surplus[0])[:MOST_ECHO]
            return SURPLUS.format(values=len(cells), columns=len(self.header), text=text)
        return UNSTORABLE_ROW if any(map(UNSTORABLE.search, cells)) else ""

    def _refuse(self, first: int, last: int) -> None:
        """Report every line of a row that is none, so that counts add up."""
        inside = INSIDE.format(line=first, last=last)
        reasons = dict.fromkeys(range(first, last + 1), inside) if last > first else {first: AFTER_QUOTE}
        self.bad_rows.extend(reasons.items())


def read(source: Path | str, *, fallback: str | None = None) -> CsvRows:
    """Return the rows of a file (Path) or of a text (str) whose first line is the header.

    Columns are separated by commas, semicolons or tabs. `fallback` is the encoding of a file that is not
    UTF-8. Raises UsageError where the file cannot be read or is no CSV.
    """
    text = io.StringIO(source, newline=None) if isinstance(source, str) else _decoded(source, fallback)
    records = _Records(text, str(source) if isinstance(source, Path) else "the text")
    return CsvRows(records.header(), records)


class _Records:
    """The records of a text with their first and last lines; None for one that breaks the rules of quotes."""

    def __init__(self, text: io.TextIOBase, name: str) -> None:
        self.text, self.name = text, printable(name)
        self.skipped = 0

    def header(self) -> list[str]:
        """Return the names in the first line; raises UsageError where it names a column twice."""
        line = self._line()
        delimiter = max(DELIMITERS, key=line.count)
        if line.lower().startswith(DELIMITER_LINE):
            delimiter = line[len(DELIMITER_LINE) :].rstrip("\n")[:1] or ","
            line, self.skipped = self._line(), 1
        self.reader = csv.reader(self._lines(line), delimiter=delimiter, strict=True)
        _, _, cells = next(iter(self), (1, 1, None))
        header = cells or []
        doubled = sorted({name for name in header if name and header.count(name) > 1})
        if doubled:
            names = printable(", ".join(doubled))[:MOST_ECHO]
            raise UsageError(f"The file names a column twice: {names}.")
        return header

    def __iter__(self) -> Iterator[tuple[int, int, list[str] | None]]:
        while True:
            first = self.reader.line_num + self.skipped + 1
            try:
                cells: list[str] | None = [cell.strip() for cell in next(self.reader)]
            except StopIteration:
                return
            except csv.Error as error:
                self._refuse_open_quote(first, str(error))
                cells = None
            yield first, self.reader.line_num + self.skipped, cells

    def _refuse_open_quote(self, line: int, error: str) -> None:
        if "unexpected end of data" in error:
            raise UsageError(NOT_CLOSED.format(line=line)) from None
        if "field limit" in error:
            raise UsageError(TOO_LONG.format(line=line, limit=csv.field_size_limit())) from None

    def _lines(self, first: str) -> Iterator[str]:
        yield first
        while line := self._line():
            yield line

    def _line(self) -> str:
        try:
            return self.text.readline().removeprefix("\ufeff")
        except UnicodeDecodeError as error:
            byte = error.object[error.start]
            raise UsageError(f"'{self.name}' is not UTF-8 (byte 0x{byte:02X}). {SAVE}") from None


def _decoded(path: Path, fallback: str | None) -> io.TextIOBase:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UsageError(f"'{printable(str(path))}' cannot be read: {error.strerror or error}.") from None
    _refuse_other_files(printable(str(path)), content[:HEAD_BYTES])
    encoding = fallback if fallback and not _is_utf8(content) else "utf-8-sig"
    return io.TextIOWrapper(io.BytesIO(content), encoding=encoding, newline=None)


def _refuse_other_files(name: str, head: bytes) -> None:
    for start, encoding in BOMS.items():
        if head.startswith(start):
            raise UsageError(f"'{name}' is not UTF-8 but {encoding}. {SAVE}")
    for start, kind in OTHER_FILES.items():
        if head.startswith(start):
            raise UsageError(f"'{name}' is no CSV but {kind}. Unpack it or save it as CSV in UTF-8.")
    if head.count(0) > NUL_SHARE * len(head):
        raise UsageError(f"'{name}' is not UTF-8 but UTF-16 or no text at all. {SAVE}")


def _is_utf8(content: bytes) -> bool:
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True
