"""How many entries a search finds at least, from the counts that were made at publishing."""

from collections.abc import Mapping
from typing import Any

from psycopg import sql

from serve.reading.database import Database
from serve.routes.logs import columns, conditions
from serve.routes.logs.conditions import JUDGED, WRITTEN, Search
from serve.routes.logs.statements import run

# Of the counts by hour those whose whole hour fits.
TESTS = {
    "level": JUDGED["level"],
    "severity": JUDGED["severity"],
    "template": JUDGED["template"],
    "source": WRITTEN["source"],
    "since": "f.bucket >= {}",
    "until": "f.bucket + interval '1 hour' <= {}",
}
COUNTS = {None: "entries", True: "anomalies", False: "entries - anomalies"}
SUM = """
SELECT coalesce(sum(n), 0)::bigint FROM (
    SELECT {n} AS n FROM {view} AS f WHERE run_id IN ({{runs}}) AND {n} > 0 AND {{where}} LIMIT {{most}}
) AS counts"""


async def at_least(database: Database, search: Search, most: int) -> int:
    """Return a number that at least as many entries fit; it reads at most `most` counts."""
    if not _is_counted(search.values):
        return 0
    n = COUNTS[search.values.get("anomaly")]
    query = sql.SQL(SUM.format(n=n, view=_view(search.values)))
    runs = columns.runs(search.run_ids)
    tests = conditions.tests(search.values, TESTS)
    [(total,)] = await run(database, query.format(runs=runs, where=conditions.joined(tests), most=most))
    return int(total)


def _is_counted(values: Mapping[str, Any]) -> bool:
    """Tell whether there are counts by these parameters.

    There are none by words or sessions, nor by the levels of a template.
    """
    if "q" in values or "session" in values:
        return False
    return "template" not in values or not ("level" in values or "severity" in values)


def _view(values: Mapping[str, Any]) -> str:
    """Return the view whose counts tell these values apart."""
    if "template" not in values:
        return "api.logs_hours"
    return "api.logs_template_hours" if "since" in values or "until" in values else "api.logs_usage"
