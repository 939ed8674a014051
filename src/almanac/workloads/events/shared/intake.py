"""The one validation of events from clients, for HTTP, files and Kafka."""

from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from almanac.fields import Instant, Json, StrictModel, storable

LARGEST_KB = 1_000_000.0
# PostgreSQL holds later and earlier instants, but Python's datetime and many clients do not.
EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
LATEST = datetime(9999, 12, 31, tzinfo=UTC)
# The queue stores the place of a priority in this tuple.
PRIORITIES = ("low", "medium", "high")


def between_bounds(moment: datetime) -> datetime:
    """Return an instant that the database and its clients can hold; raises ValueError."""
    if not EARLIEST <= moment < LATEST:
        raise ValueError("must lie between 1970 and 9999")
    return moment


class Event(StrictModel):
    """An event of a client; the same id with the same body may be sent again without harm."""

    event_id: Annotated[str, Field(min_length=1, max_length=200), AfterValidator(storable)]
    event_type: Annotated[str, Field(min_length=1, max_length=100), AfterValidator(storable)]
    event_time: Annotated[
        Instant,
        AfterValidator(between_bounds),
        Field(description="When it happened; late, early and out of order are all taken."),
    ]
    size_kb: Annotated[float, Field(ge=0, le=LARGEST_KB, allow_inf_nan=False)]
    priority: Literal["low", "medium", "high"] = "medium"
    payload: Annotated[Json, Field(description="Anything else, stored as it is.")] = None

    def row(self) -> dict[str, Any]:
        """Return the event as `api.events_ingest` reads it."""
        return self.model_dump() | {"priority": PRIORITIES.index(self.priority)}
