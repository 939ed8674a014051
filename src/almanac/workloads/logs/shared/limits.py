"""The limits of a log entry, for HTTP, files, Kafka and the table `log_entries` alike."""

from datetime import UTC, datetime
from typing import Final

# Characters per column; the table `log_entries` has the same limits of source and text.
LONGEST: Final = {
    "source": 200,
    "session": 200,
    "level": 40,
    "logger": 400,
    "client_id": 200,
    "text": 65_536,
}
LONGEST_TEXT: Final = LONGEST["text"]
# An event time lies from EARLIEST on and before LATEST.
EARLIEST: Final = datetime(1970, 1, 1, tzinfo=UTC)
LATEST: Final = datetime(9999, 1, 1, tzinfo=UTC)
