"""Dates and instants as people write them."""

from datetime import UTC, date, datetime

from almanac.errors import UsageError


def parse_date(text: str) -> date | None:
    """Return a date from YYYY-MM-DD, None from an empty text; raises UsageError."""
    try:
        return date.fromisoformat(text) if text else None
    except ValueError as error:
        raise UsageError(f"'{text}' is not a date. Write it as YYYY-MM-DD, for example 2025-04-15.") from error


def parse_instant(text: str) -> datetime:
    """Return an aware instant in UTC from an ISO text, which counts as UTC where it names no zone; raises UsageError."""
    try:
        found = datetime.fromisoformat(text)
        return found.replace(tzinfo=found.tzinfo or UTC).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise UsageError(f"'{text}' is not an instant. Write it as 2025-04-15T06:00Z.") from error
