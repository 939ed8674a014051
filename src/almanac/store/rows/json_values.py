"""JSON without NaN: plain data for records and terminals, and the one spelling that is stored and hashed."""

import json
import math
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from almanac.errors import AuditFailed


def canonical_json(value: object) -> str:
    """Return the one spelling of a JSON value for hashes; raises AuditFailed for NaN and infinity."""
    try:
        return _CANONICAL.encode(value)
    except ValueError as error:
        message = f"A JSON value holds NaN or infinity, which JSON cannot say: {value!r:.200}"
        raise AuditFailed(message) from error


def plain_json(value: object) -> Any:
    """Return a value as plain JSON data: NumPy's numbers as numbers, dates as text, NaN as null."""
    return json.loads(json.dumps(without_nan(value), default=_plain))


def without_nan(value: Any) -> object:
    """Return a value with None for every NaN, infinity and NaT in it, also inside lists and mappings."""
    if hasattr(value, "_asdict"):
        return without_nan(value._asdict())
    if isinstance(value, Mapping):
        return {str(name): without_nan(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [without_nan(item) for item in value]
    return None if _is_missing(value) else value


def _is_missing(value: object) -> bool:
    if isinstance(value, float):
        return not math.isfinite(value)
    # Only NaT, the instant that is none, differs from itself.
    return isinstance(value, datetime) and value != value


def _plain(value: object) -> object:
    return without_nan(_scalar(value))


def _scalar(value: Any) -> Any:
    return value.tolist() if hasattr(value, "tolist") else str(value)


_CANONICAL = json.JSONEncoder(
    sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False, default=_scalar
)
