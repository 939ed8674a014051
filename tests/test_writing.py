"""A file is written whole or not at all, and a full disk names the file."""

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from almanac.errors import RegistryError
from almanac.registry import Registry
from almanac.writing import naming, write_whole
from tests.stub import content

CODES = (errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS)


def failing(code: int) -> Callable[..., Any]:
    """Return a function that fails as the system does while it writes, without the name of a file."""

    def fail(*_: object, **__: object) -> None:
        raise OSError(code, os.strerror(code))

    return fail


@pytest.mark.parametrize("code", CODES)
@pytest.mark.parametrize("before", [None, b"as it was"])
def test_what_cannot_be_written_names_the_file_and_leaves_it_as_it_was(
    code: int, before: bytes | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "kept.ipynb"
    if before is not None:
        path.write_bytes(before)
    monkeypatch.setattr(os, "fsync", failing(code))
    with pytest.raises(OSError, match=rf"{os.strerror(code)}: '{path}'"):
        write_whole(path, b"new")
    assert [file.read_bytes() for file in tmp_path.iterdir()] == [before] * (before is not None)


def test_a_name_that_the_system_gave_stays() -> None:
    with pytest.raises(FileNotFoundError, match="'/no/such/folder/a'"), naming(Path("other")):
        Path("/no/such/folder/a").write_text("")


def test_a_frame_that_cannot_be_written_names_its_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "write_bytes", failing(errno.ENOSPC))
    frame = next(iter(content().values()))
    with pytest.raises(RegistryError, match=r"No space left on device: '.+/training\.parquet'"):
        Registry("http://127.0.0.1:9", "").log_frame("run", frame, "training")


@given(st.binary(max_size=200))
def test_what_is_written_is_read_back(content: bytes) -> None:
    path = Path("/dev/shm", f"written-{os.getpid()}")
    write_whole(path, content)
    assert (path.read_bytes(), oct(path.stat().st_mode & 0o777)) == (content, "0o644")
    path.unlink()
