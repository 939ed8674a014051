"""The work on a batch of events: they are rolled up.

A trial also takes as long as a model of processing says.
"""

import random
import time
from collections.abc import Callable, Sequence

from almanac.workloads.events.policy.queue_view import Connection
from almanac.workloads.events.queue.statements import ClaimedEvent, roll_up
from almanac.workloads.events.replays.load import Processing

# Works on a batch in the transaction that marks its events; raises EventFailed where one event is to blame.
Work = Callable[[Connection, Sequence[ClaimedEvent]], None]


def simulated(processing: Processing, *, seed: int | None = None) -> Work:
    """Return work that also takes the seconds of `processing` for count and kB, times luck."""
    random_source = random.Random(seed)  # noqa: S311  # luck of a simulation, no secret

    def work(connection: Connection, events: Sequence[ClaimedEvent]) -> None:
        kb = sum(event.size_kb for event in events)
        luck = random_source.lognormvariate(-(processing.spread**2) / 2, processing.spread)
        time.sleep(float(processing.seconds(len(events), kb)) * luck)
        roll_up(connection, events)

    return work
