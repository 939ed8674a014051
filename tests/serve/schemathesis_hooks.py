"""What Schemathesis has to be told: how lines of JSON are written, and what becomes right on its way into an address."""

import json
from typing import Any

import schemathesis


@schemathesis.hook
def filter_query(ctx: Any, query: Any) -> bool:
    """Skip a number or a truth given for a list of texts: in an address it is a list of one text."""
    if not query:
        return True
    lists = {told["name"] for told in ctx.operation.definition.raw.get("parameters", []) if told.get("schema", {}).get("type") == "array"}
    return not any(isinstance(value, bool | int | float) for name, value in query.items() if name in lists)


@schemathesis.serializer("application/x-ndjson")
def lines(context: Any, value: Any) -> bytes:
    """Write one line of JSON; bytes are sent as they are."""
    return value if isinstance(value, bytes) else json.dumps(value).encode()
