"""Traces of real arrivals: of a language-model service, a web server, Kafka's logs, or a user's file."""

import csv
import gzip
import io
import re
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from almanac.download import mirror
from almanac.download.mirror import PublicFile
from almanac.errors import SourceCorrupt, SourceUnavailable, UsageError
from almanac.settings import Settings
from almanac.workloads.events.policy.costs import Floats
from almanac.workloads.events.replays.trace import Trace, make
from almanac.workloads.events.sources import generator

AZURE = PublicFile(
    "Azure/AzurePublicDataset",
    "b469a113cedca53ddc3bdea71a143dc4b7d8700c",
    "data/AzureLLMInferenceTrace_conv.csv",
    "2f1e5b666d4e3055fdbba98598ce2ec307767b9064e03e2fa46676dbcc7d0bf8",
)
BYTES_PER_TOKEN = 4
BYTES_PER_KB = 1024
NASA = Path("derived/nasa_http_19950801.csv.gz")
KAFKA = (
    "elastic/examples",
    "6d86454ebb7a850bcd7e80abe86fe683370018a6",
    "Miscellaneous/kafka_monitoring/filebeat_monitoring/logs",
)
RECORD = re.compile(r"\[(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d),(\d{3})\] ([A-Z]+) ")
GENERATED_SECONDS = 3600.0
SEED = 20_231_116
# A clock that counts from 1970 reaches the year 5138 by then.
MOST_SECONDS = 1e11
NANOSECONDS = 1e9
NO_KIND = "event"


class LogRecord(NamedTuple):
    """A record of a log: its instant in seconds since 1970, its bytes and its level."""

    instant: float
    size: int
    level: str


def read(name: str, settings: Settings) -> Trace:
    """Return the trace called azure-conv, nasa, kafka or poisson, or that of a CSV file.

    The file has the columns seconds, kb and kind. `kind` is optional. Raises UsageError for any other name,
    SourceCorrupt for a file that does not fit, and SourceUnavailable.
    """
    if name in READERS:
        return READERS[name](settings)
    path = Path(name)
    if not path.is_file():
        raise UsageError(
            f"Unknown trace '{name}'. Use {', '.join(READERS)}, "
            "or name a CSV file with the columns seconds, kb and kind."
        )
    return of_file(path)


def azure(settings: Settings) -> Trace:
    """Return the hour of requests to a language-model service; a token counts as four bytes."""
    rows = pd.read_csv(io.BytesIO(mirror.read(AZURE, settings).content))
    instants = pd.to_datetime(rows["TIMESTAMP"], utc=True).dt.as_unit("ns")
    seconds = instants.astype("int64").to_numpy() / NANOSECONDS
    tokens = rows["ContextTokens"] + rows["GeneratedTokens"]
    kinds = np.full(len(rows), "conversation")
    return make("azure-conv", seconds, tokens * BYTES_PER_TOKEN / BYTES_PER_KB, kinds)


def nasa(settings: Settings) -> Trace:
    """Return requests to a web server on 1995-08-01.

    The file has no public address with a pinned hash, so only a mirror has it.
    """
    path = Path(settings.mirror) / NASA
    if not settings.mirror or not path.is_file():
        raise SourceUnavailable(
            f"The trace 'nasa' is read from {NASA} of the folder that ALMANAC_MIRROR names, "
            "and it is not there."
        )
    text = gzip.decompress(path.read_bytes()).decode()
    seconds, sizes = np.loadtxt(io.StringIO(text), delimiter=",", skiprows=1).T
    return make("nasa", seconds, sizes / BYTES_PER_KB, np.full(len(seconds), "request"))


def kafka(settings: Settings) -> Trace:
    """Return the log records of two Kafka brokers as arrivals, with their level as type.

    There is long silence, then hundreds in a second.
    """
    copies = mirror.read_all(_kafka_files(), settings)
    texts = [copy.content.decode("utf-8", "replace") for copy in copies]
    records = [record for text in texts for record in log_records(text.splitlines())]
    instants, sizes, levels = zip(*records, strict=True)
    return make("kafka", instants, np.asarray(sizes) / BYTES_PER_KB, levels)


def log_records(lines: Iterable[str]) -> Iterator[LogRecord]:
    """Yield the records of some lines; lines without a time belong to the record above them."""
    record: LogRecord | None = None
    for line in lines:
        begun = _record_of(line)
        if begun is None:
            record = record and record._replace(size=record.size + len(line.encode()))
            continue
        if record:
            yield record
        record = begun
    if record:
        yield record


def _record_of(line: str) -> LogRecord | None:
    """Return the record that a line begins, or None where it has no time."""
    head = RECORD.match(line)
    if head is None:
        return None
    second, millisecond, level = head.groups()
    instant = datetime.fromisoformat(second).replace(tzinfo=UTC).timestamp()
    return LogRecord(instant + int(millisecond) / 1000, len(line.encode()), level.lower())


def poisson(_settings: Settings) -> Trace:
    """Return a generated hour with the shape of a day and bursts."""
    pattern = generator.TrafficPattern(day_seconds=GENERATED_SECONDS)
    return generator.generate(GENERATED_SECONDS, seed=SEED, pattern=pattern)


def of_file(path: Path) -> Trace:
    """Return the arrivals of a CSV file with the columns seconds, kb and (optional) kind.

    Raises SourceCorrupt.
    """
    rows, seconds, kb = _columns(path)
    if not len(rows) or not _are_valid(seconds, kb):
        raise SourceCorrupt(
            f"{path} is no trace: it needs at least one row, seconds up to {MOST_SECONDS:g}, "
            "and kB of 0 or more."
        )
    kinds = _kinds(rows)
    if kinds.str.contains("\0", regex=False).any():
        raise SourceCorrupt(f"{path} is no trace: a kind holds the character NUL.")
    return make(path.stem, seconds, kb, kinds)


def _kinds(rows: pd.DataFrame) -> pd.Series:
    kinds = rows["kind"] if "kind" in rows else pd.Series(NO_KIND, index=rows.index)
    return kinds.fillna(NO_KIND).astype(str)


def _kafka_files() -> list[PublicFile]:
    repository, commit, folder = KAFKA
    with (files(__package__) / "kafka_pins.tsv").open(encoding="utf-8") as table:
        pins = [(pin["path"], pin["sha256"]) for pin in csv.DictReader(table, delimiter="\t")]
    return [PublicFile(repository, commit, f"{folder}/{path}", sha256) for path, sha256 in pins]


def _columns(path: Path) -> tuple[pd.DataFrame, Floats, Floats]:
    """Return the rows of a CSV file, and its columns seconds and kb as numbers."""
    try:
        rows = pd.read_csv(path)
        return rows, rows["seconds"].to_numpy(dtype=np.float64), rows["kb"].to_numpy(dtype=np.float64)
    except (KeyError, ValueError, OSError) as error:
        raise SourceCorrupt(
            f"{path} is no trace ({type(error).__name__}: {error!s:.100}). "
            "It needs the columns seconds and kb, both numbers."
        ) from error


def _are_valid(seconds: Floats, kb: Floats) -> bool:
    """Return whether all seconds are within bounds, and all sizes finite and not negative."""
    are_sizes_valid = bool((np.isfinite(kb) & (kb >= 0)).all())
    return are_sizes_valid and bool((np.abs(seconds) <= MOST_SECONDS).all())


READERS: dict[str, Callable[[Settings], Trace]] = {
    "azure-conv": azure,
    "nasa": nasa,
    "kafka": kafka,
    "poisson": poisson,
}
