"""The pinned public log files: repository, commit, path and hash."""

import csv
from collections.abc import Mapping
from importlib.resources import files

from almanac.download.mirror import PublicFile

COMMITS = {
    "elastic/examples": "6d86454ebb7a850bcd7e80abe86fe683370018a6",
    "logpai/loghub": "dd61d0952749ee7963bde24220d1be5ede023033",
    "EvoTestOps/LogLead": "b40a56e562ddd3176b82b608368dcf51aa48b8a1",
    # Derived from logpai/LogBench at this commit; only mirrors have it.
    "derived": "364357338014a6d76d313fc3d8549c02938b6f2e",
}


def pinned(origin: str) -> list[PublicFile]:
    """Return the pinned files of an origin."""
    with (files(__package__) / "pins.tsv").open(encoding="utf-8") as table:
        rows = list(csv.DictReader(table, delimiter="\t"))
    return [_file(row) for row in rows if row["origin"] == origin]


def _file(row: Mapping[str, str]) -> PublicFile:
    repository = row["repository"]
    return PublicFile(repository, COMMITS[repository], row["path"], row["sha256"])
