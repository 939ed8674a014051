"""Makes up a shop's log, its sessions and the statements of its programs, for trials without data."""

from datetime import UTC, datetime, timedelta
from itertools import product

import numpy as np
import pandas as pd
import pyarrow as pa

from almanac.workloads.logs import formats
from almanac.workloads.logs.formats.entries import INSTANT
from almanac.workloads.logs.sources import statements as making
from almanac.workloads.logs.sources.hdfs import events
from almanac.workloads.logs.terms import traces

SOURCE = "simulated"
SEED = 20_250_601
BEGIN = datetime(2025, 6, 1, tzinfo=UTC)
ORDERS, ABNORMAL = 600, 0.04
BETWEEN_ORDERS = timedelta(seconds=90)
THINGS = "order,invoice,basket,payment,parcel,voucher,customer,stock,courier,address,refund,receipt,catalogue,session,mail,label".split(
    ","
)
PLACES = "queue,store,gateway,index,ledger,cache,archive,registry".split(",")
# What programs say of a thing at each level, and where; the first words carry the level, as they do in real logs.
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
ODD_STEP = ("failed to write payment {n} in ledger", "unable to parse receipt {n} of courier {k}")
NOISE = (
    ("INFO", "loaded catalogue in {k} ms"),
    ("DEBUG", "looked up stock of item {n}"),
    ("WARN", "retrying slow gateway after {k} ms"),
)


def statements() -> pd.DataFrame:
    """Return the statements of invented programs; a word here and there stands at a level where it does not belong."""
    random = np.random.default_rng(SEED)
    rows = [
        (level, f"{opener} {thing} {end.format(place)}")
        for level, openers in OPENERS.items()
        for opener, end, thing, place in product(openers, ENDS, THINGS[::4], PLACES[::3])
    ]
    chosen = [rows[at] for at in np.sort(random.permutation(len(rows))[:1200])]
    off = random.random(len(chosen)) < 0.05
    names = list(OPENERS)
    level = [
        names[int(random.integers(4))] if wrong else level
        for (level, _), wrong in zip(chosen, off, strict=True)
    ]
    system = [f"shop-{PLACES[int(random.integers(len(PLACES)))]}" for _ in chosen]
    return making.make([making.table(system, level, (text for _, text in chosen))], origin=SOURCE)


def entries() -> list[pa.Table]:
    """Return the entries of ORDERS orders with the columns of `formats.SCHEMA`; an order is a session, some are abnormal."""
    rows = _rows()
    columns = {
        "place": pa.array(range(1, len(rows) + 1), pa.int64()),
        "client_id": pa.nulls(len(rows), pa.large_string()),
        "source": pa.repeat(pa.scalar("shop", pa.large_string()), len(rows)),
        "session": pa.array(rows["session"], pa.large_string()),
        "event_time": pa.array(rows["time"].tolist(), INSTANT),
        "level": pa.array(rows["level"], pa.large_string()),
        "logger": pa.nulls(len(rows), pa.large_string()),
        "text": pa.array(rows["text"], pa.large_string()),
        "raw": pa.repeat(pa.scalar(False), len(rows)),
    }
    return [pa.table(columns, schema=formats.SCHEMA)]


def traces_of(table: pa.Table) -> pd.DataFrame:
    """Return the traces of entries that have sessions, unlabelled."""
    found = events(table)
    return traces.make(found[found["session"].notna()], origin=SOURCE)


def _rows() -> pd.DataFrame:
    random = np.random.default_rng(SEED)
    rows: list[tuple[datetime, str | None, str, str]] = []
    for order in range(ORDERS):
        begun = BEGIN + order * BETWEEN_ORDERS
        steps = _steps(random)
        for number, (level, text) in enumerate(steps):
            rows.append(
                (
                    begun + timedelta(seconds=7 * number),
                    f"order-{order:04d}",
                    level,
                    text.format(n=10_000 + order, k=int(random.integers(9)) + 1),
                )
            )
        for level, text in NOISE[: int(random.integers(len(NOISE) + 1))]:
            rows.append(
                (
                    begun + timedelta(seconds=40),
                    None,
                    level,
                    text.format(n=order, k=int(random.integers(900)) + 20),
                )
            )
    frame = pd.DataFrame(rows, columns=["time", "session", "level", "text"])
    return frame.sort_values("time", kind="stable", ignore_index=True)


def _steps(random: np.random.Generator) -> list[tuple[str, str]]:
    usual = [("INFO", step) for step in STEPS]
    if random.random() >= ABNORMAL:
        return usual
    at = int(random.integers(len(ODD_STEP)))
    return [*usual[: 1 + 2 * at], ("ERROR", ODD_STEP[at])]
