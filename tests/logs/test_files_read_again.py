"""Files that are read again: rotation, growth, truncation, pipes and packed files keep exact sums."""

import gzip
import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from almanac.store.connections.database import Database
from almanac.store.rows import binary_copy
from almanac.workloads.logs.entries import Load, Stored
from almanac.workloads.logs.formats import opening
from almanac.workloads.logs.keeping import ingest
from almanac.workloads.logs.keeping.files import alignment, marks
from almanac.workloads.logs.keeping.ingest import FileReport, ReadOptions
from tests.queries import rows

LOAD = Load(binary_copy.encode)
OF_SOURCE = "FROM almanac.log_entries WHERE source = :source"
BANNER = "=== the program starts ===\n"


def line(number: int, text: str = "line") -> str:
    return f"2025-04-15 06:{number // 60:02d}:{number % 60:02d},000 INFO shop.orders: {text} {number}\n"


def lines(*numbers: int) -> str:
    return "".join(map(line, numbers))


def read(worker: Database, path: Path, **options: Any) -> FileReport:
    return ingest.ingest(worker.connect, path, ReadOptions(**options), LOAD)


def new(worker: Database, *paths: Path, **options: Any) -> list[int]:
    """Return how many entries are new in each file."""
    return [read(worker, path, **options).stored.accepted for path in paths]


def texts(owner: Database, column: str = "text") -> list[str]:
    return [value for (value,) in rows(owner, f"SELECT {column} FROM almanac.log_entries ORDER BY entry_id")]


def test_lines_with_one_id_are_all_stored_once(owner: Database, worker: Database, tmp_path: Path) -> None:
    path, other = tmp_path / "orders.log", tmp_path / "other.log"
    path.write_text(
        '{"id":42,"msg":"order created"}\n{"id":42,"msg":"order paid"}\n{"id":42,"msg":"order lost"}\n'
    )
    other.write_text('{"id":42,"msg":"refund"}\n{"uuid":"x","msg":"a"}\n{"event_id":"x","msg":"a"}\n')
    assert new(worker, path, other) == [3, 3]
    assert new(worker, path, other) == [0, 0]
    assert texts(owner)[:3] == ["order created", "order paid", "order lost"]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("web1/app.log", "web2/app.log"),
        ("10.0.0.8.log", "10.0.0.9.log"),
        ("10.0.0.8", "10.0.0.9"),
        ("node-7.log", "node-8.log"),
        ("app.log", "app.json"),
        ("api.v1.log", "api.v2.log"),
        ("app.log", "app.log.gz"),
    ],
)
def test_two_files_with_the_same_lines_are_both_stored(
    owner: Database, worker: Database, tmp_path: Path, one: str, other: str
) -> None:
    paths = [tmp_path / one, tmp_path / other]
    for path in paths:
        path.parent.mkdir(exist_ok=True)
        path.write_text(lines(1, 2, 3))
    assert new(worker, *paths) == [3, 3]
    assert new(worker, *paths, *paths[::-1]) == [0, 0, 0, 0]
    is_one_family = opening.family_of(paths[0]) == opening.family_of(paths[1])
    assert len(set(texts(owner, "source"))) == (1 if is_one_family else 2)


def test_a_source_is_named_after_its_folder_where_its_name_is_taken(
    owner: Database, worker: Database, tmp_path: Path
) -> None:
    for folder in ("a/web1", "a/web2", "b/web2"):
        path = tmp_path / folder / "app.log"
        path.parent.mkdir(parents=True)
        path.write_text(line(1))
        read(worker, path)
    assert texts(owner, "source") == ["app", "web2/app", "b/web2/app"]


@pytest.mark.parametrize("order", [("worker.log", "worker.log.1"), ("worker.log.1", "worker.log")])
@pytest.mark.parametrize("begin", [BANNER, line(0), BANNER + line(0)])
@pytest.mark.parametrize("is_copied", [False, True])
def test_a_rotated_pair_with_the_same_beginning_gives_the_exact_sum(
    worker: Database, tmp_path: Path, order: tuple[str, str], begin: str, is_copied: bool
) -> None:
    log, rotated = tmp_path / "worker.log", tmp_path / "worker.log.1"
    same = begin.count("\n")
    log.write_text(begin + lines(1, 2))
    assert new(worker, log) == [same + 2]
    if is_copied:
        shutil.copy(log, rotated)
        log.write_text("")
    else:
        log.rename(rotated)
    with rotated.open("a") as file:
        file.write(line(3))
    log.write_text(begin)
    assert sum(new(worker, *(tmp_path / name for name in order))) == 1 + same
    with log.open("a") as file:
        file.write(line(4))
    assert sum(new(worker, *(tmp_path / name for name in order))) == 1
    assert new(worker, log, rotated, log) == [0, 0, 0]


def test_a_packed_rotated_file_is_found_again(worker: Database, tmp_path: Path) -> None:
    log, packed = tmp_path / "app.log", tmp_path / "app.log.2.gz"
    log.write_text(lines(1, 2, 3))
    assert new(worker, log) == [3]
    packed.write_bytes(gzip.compress(log.read_bytes()))
    log.write_text(lines(4))
    assert new(worker, packed, log) == [0, 1]
    packed.rename(tmp_path / "app.log-20250415.gz")
    assert new(worker, tmp_path / "app.log-20250415.gz") == [0]


@pytest.mark.parametrize("count", [1, 2, 4])
def test_a_file_that_lost_its_head_is_not_stored_again(worker: Database, tmp_path: Path, count: int) -> None:
    path = tmp_path / "ring.log"
    path.write_text(lines(*range(5)))
    assert new(worker, path) == [5]
    path.write_text(lines(*range(count, 5), 7))
    assert new(worker, path) == [1]
    path.write_text(lines(*range(count, 5), 7, 8))
    assert new(worker, path) == [1]
    assert new(worker, path) == [0]


def test_a_log_without_times_may_lose_its_head(worker: Database, tmp_path: Path) -> None:
    path = tmp_path / "app.log"
    path.write_text("a\nb\nc\n")
    assert new(worker, path) == [3]
    path.write_text("b\nc\nd\n")
    assert new(worker, path) == [1]


def test_a_truncated_file_that_begins_again_is_stored_whole(worker: Database, tmp_path: Path) -> None:
    path = tmp_path / "app.log"
    path.write_text(BANNER + lines(1, 2))
    assert new(worker, path) == [3]
    path.write_text(BANNER)
    assert new(worker, path) == [1]
    path.write_text(BANNER + line(3))
    assert new(worker, path) == [1]


def test_a_file_that_lost_its_end_goes_on(owner: Database, worker: Database, tmp_path: Path) -> None:
    path = tmp_path / "app.log"
    path.write_text(lines(1, 2, 3, 4))
    assert new(worker, path) == [4]
    path.write_text(lines(1, 2))
    assert new(worker, path) == [0]
    path.write_text(lines(1, 2, 5, 6))
    assert new(worker, path) == [2]
    assert new(worker, path) == [0]
    assert len(texts(owner)) == 6


@pytest.mark.parametrize(
    ("begin", "rest"),
    [
        (lines(1) + "2025-04-15 06:00:02,0", "00 WARN shop.orders: slow\n"),
        (lines(1) + line(2)[:-3], line(2)[-3:]),
        ('{"msg": "first"}\n{"msg": "sec', 'ond", "level": "warn"}\n'),
        (lines(1) + "2025-04-15 06:00:02,000 ERROR a: b\njava.io.IOException: x\n", "\tat a.B.c(B.java:1)\n"),
        ("no ti", "me\n"),
        ("gr\u00fc\u00dfe"[:3], "\u00dfe\n"),
    ],
)
def test_an_unfinished_end_is_replaced_by_its_longer_version(
    owner: Database, worker: Database, tmp_path: Path, begin: str, rest: str
) -> None:
    path, whole = tmp_path / "app.log", tmp_path / "whole" / "app.log"
    whole.parent.mkdir()
    whole.write_text(begin + rest)
    path.write_text(begin)
    read(worker, path)
    path.write_text(begin + rest)
    assert new(worker, path, path) == [0, 0]
    read(worker, whole)
    columns = "text, level, logger, raw"
    stored = rows(owner, f"SELECT source, {columns} FROM almanac.log_entries ORDER BY entry_id")
    one = [row for source, *row in stored if source == "app"]
    other = [row for source, *row in stored if source != "app"]
    assert one == other


def test_a_last_line_without_a_line_end_is_stored(owner: Database, worker: Database, tmp_path: Path) -> None:
    path = tmp_path / "app.log"
    path.write_text(lines(1) + line(2).rstrip("\n"))
    assert new(worker, path, path) == [2, 0]
    assert texts(owner) == ["line 1", "line 2"]


def test_a_named_pipe_equals_the_file(owner: Database, worker: Database, tmp_path: Path) -> None:
    content = lines(*range(3001)).encode()
    pipe, path = tmp_path / "pipe", tmp_path / "file.log"
    os.mkfifo(pipe)
    path.write_bytes(content)
    for expected in (3001, 0):
        writer = Thread(target=pipe.write_bytes, args=(content,), daemon=True)
        writer.start()
        assert new(worker, pipe) == [expected]
        writer.join()
    read(worker, path)
    piped, of_file = (
        rows(owner, f"SELECT text, event_time, level {OF_SOURCE} ORDER BY entry_id", source=source)
        for source in ("pipe", "file")
    )
    assert piped == of_file


def test_a_file_that_two_programs_read_is_stored_once(
    worker: Database, owner: Database, tmp_path: Path
) -> None:
    path = tmp_path / "app.log"
    path.write_text(lines(*range(500)))
    readers = [Thread(target=read, args=(worker, path)) for _ in range(3)]
    for reader in readers:
        reader.start()
    for reader in readers:
        reader.join()
    assert len(texts(owner)) == 500


def test_a_link_is_the_file_it_names(worker: Database, tmp_path: Path) -> None:
    path, link = tmp_path / "0.log", tmp_path / "container.log"
    path.write_text(lines(1))
    link.symlink_to(path)
    assert new(worker, path, link) == [1, 0]


def test_another_source_is_another_log(worker: Database, tmp_path: Path) -> None:
    path = tmp_path / "app.log"
    path.write_text(lines(1))
    assert new(worker, path, source="one") == [1]
    assert new(worker, path, source="other") == [1]
    assert new(worker, path, source="one") == [0]


def test_many_small_readings_are_kept_in_few_rows(owner: Database, worker: Database, tmp_path: Path) -> None:
    path = tmp_path / "app.log"
    for number in range(70):
        with path.open("a") as file:
            file.write(line(number))
        assert new(worker, path) == [1]
    ((parts,),) = rows(owner, "SELECT count(*) FROM almanac.log_file_lines")
    assert parts < 70
    assert new(worker, path) == [0]


ACTIONS = st.lists(
    st.sampled_from(
        [
            "write",
            "write",
            "unfinished",
            "read",
            "read",
            "read backwards",
            "rotate",
            "pack",
            "copy",
            "truncate",
            "behead",
        ]
    ),
    min_size=3,
    max_size=14,
)


class History:
    """A log as a program and its rotation write it; each line is known by a number of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.log = folder, folder / "app.log"
        self.files: dict[str, list[int]] = {"app.log": []}
        self.text: dict[int, str] = {}
        self.seen: set[int] = set()
        self.count = 0
        self.log.touch()

    def add(self, text: str) -> None:
        with self.log.open("a") as file:
            file.write(text)
        self.text[self.count] = text
        self.files["app.log"].append(self.count)
        self.count += 1

    def finish_line(self) -> None:
        present = self.files["app.log"]
        if present and not self.text[present[-1]].endswith("\n"):
            with self.log.open("a") as file:
                file.write(" to its end\n")
            self.text[present[-1]] += " to its end\n"

    def act(self, action: str) -> None:
        if action == "write":
            self.finish_line()
            self.add(line(self.count))
            self.add(line(self.count))
        elif action == "unfinished":
            self.finish_line()
            self.add(line(self.count, "unfinished").rstrip("\n"))
        elif action == "behead":
            self.finish_line()
            self.files["app.log"] = self.files["app.log"][1:]
            self.log.write_text("".join(self.text[number] for number in self.files["app.log"]))
        elif action in ("rotate", "pack", "copy"):
            self.rotate(action)
        elif action == "truncate":
            self.begin_again()

    def rotate(self, action: str) -> None:
        self.finish_line()
        for name in sorted(self.files, key=_number, reverse=True):
            older = f"app.log.{_number(name) + 1}" + (".gz" if name.endswith(".gz") else "")
            self.files[older] = self.files.pop(name)
            path = self.folder / name
            if name == "app.log" and action == "copy":
                shutil.copy(path, self.folder / older)
            elif name == "app.log" and action == "pack":
                (self.folder / f"{older}.gz").write_bytes(gzip.compress(path.read_bytes()))
                self.files[f"{older}.gz"] = self.files.pop(older)
                path.unlink()
            else:
                path.rename(self.folder / older)
        self.begin_again()

    def begin_again(self) -> None:
        self.log.write_text("")
        self.files["app.log"] = []
        # A banner alone would be the same file again.
        self.add(BANNER)
        self.add(line(self.count))


def _number(name: str) -> int:
    return int((name.removesuffix(".gz").partition(".log.")[2]) or 0)


@pytest.fixture(scope="module")
def folders() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


@settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(actions=ACTIONS)
def test_a_history_of_writing_rotating_truncating_and_reading_keeps_exact_sums(
    owner: Database, worker: Database, folders: Path, actions: list[str]
) -> None:
    history = History(Path(tempfile.mkdtemp(dir=folders)))
    total = Stored(0, 0)
    for action in [*actions, "read"]:
        history.act(action)
        if action in ("read", "backwards"):
            for name in sorted(history.files, key=_number, reverse=action == "backwards"):
                total += read(worker, history.folder / name).stored
                history.seen |= set(history.files[name])
            assert total.accepted == len(history.seen)
    family = str(history.log)
    sources = rows(
        owner, "SELECT DISTINCT source FROM almanac.log_files WHERE family = :family", family=family
    )
    stored = [row for (source,) in sources for row in rows(owner, f"SELECT text {OF_SOURCE}", source=source)]
    expected = [history.text[number].rstrip("\n").rpartition("orders: ")[2] for number in history.seen]
    assert Counter(text.rpartition("orders: ")[2] for (text,) in stored) == Counter(expected)


@given(
    st.lists(st.sampled_from(["06:00:00 a", "06:00:01 b", "06:00:02 c", "x"]), min_size=1, max_size=12),
    st.integers(0, 11),
)
def test_a_file_is_found_in_itself_at_every_place(content: list[str], begin: int) -> None:
    file = alignment.KnownFile(1, None, [(0, 1)], None, (0, b""), True, marks.of_lines(content))
    rest = content[begin % len(content) :]
    head = alignment.head_of("".join(f"{each}\n" for each in rest), is_whole=True, node=None)
    fits = alignment.matches(head, [file])
    if rest == content:
        assert (fits[0].offset, fits[0].fit) == (0, alignment.COMPLETELY)
    assert all(content[fit.offset :][: fit.length] == rest[: fit.length] for fit in fits)
