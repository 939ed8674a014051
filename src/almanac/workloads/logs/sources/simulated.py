"""Generates the log of a shop, its sessions and the statements of its programs, for trials without data."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import product
from operator import itemgetter

import numpy as np
import pandas as pd
import pyarrow as pa

from almanac.workloads.logs.formats.entries import Defaults, table
from almanac.workloads.logs.sources import statements as statement_tables
from almanac.workloads.logs.sources.hdfs import events
from almanac.workloads.logs.terms import traces

SOURCE = "simulated"
SEED = 20_250_601
BEGIN = datetime(2025, 6, 1, tzinfo=UTC)
ORDERS, ABNORMAL = 600, 0.04
BETWEEN_ORDERS = timedelta(seconds=90)
BETWEEN_STEPS = timedelta(seconds=7)
BEFORE_NOISE = timedelta(seconds=40)
STATEMENTS = 1200
WRONG_LEVELS = 0.05
THINGS = (
    "order,invoice,basket,payment,parcel,voucher,customer,stock,"
    "courier,address,refund,receipt,catalogue,session,mail,label"
).split(",")
PLACES = "queue,store,gateway,index,ledger,cache,archive,registry".split(",")
# What programs say of a thing at each level, and where. The first words carry the level, as in real logs.
OPENERS = {
    "debug": (
        "looked up",
        "entering handler of",
        "unchanged, skipping",
        "computed key of",
        "waiting for",
        "dumping state of",
    ),
    "info": ("stored", "started worker of", "handed over", "finished", "loaded", "registered new"),
    "warning": (
        "retrying slow",
        "missing optional",
        "deprecated field of",
        "nearly full",
        "ignoring unknown",
        "timeout near for",
    ),
    "error": (
        "failed to write",
        "cannot reach",
        "exception while saving",
        "giving up corrupted",
        "unable to parse",
        "fatal error in",
    ),
}
ENDS = (
    "in {}",
    "at the {} now",
    "for customer at {}",
    "on request of the other {}",
    "within {}",
    "after a call of {} by courier",
    "because {} asked",
    "by {} itself",
)
STEPS = (
    "registered new order {n} for customer",
    "stored payment {n} in ledger",
    "handed over parcel {n} to courier {k}",
    "finished order {n} in {k} s",
)
ODD_STEPS = ("failed to write payment {n} in ledger", "unable to parse receipt {n} of courier {k}")
NOISE = (
    ("INFO", "loaded catalogue in {k} ms"),
    ("DEBUG", "looked up stock of item {n}"),
    ("WARN", "retrying slow gateway after {k} ms"),
)
# Event time, session, level, text.
Row = tuple[datetime, str | None, str, str]


def statements() -> pd.DataFrame:
    """Return the statements of invented programs, a few of them at a level where they do not belong."""
    random = np.random.default_rng(SEED)
    sentences = list(_sentences())
    chosen = np.sort(random.permutation(len(sentences))[:STATEMENTS])
    levels, texts = zip(*[sentences[place] for place in chosen], strict=True)
    written = _with_errors(random, levels)
    systems = [f"shop-{_choice(random, PLACES)}" for _ in chosen]
    table = statement_tables.table(systems, written, texts)
    return statement_tables.make([table], origin=SOURCE)


def entries() -> list[pa.Table]:
    """Return the entries of ORDERS orders with the columns of `formats.SCHEMA`.

    An order is a session, and a share ABNORMAL of them is abnormal.
    """
    rows = sorted(_rows(), key=itemgetter(0))
    times, sessions, levels, texts = zip(*rows, strict=True)
    columns = {
        "place": range(1, len(rows) + 1),
        "event_time": times,
        "session": sessions,
        "level": levels,
        "text": texts,
    }
    return [table(len(rows), columns, Defaults("shop"))]


def traces_of(entries: pa.Table) -> pd.DataFrame:
    """Return the traces of entries that have sessions, unlabelled."""
    frame = events(entries)
    return traces.make(frame[frame["session"].notna()], origin=SOURCE)


def _sentences() -> Iterator[tuple[str, str]]:
    for level, openers in OPENERS.items():
        for opener, end, thing, place in product(openers, ENDS, THINGS[::4], PLACES[::3]):
            yield level, f"{opener} {thing} {end.format(place)}"


def _with_errors(random: np.random.Generator, levels: Sequence[str]) -> list[str]:
    """Return levels of which a share WRONG_LEVELS is drawn anew."""
    is_wrong = random.random(len(levels)) < WRONG_LEVELS
    pairs = zip(levels, is_wrong, strict=True)
    return [_choice(random, list(OPENERS)) if wrong else level for level, wrong in pairs]


def _choice(random: np.random.Generator, values: list[str]) -> str:
    return values[int(random.integers(len(values)))]


def _rows() -> Iterator[Row]:
    random = np.random.default_rng(SEED)
    for order in range(ORDERS):
        begin = BEGIN + order * BETWEEN_ORDERS
        yield from _order(random, order, begin)
        yield from _noise(random, order, begin + BEFORE_NOISE)


def _order(random: np.random.Generator, order: int, begin: datetime) -> Iterator[Row]:
    for number, (level, text) in enumerate(_steps(random)):
        minutes = int(random.integers(9)) + 1
        message = text.format(n=10_000 + order, k=minutes)
        yield begin + number * BETWEEN_STEPS, f"order-{order:04d}", level, message


def _noise(random: np.random.Generator, order: int, moment: datetime) -> Iterator[Row]:
    count = int(random.integers(len(NOISE) + 1))
    for level, text in NOISE[:count]:
        milliseconds = int(random.integers(900)) + 20
        yield moment, None, level, text.format(n=order, k=milliseconds)


def _steps(random: np.random.Generator) -> list[tuple[str, str]]:
    usual = [("INFO", step) for step in STEPS]
    if random.random() >= ABNORMAL:
        return usual
    odd = int(random.integers(len(ODD_STEPS)))
    return [*usual[: 1 + 2 * odd], ("ERROR", ODD_STEPS[odd])]
