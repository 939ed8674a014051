"""Files that are written whole or not at all; an error names the file."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# Others may read what is kept, as they may where a program opens a new file.
MODE = 0o644


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Give an error of the system the name of the file: a full disk, for example, names none."""
    try:
        yield
    except OSError as error:
        if error.filename is None:
            error.filename = str(path)
        raise


def write_whole(path: Path, content: bytes) -> None:
    """Write a file beside its place, flush it to disk and rename it; raises OSError that names the file.

    What was there before stays whole where writing fails, and no part is left behind.
    """
    with naming(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        number, part = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name[:40]}.", suffix=".part")
        try:
            with os.fdopen(number, "wb") as file:
                os.fchmod(number, MODE)
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            Path(part).replace(path)
        except BaseException:
            Path(part).unlink(missing_ok=True)
            raise
