"""CSV files of users: rows by line, bad rows with reasons, and files that are none."""

import csv
import gzip
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from almanac import csv_rows
from almanac.errors import UsageError
from almanac.workloads.football.sources import odds_csv
from almanac.workloads.games.sources import plays_csv
from tests.games_samples import catalogue, game

HEADER = "user,game,hours"
PLAIN = [f"u{number},Portal,1" for number in range(2, 12)]


def text_of(*lines: str, header: str = HEADER) -> str:
    return "\n".join([header, *lines]) + "\n"


def read(*lines: str, header: str = HEADER) -> tuple[list[int], list[tuple[int, str]]]:
    rows = csv_rows.read(text_of(*lines, header=header))
    return [line for line, _ in rows], rows.bad_rows


@pytest.mark.parametrize(
    ("lines", "opened"),
    [
        (['u1,"Portal,1', *PLAIN], 2),
        ([*PLAIN[:3], 'u1,Portal,"1', *PLAIN], 5),
        ([*PLAIN, '"u1,Portal,1'], 12),
        (['u1,"Portal ""2"",1', *PLAIN], 2),
        (['u1,"Portal,1', *PLAIN * 30_000], 2),
    ],
)
def test_a_quote_that_is_never_closed_is_named_by_the_line_that_opens_it(lines, opened):
    with pytest.raises(
        UsageError,
        match=rf"(?i)line {opened} .*quote.* is(?: probably)? not closed|quote.*line {opened} is not",
    ):
        read(*lines)


def test_the_lines_that_a_quote_swallows_are_counted_and_the_others_stay():
    lines, bad = read(PLAIN[0], 'u1,"Portal,1', PLAIN[1], 'u9,"Terraria",1', PLAIN[2])
    assert lines == [2, 6]
    assert [line for line, _ in bad] == [3, 4, 5]
    assert {reason for _, reason in bad} == {"lies in a quote that opens in line 3 and closes in line 5"}


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("u1,Left 4 Dead, 2,10", "has 4 values for 3 columns; the first one too many is '10'"),
        ("u1,Portal,1,\x1b[31mred", r"too many is '\x1b[31mred'"),
        ('u1,"Portal" 2,1', "has text after a closing quote"),
        ("u1,Por\0tal,1", "holds NUL"),
        ("u1,Por\ud83dtal,1", "half of a surrogate pair"),
    ],
)
def test_a_bad_row_is_named_and_the_others_stay(line, reason):
    lines, [(number, text)] = read(PLAIN[0], line, PLAIN[1])
    assert (lines, number) == ([2, 4], 3)
    assert reason in text


@pytest.mark.parametrize(
    ("text", "row"),
    [
        ("user;game\nu1;Portal, too\n", {"user": "u1", "game": "Portal, too"}),
        ("user\tgame\nu1\tPortal\n", {"user": "u1", "game": "Portal"}),
        ("sep=;\nuser;game\nu1;Portal\n", {"user": "u1", "game": "Portal"}),
        ("\ufeffuser,game\r\nu1,Portal\r\n", {"user": "u1", "game": "Portal"}),
        (" user , game \ru1, Portal \r", {"user": "u1", "game": "Portal"}),
        ('user,game\n"u1","Portal ""2"""\n', {"user": "u1", "game": 'Portal "2"'}),
        ("user,game\nu1\n", {"user": "u1", "game": ""}),
        ("user,game\nu1,Portal,,\n\n,\n", {"user": "u1", "game": "Portal"}),
    ],
)
def test_forms_of_csv_that_spreadsheets_write_are_read(text, row):
    assert [cells for _, cells in csv_rows.read(text)] == [row]


WORKBOOK = b"PK\x03\x04\x14\x00\x06\x00\x08\x00" + bytes(range(256))


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (text_of(*PLAIN).encode("utf-16"), "not UTF-8 but UTF-16"),
        (text_of(*PLAIN).encode("utf-16-le"), "UTF-16 or no text"),
        (text_of(*PLAIN).encode("utf-32"), "UTF-32"),
        (WORKBOOK, "a zip archive or a workbook of Excel"),
        (gzip.compress(text_of(*PLAIN).encode(), mtime=0), "packed with gzip"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1", "an old workbook of Excel"),
        (b"%PDF-1.7", "a PDF"),
        (b"PAR1\x15", "a Parquet file"),
        (b"\x7fELF" + bytes(400), "no text at all"),
    ],
)
def test_a_file_that_is_no_csv_is_refused_by_its_kind(tmp_path, content, reason):
    path = tmp_path / "user\x1b.csv"
    path.write_bytes(content)
    for read_file in (csv_rows.read, lambda path: csv_rows.read(path, fallback="latin-1")):
        with pytest.raises(UsageError, match=reason) as error:
            read_file(path)
        assert "\x1b" not in str(error.value)


def test_latin_1_is_read_only_where_a_file_may_have_it(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes("user,game\nu1,Pokémon\n".encode("latin-1"))
    assert [row["game"] for _, row in csv_rows.read(path, fallback="latin-1")] == ["Pokémon"]
    with pytest.raises(UsageError, match=r"is not UTF-8 \(byte 0xE9\)"):
        list(csv_rows.read(path))


def test_a_header_that_names_a_column_twice_is_refused():
    with pytest.raises(UsageError, match="names a column twice: hours"):
        read(header="user,hours,game,hours")


def test_games_and_football_refuse_the_same_files(tmp_path):
    path, matches, games = tmp_path / "a.csv", None, catalogue(game("Portal"))
    path.write_bytes(WORKBOOK)
    for read_file in (
        lambda: odds_csv.read_odds(path, matches),
        lambda: plays_csv.read_plays(path, games),
    ):
        with pytest.raises(UsageError, match="workbook"):
            read_file()
    with pytest.raises(UsageError) as error:
        plays_csv.read_plays("\x1b[31mred\n", games)
    assert "\x1b" not in str(error.value)


CELLS = st.text(
    st.characters(exclude_characters="\0\r\n", exclude_categories=["Cs", "Zl", "Cc"]), max_size=12
)


@given(st.lists(st.tuples(CELLS, CELLS), max_size=8))
def test_what_a_writer_of_csv_writes_is_read_again(rows):
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerows([("a", "b"), *rows])
    read_rows = [(row["a"], row["b"]) for _, row in csv_rows.read(text.getvalue())]
    stripped = [(one.strip().lstrip("\ufeff"), other.strip()) for one, other in rows]
    assert read_rows == [row for row in stripped if any(row)]


@given(st.text(st.sampled_from('ab,"\n\r;\t '), max_size=60))
def test_every_line_of_any_text_is_a_row_or_bad_or_the_file_is_refused(text):
    try:
        rows = csv_rows.read(f"a,b\n{text}")
        lines = [line for line, _ in rows]
    except UsageError:
        return
    bad = [line for line, _ in rows.bad_rows]
    assert not set(lines) & set(bad)
    filled = {
        number
        for number, line in enumerate(io.StringIO(text, newline=None), start=2)
        if line.strip(' ,\n\t";')
    }
    assert filled <= {*lines, *bad}
