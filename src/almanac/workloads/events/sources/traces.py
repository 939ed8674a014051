"""Reads traces of real arrivals: the Azure conversation trace, a day of a NASA web server, Kafka brokers' logs, or a file of the user."""

import csv
import gzip
import io
import re
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path

import numpy as np
import pandas as pd

from almanac.download import mirror
from almanac.download.mirror import PublicFile
from almanac.errors import SourceCorrupt, SourceUnavailable, UsageError
from almanac.settings import Settings
from almanac.workloads.events.replays.trace import Trace, make
from almanac.workloads.events.sources import generator

AZURE = PublicFile(
    "Azure/AzurePublicDataset",
    "b469a113cedca53ddc3bdea71a143dc4b7d8700c",
    "data/AzureLLMInferenceTrace_conv.csv",
    "2f1e5b666d4e3055fdbba98598ce2ec307767b9064e03e2fa46676dbcc7d0bf8",
)
BYTES_PER_TOKEN = 4
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


def read(name: str, settings: Settings) -> Trace:
    """Return the trace called azure-conv, nasa, kafka or poisson, or that of a CSV file with the columns seconds, kb and kind (optional).

    Raises UsageError for any other name and for a file that does not fit, SourceUnavailable, SourceCorrupt.
    """
    if name in READERS:
        return READERS[name](settings)
    path = Path(name)
    if not path.is_file():
        raise UsageError(
            f"Unknown trace '{name}'. Use {', '.join(READERS)}, or name a CSV file with the columns seconds, kb and kind."
        )
    return of_file(path)


def azure(settings: Settings) -> Trace:
    """Return the hour of requests to a language-model service; a token counts as four bytes."""
    rows = pd.read_csv(io.BytesIO(mirror.read(AZURE, settings).content))
    instants = pd.to_datetime(rows["TIMESTAMP"], utc=True).dt.as_unit("ns").astype("int64").to_numpy() / 1e9
    tokens = rows["ContextTokens"] + rows["GeneratedTokens"]
    return make("azure-conv", instants, tokens * BYTES_PER_TOKEN / 1024, np.full(len(rows), "conversation"))


def nasa(settings: Settings) -> Trace:
    """Return requests to a web server on 1995-08-01; the file has no public address with a pinned hash, so only a mirror has it."""
    path = Path(settings.mirror) / NASA
    if not settings.mirror or not path.is_file():
        raise SourceUnavailable(
            f"The trace 'nasa' is read from {NASA} of the folder that ALMANAC_MIRROR names, and it is not there."
        )
    rows = np.loadtxt(io.StringIO(gzip.decompress(path.read_bytes()).decode()), delimiter=",", skiprows=1)
    return make("nasa", rows[:, 0], rows[:, 1] / 1024, np.full(len(rows), "request"))


def kafka(settings: Settings) -> Trace:
    """Return the log records of two Kafka brokers as arrivals, with their level as type: long silence, then hundreds in a second."""
    repository, commit, folder = KAFKA
    with (files(__package__) / "kafka_pins.tsv").open(encoding="utf-8") as table:
        pins = list(csv.DictReader(table, delimiter="\t"))
    copies = mirror.read_all(
        [PublicFile(repository, commit, f"{folder}/{pin['path']}", pin["sha256"]) for pin in pins], settings
    )
    records = [
        record
        for copy in copies
        for record in log_records(copy.content.decode("utf-8", "replace").splitlines())
    ]
    instants, sizes, kinds = zip(*records, strict=True)
    return make("kafka", instants, np.asarray(sizes) / 1024, kinds)


def log_records(lines: Iterable[str]) -> Iterator[tuple[float, int, str]]:
    """Yield second since 1970, bytes and level of each record; lines without a time belong to the record above them."""
    record: tuple[float, int, str] | None = None
    for line in lines:
        head = RECORD.match(line)
        if head:
            if record:
                yield record
            second = datetime.fromisoformat(head[1]).replace(tzinfo=UTC).timestamp()
            record = second + int(head[2]) / 1000, len(line.encode()), head[3].lower()
        elif record:
            record = record[0], record[1] + len(line.encode()), record[2]
    if record:
        yield record


def poisson(_settings: Settings) -> Trace:
    """Return a generated hour with the shape of a day and bursts."""
    return generator.generate(
        GENERATED_SECONDS, seed=SEED, shape=generator.Shape(day_seconds=GENERATED_SECONDS)
    )


def of_file(path: Path) -> Trace:
    """Return the arrivals of a CSV file with the columns seconds, kb and, where given, kind; raises SourceCorrupt."""
    try:
        rows = pd.read_csv(path)
        seconds, kb = rows["seconds"].to_numpy(dtype=np.float64), rows["kb"].to_numpy(dtype=np.float64)
    except (KeyError, ValueError, OSError) as error:
        raise SourceCorrupt(
            f"{path} is no trace ({type(error).__name__}: {error!s:.100}). It needs the columns seconds and kb, both numbers."
        ) from error
    if (
        not len(rows)
        or not (np.abs(seconds) <= MOST_SECONDS).all()
        or not np.isfinite(kb).all()
        or (kb < 0).any()
    ):
        raise SourceCorrupt(
            f"{path} is no trace: it needs at least one row, seconds up to {MOST_SECONDS:g}, and kB of 0 or more."
        )
    kinds = rows["kind"].fillna("event").astype(str) if "kind" in rows else np.full(len(rows), "event")
    if any("\0" in kind for kind in kinds):
        raise SourceCorrupt(f"{path} is no trace: a kind holds the character NUL.")
    return make(path.stem, seconds, kb, kinds)


READERS: dict[str, Callable[[Settings], Trace]] = {
    "azure-conv": azure,
    "nasa": nasa,
    "kafka": kafka,
    "poisson": poisson,
}
