"""Types for the members of a body: what PostgreSQL can store, and nothing that is merely like it."""

import json
from datetime import datetime
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, JsonValue, PlainValidator, WithJsonSchema

from serve import readers

INSTANT = "must be an instant with its offset, for example 2025-04-18T06:00:00Z"
UNSTORABLE = "must hold finite numbers and no NUL"


class Members(BaseModel):
    """A JSON object whose members are all known."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def storable(text: str) -> str:
    """Return a text that PostgreSQL can store; raises ValueError."""
    if readers.UNSTORABLE.search(text):
        raise ValueError("must not contain NUL")
    return text


def _instant(given: Any) -> datetime:
    try:
        return readers.instant(given if isinstance(given, str) else "")
    except ValueError:
        raise ValueError(INSTANT) from None


def _storable_json(value: JsonValue) -> JsonValue:
    try:
        written = json.dumps(value, allow_nan=False)
    except ValueError:
        raise ValueError(UNSTORABLE) from None
    # A backslash followed by u0000 is written with two backslashes, so what is suspicious is looked at closely.
    if r"\u0000" in written and _has_nul(value):
        raise ValueError(UNSTORABLE)
    return value


def _has_nul(value: JsonValue) -> bool:
    if isinstance(value, str):
        return "\0" in value
    if isinstance(value, dict):
        return any("\0" in name or _has_nul(member) for name, member in value.items())
    return isinstance(value, list) and any(map(_has_nul, value))


Text = Annotated[str, AfterValidator(storable)]
Instant = Annotated[datetime, PlainValidator(_instant), WithJsonSchema({"type": "string", "format": "date-time"})]
Json = Annotated[JsonValue, AfterValidator(_storable_json)]
