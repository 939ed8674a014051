"""Entries, errors and anomalies of a period, and the share of errors."""

from collections.abc import Mapping
from typing import Any

from serve.reading.database import Database

ERRORS = "sum(entries) FILTER (WHERE level = 'error')"
# The rows of several runs are added up.
FIGURES = f"""
SELECT coalesce(sum(entries), 0)::bigint, coalesce({ERRORS}, 0)::bigint, coalesce(sum(anomalies), 0)::bigint
FROM api.{{view}} WHERE run_id = ANY (%(runs)s) AND bucket >= %(since)s AND bucket < %(until)s
    AND (%(source)s::text IS NULL OR source = %(source)s)"""
BY_FIVE_MINUTES = FIGURES.format(view="logs_rollups").encode()
BY_HOURS = FIGURES.format(view="logs_hours").encode()
EXAMPLE = {"entries": 1204, "errors": 31, "anomalies": 12, "error_rate": 0.0257}


async def read(database: Database, query: bytes, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the figures by one of the queries above."""
    [counts] = await database.rows(query, values)
    return with_rate(*counts)


def with_rate(entries: int, errors: int, anomalies: int) -> dict[str, Any]:
    """Return counts with the share of errors; of no entries it is 0."""
    error_rate = round(errors / entries, 6) if entries else 0.0
    return {"entries": entries, "errors": errors, "anomalies": anomalies, "error_rate": error_rate}
