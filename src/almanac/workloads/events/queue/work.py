"""What is done with a batch of events: they are rolled up; for trials that takes as long as a model of it says."""

import random
import time
from collections.abc import Callable, Sequence

from almanac.workloads.events.queue.statements import Connection, Event, roll_up
from almanac.workloads.events.replays.load import Processing

# Does the work on a batch in the transaction in which its events are marked; raises EventFailed where one event is to blame.
Work = Callable[[Connection, Sequence[Event]], None]


def simulated(processing: Processing, *, seed: int | None = None) -> Work:
    """Return work that also lasts as long as `processing` says of count and kB, with its luck."""
    luck = random.Random(seed)  # noqa: S311  # luck of a simulation, no secret

    def work(connection: Connection, events: Sequence[Event]) -> None:
        kb = sum(event.size_kb for event in events)
        seconds = float(processing.seconds(len(events), kb))
        time.sleep(seconds * luck.lognormvariate(-(processing.spread**2) / 2, processing.spread))
        roll_up(connection, events)

    return work
