"""Files that are packed, damaged or written in another encoding: what can be read is read."""

import bz2
import gzip
import io
import json
import lzma
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from almanac.errors import AlmanacError, SourceCorrupt, SourceUnavailable, UsageError
from almanac.store.connections.database import Database
from almanac.workloads.logs import commands
from almanac.workloads.logs.formats import chunks, compression, opening
from tests.queries import one

Pack = Callable[[bytes], bytes]
pytestmark = pytest.mark.usefixtures("commands_project")
LINES = "".join(
    f"2025-04-15 06:{n // 60 % 60:02d}:{n % 60:02d},000 INFO app.db: line {n}\n" for n in range(3000)
)
CONTENT = LINES.encode()
COUNT = "SELECT count(*) FROM almanac.log_entries"
REFUSED = {
    b"\x28\xb5\x2f\xfd": "zstd",
    b"\x04\x22\x4d\x18": "lz4",
    b"PK\x03\x04": "ZIP",
    b"LPKSHHRH": "journalctl",
    b"7z\xbc\xaf\x27\x1c": "7-Zip",
}


def unpacked(content: bytes, size: int = 1000) -> tuple[bytes, str]:
    """Return what is read of a packed file, and why it ends."""
    done = b""
    try:
        for block in compression.unpacked(
            content[begin : begin + size] for begin in range(0, len(content), size)
        ):
            done += block
    except SourceCorrupt as error:
        return done, str(error)
    return done, ""


def text(content: bytes) -> str:
    return "".join(chunks.text_blocks([content]))


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "later.log"
    path.write_bytes(CONTENT)
    return path


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress, lambda content: content])
def test_packed_content_is_read_whole_also_in_several_members(pack: Pack) -> None:
    assert unpacked(pack(CONTENT)) == (CONTENT, "")
    assert unpacked(pack(CONTENT) + pack(b"more\n")) == (CONTENT + b"more\n", "")


def test_zeros_behind_the_last_member_are_padding() -> None:
    assert unpacked(gzip.compress(CONTENT) + bytes(3000)) == (CONTENT, "")


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress])
def test_of_a_truncated_file_the_beginning_is_read(pack: Pack) -> None:
    packed = pack(CONTENT)
    done, reason = unpacked(packed[: len(packed) - 20])
    assert CONTENT.startswith(done)
    assert f"ends early after {len(done):,} bytes" in reason
    assert "truncated" in reason


def test_of_a_file_with_a_wrong_sum_every_byte_is_read() -> None:
    packed = bytearray(gzip.compress(CONTENT))
    packed[-8] ^= 1
    done, reason = unpacked(bytes(packed))
    assert done == CONTENT
    assert "damaged" in reason


def test_what_follows_a_member_and_is_not_packed_is_named() -> None:
    done, reason = unpacked(gzip.compress(CONTENT) + b"garbage")
    assert (done, "not compressed" in reason) == (CONTENT, True)


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 8000), st.integers(100, 5000))
def test_a_damaged_byte_never_breaks_the_reading(place: int, size: int) -> None:
    packed = bytearray(gzip.compress(CONTENT))
    packed[10 + place % (len(packed) - 10)] ^= 0xFF
    done, reason = unpacked(bytes(packed), size)
    assert reason or done == CONTENT


@pytest.mark.parametrize("magic", REFUSED)
def test_another_compression_is_refused_by_its_first_bytes(magic: bytes) -> None:
    with pytest.raises(UsageError, match=REFUSED[magic]):
        unpacked(magic + bytes(100))


def test_a_truncated_file_keeps_its_lines_and_later_files_are_read(
    owner: Database, log: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    packed, refused = tmp_path / "cut.log.gz", tmp_path / "other.log.zst"
    packed.write_bytes(gzip.compress(CONTENT)[:-300])
    refused.write_bytes(b"\x28\xb5\x2f\xfd" + bytes(100))
    with pytest.raises(SourceUnavailable, match="ends early") as failure:
        commands.ingest_command([packed, refused, log], json=True)
    assert failure.value.exit_code == 4
    assert "zstd" in str(failure.value)
    reports = json.loads(capsys.readouterr().out)
    cut = reports[str(packed)]
    assert cut["stored"]["accepted"] > 1000
    assert "ends early" in cut["problem"]
    assert reports[str(log)]["stored"]["accepted"] == 3000
    assert one(owner, COUNT) == 3000 + cut["stored"]["accepted"]
    packed.write_bytes(gzip.compress(CONTENT))
    commands.ingest_command([packed], json=True)
    assert one(owner, COUNT) == 6000


@pytest.mark.parametrize(
    "content",
    [
        b"\xef\xbb\xbf" + CONTENT,
        LINES.encode("utf-16"),
        LINES.encode("utf-16-le"),
        LINES.encode("utf-16-be"),
        LINES.encode("utf-32"),
        bytes(100_000) + CONTENT,
        LINES.replace("\n", "\r\n").encode(),
    ],
    ids=["BOM", "UTF-16", "UTF-16-LE", "UTF-16-BE", "UTF-32", "zeros", "CRLF"],
)
def test_text_in_another_encoding_is_the_same_text(content: bytes) -> None:
    assert text(content).rstrip("\n") == LINES.rstrip("\n")


def test_zeros_in_the_middle_of_a_file_stand_before_no_line() -> None:
    assert text(b"one\n" + bytes(50) + b"two\n") == "one\ntwo\n"


@given(st.lists(st.binary(max_size=40), max_size=10), st.integers(1, 64))
def test_blocks_of_any_size_give_the_same_text(parts: list[bytes], size: int) -> None:
    content = b"x" + b"\n".join(parts)
    blocks = [content[begin : begin + size] for begin in range(0, len(content), size)]
    assert "".join(chunks.text_blocks(blocks)) == text(content)


def test_standard_input_is_read_once_and_equals_the_file(
    owner: Database, log: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for expected in (3000, 0):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(CONTENT)))
        commands.ingest_command([Path("-")], json=True)
        report = json.loads(capsys.readouterr().out)["-"]
        assert (report["lines"], report["stored"]["accepted"]) == (3000, expected)
    commands.ingest_command([log], json=True)
    differs = """
        SELECT count(*) FROM (SELECT text, event_time, level, logger FROM almanac.log_entries
        GROUP BY 1, 2, 3, 4 HAVING count(*) <> 2) AS single"""
    assert one(owner, differs) == 0


@pytest.mark.parametrize("name", ["-", "/dev/stdin", "/dev/fd/0"])
def test_a_pipe_gives_every_byte(name: str) -> None:
    program = (
        "import sys, pathlib; from almanac.workloads.logs.formats.opening import open_log\n"
        f"with open_log(pathlib.Path({name!r})) as opened: print(sum(map(len, opened.blocks())), opened.name)"
    )
    done = subprocess.run([sys.executable, "-c", program], input=CONTENT, capture_output=True, check=True)
    assert done.stdout.split() == [str(len(CONTENT)).encode(), b"stdin"]


def test_a_file_that_is_mostly_raw_is_stored_and_said_loudly(owner: Database, tmp_path: Path) -> None:
    path = tmp_path / "novel.txt"
    path.write_text("It was a dark night.\nNobody logged anything.\n")
    with pytest.raises(
        AlmanacError, match=r"2 of 2 entries were not understood.*syslog5424.*--format plain"
    ) as failure:
        commands.ingest_command([path], json=True)
    assert failure.value.exit_code == 1
    assert one(owner, COUNT) == 2
    commands.ingest_command([path], form="plain", json=True)
    assert one(owner, COUNT) == 2


def test_an_unknown_zone_is_refused(log: Path) -> None:
    with pytest.raises(UsageError, match="Unknown time zone 'Europe/Nowhere'"):
        commands.ingest_command([log], timezone="Europe/Nowhere")


@pytest.mark.parametrize(
    ("name", "family"),
    [
        ("app.log.1", "app.log"),
        ("app.log.12.gz", "app.log"),
        ("app.log-20250415.xz", "app.log"),
        ("app-2025-04-15.log", "app.log"),
        ("app.2025-04-15.0.log.gz", "app.log"),
        ("server.log.2016-12-19-15", "server.log"),
        ("app-2025-04-15T06-00-00.000.log", "app.log"),
        ("x.log.1713160000", "x.log"),
        ("10.0.0.8.log", "10.0.0.8.log"),
        ("node-7.log", "node-7.log"),
        ("api.v2.log", "api.v2.log"),
    ],
)
def test_the_family_of_a_file_is_its_path_without_what_rotation_adds(name: str, family: str) -> None:
    assert opening.family_of(Path("/srv") / name) == f"/srv/{family}"
