"""Refuse files that do not belong into git: large ones, data, and keys."""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

LARGEST_BYTES = 500_000
# What an earlier program left behind, generated data only.
# tests/state/make_state.py made it once; a test restores it.
STATE = {"tests/state/database.sql.xz", "tests/state/mlruns.tar.xz"}
LARGEST_STATE_BYTES = 3_000_000
# A short table of facts, or one made up for a test, is source; a longer one is data.
LARGEST_TABLE_BYTES = 32_000
TABLES = {".csv", ".tsv"}
DATA = {
    ".arrow",
    ".db",
    ".feather",
    ".gz",
    ".joblib",
    ".parquet",
    ".pickle",
    ".pkl",
    ".skops",
    ".sqlite",
    ".xlsx",
    ".zip",
    ".zst",
}
KEY_FILES = {".env", "id_ed25519", "id_rsa"}
KEYS = re.compile(
    rb"-----BEGIN [A-Z ]*PRIVATE KEY-----"
    rb"|\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"
    rb"|\bgh[oprsu]_[0-9A-Za-z]{36}|\bgithub_pat_[0-9A-Za-z_]{60}"
    rb"|\bxox[abeprs]-[0-9A-Za-z-]{20}"
    rb"|\bAIza[0-9A-Za-z_-]{35}"
    rb"|^[ #]*(?:export +)?[A-Z][A-Z_]*(?:KEY|PASSWORD|SECRET|TOKEN)=[\"']?[0-9A-Za-z+/_-]{16}",
    re.MULTILINE,
)


def complaints(path: Path) -> Iterator[str]:
    """Yield what speaks against keeping this file in git."""
    content = path.read_bytes()
    most = LARGEST_STATE_BYTES if path.as_posix() in STATE else LARGEST_BYTES
    if len(content) > most:
        yield f"{path}: {len(content):,} bytes, at most {most:,} are kept in git."
    if path.suffix in DATA or (path.suffix in TABLES and len(content) > LARGEST_TABLE_BYTES):
        yield f"{path}: data stays out of git; let a source fetch it or a test make it."
    if path.name in KEY_FILES or path.suffix in {".key", ".pem"}:
        yield f"{path}: a file of keys; keep it in the environment or a secret store."
    if match := KEYS.search(content):
        line = content.count(b"\n", 0, match.start()) + 1
        yield f"{path}:{line}: looks like a key. If it is real, revoke it: git remembers."


def main(names: list[str]) -> int:
    """Print every complaint; return 1 if there is one."""
    problems = [complaint for name in names if Path(name).is_file() for complaint in complaints(Path(name))]
    for complaint in problems:
        print(complaint)
    return bool(problems)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
