"""The secret of an embedded installation, in a file that its owner alone may read."""

import os
import secrets
import stat
from contextlib import suppress
from pathlib import Path

from almanac.errors import UsageError

NAME = "secret"
BYTES = 48
READABLE_BY_OTHERS = (
    "{path} has the mode {mode:o}: others on this machine may read the secret that signs tokens. "
    "Run: chmod 600 {path}"
)


def read_or_make(path: Path) -> str:
    """Return the secret in the file, which is made at the first call with the mode 600.

    Raises UsageError where others may read it.
    """
    if not path.exists():
        _make(path)
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise UsageError(READABLE_BY_OTHERS.format(path=path, mode=mode))
    return path.read_text(encoding="ascii").strip()


def _make(path: Path) -> None:
    """Make the file whole: of two programs that start at once, both use the file of the first."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(secrets.token_urlsafe(BYTES) + "\n")
    with suppress(FileExistsError):
        os.link(draft, path)
    draft.unlink()
