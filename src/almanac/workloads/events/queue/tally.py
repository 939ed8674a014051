"""The batches of a worker so far, in numbers."""

from collections import Counter
from dataclasses import dataclass, field

from almanac.workloads.events.queue.batches import Batch


@dataclass
class Tally:
    """The batches of a worker so far."""

    batches: Counter[str] = field(default_factory=Counter)
    events: int = 0
    cost: float = 0.0
    seconds: float = 0.0

    def add(self, batch: Batch) -> None:
        """Count one batch."""
        self.batches[batch.sized_by] += 1
        self.events += batch.events
        self.cost += batch.cost.total
        self.seconds += batch.seconds

    def __str__(self) -> str:
        """Events, batches by what sized them, seconds and cost."""
        batches = f"{self.events} events in {self.batches.total()} batches ({self._sizes()})"
        per_event = f", {self.cost / self.events:.4f} an event" if self.events else ""
        return f"{batches}, {self.seconds:.1f} s of work{per_event}"

    def _sizes(self) -> str:
        counts = [f"{count} {sized_by}" for sized_by, count in sorted(self.batches.items())]
        return ", ".join(counts) or "none"
