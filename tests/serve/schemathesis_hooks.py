"""What Schemathesis has to be told: how lines of JSON are written."""

import json
from typing import Any

import schemathesis


@schemathesis.serializer("application/x-ndjson")
def lines(context: Any, value: Any) -> bytes:
    """Write one line of JSON; bytes are sent as they are."""
    return value if isinstance(value, bytes) else json.dumps(value).encode()
