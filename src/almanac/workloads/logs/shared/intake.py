"""The models of what clients send: one validation for HTTP, files and Kafka."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import uuid4

from pydantic import AfterValidator, Field

from almanac.fields import Instant, StrictModel, Text
from almanac.workloads.logs.shared import cleaning
from almanac.workloads.logs.shared.limits import EARLIEST, LATEST, LONGEST


def _in_range(moment: datetime) -> datetime:
    if not EARLIEST <= moment < LATEST:
        raise ValueError("must lie between 1970 and 9998")
    return moment


ShortText = Annotated[Text, Field(min_length=1, max_length=LONGEST["source"])]
EntryText = Annotated[Text, Field(min_length=1, max_length=LONGEST["text"])]


class Entry(StrictModel):
    """One log entry as a client sends it."""

    text: EntryText
    id: ShortText | None = None
    time: Annotated[Instant, AfterValidator(_in_range)] | None = None
    source: ShortText | None = None
    session: ShortText | None = None
    level: Annotated[Text, Field(max_length=LONGEST["level"])] | None = None
    logger: Annotated[Text, Field(max_length=LONGEST["logger"])] | None = None


class ClassifyRequest(StrictModel):
    """A text to classify; it is masked and not stored as it is."""

    text: EntryText


class AlertChange(StrictModel):
    """The new state of an alert."""

    state: Literal["acknowledged", "closed"]


def ingest_item(entry: Entry) -> dict[str, Any]:
    """Return an entry as the SQL function `api.log_ingest` takes it, with inert text.

    An entry without an id gets a random key, so that a repeated call stores it once.
    """
    item: dict[str, Any] = {name: value for name, value in entry if value is not None}
    item["text"] = cleaning.clean(entry.text)
    if entry.time is not None:
        item["time"] = entry.time.isoformat()
    if entry.id is None:
        item["key"] = str(uuid4())
    return item
