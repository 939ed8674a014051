"""What the entries say together: figures of a day, a course over time, templates, and what is abnormal."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from fastapi import Request
from starlette.responses import Response

from almanac import fields
from almanac.contract import Column, Contract
from serve.answers import responses
from serve.answers.cache import Payload
from serve.answers.service import Service
from serve.http import parameters, schemas
from serve.http.documented import example_of
from serve.http.endpoints import FROM_RELEASE, Endpoint
from serve.http.parameters import TEXT, Parameter, Values
from serve.reading.edition import Edition
from serve.reading.request import parse

MOST_BUCKETS = 2_000
BUCKETS = {"5m": "5 minutes", "15m": "15 minutes", "1h": "1 hour", "6h": "6 hours", "1d": "1 day"}
FINE = ("5m", "15m")
GROUPS = ("level", "severity", "source", "template")
INSTANT = {"type": "string", "format": "date-time"}
POINT = (
    Column(name="bucket", type="timestamp", doc="Begin of the bucket, in event time."),
    Column(name="name", type="text", doc="Level, severity, source or template."),
    Column(name="entries", type="bigint", doc="Entries."),
    Column(name="anomalies", type="bigint", doc="Anomalies among them."),
)
SUM = (
    Column(name="name", type="text"),
    Column(name="entries", type="bigint"),
    Column(name="anomalies", type="bigint"),
)
# Roll-ups are written when a run is published; the rows of several runs are added up here, once for the course and for the figures.
COURSE = """WITH told AS MATERIALIZED (
    SELECT date_bin(%(step)s::interval, bucket, '2000-01-01Z') AS bucket, {name} AS name, sum(entries)::bigint AS entries,
           sum(anomalies)::bigint AS anomalies, {errors} AS errors
    FROM api.{table} WHERE run_id = ANY (%(runs)s) AND bucket >= %(since)s AND bucket < %(until)s
    AND (%(source)s::text IS NULL OR source = %(source)s)
    GROUP BY 1, 2)
    SELECT (SELECT coalesce(json_agg(shown ORDER BY bucket, name), '[]')::text FROM (
        SELECT bucket, name, entries, anomalies FROM told ORDER BY bucket DESC, entries DESC LIMIT %(most)s) AS shown),
    coalesce(sum(entries), 0)::bigint, coalesce(sum(errors), 0)::bigint, coalesce(sum(anomalies), 0)::bigint FROM told"""
ERRORS = "sum(entries) FILTER (WHERE level = 'error')"
# Looking at weeks reads hours, which are a twelfth of the rows.
COURSES = {
    (name, is_fine): COURSE.format(
        name=name, table="logs_rollups" if is_fine else "logs_hours", errors=ERRORS
    ).encode()
    for name in ("level", "severity", "source")
    for is_fine in (True, False)
}
# Hours of templates know no levels.
TEMPLATE_COURSE = COURSE.format(
    name="template_id", table="logs_template_hours", errors="NULL::bigint"
).encode()
RATE = f"""SELECT coalesce(sum(entries), 0)::bigint, coalesce({ERRORS}, 0)::bigint,
    coalesce(sum(anomalies), 0)::bigint FROM api.{{table}}
    WHERE run_id = ANY (%(runs)s) AND bucket >= %(since)s AND bucket < %(until)s AND (%(source)s::text IS NULL OR source = %(source)s)"""
GROUPED = """SELECT coalesce(json_object_agg(name, entries), '{{}}')::text FROM (
    SELECT {name} AS name, sum(entries)::bigint AS entries FROM api.logs_rollups
    WHERE run_id = ANY (%(runs)s) AND bucket >= %(since)s AND bucket < %(until)s GROUP BY 1 ORDER BY 2 DESC LIMIT 50) AS told"""
TEMPLATES = b"""SELECT coalesce(json_agg(told ORDER BY entries DESC, template_id), '[]')::text FROM (
    SELECT template_id, (array_agg(template ORDER BY turn DESC))[1] AS template, (array_agg(level ORDER BY turn DESC))[1] AS level,
           sum(entries)::bigint AS entries, sum(anomalies)::bigint AS anomalies, min(first_seen) AS first_seen, max(last_seen) AS last_seen
    FROM (SELECT *, array_position(%(runs)s::text[], run_id::text) AS turn FROM api.logs_templates WHERE run_id = ANY (%(runs)s)) AS every
    GROUP BY template_id
    HAVING (%(level)s::text[] IS NULL OR (array_agg(level ORDER BY turn DESC))[1] = ANY (%(level)s))
       AND (%(since)s::timestamptz IS NULL OR min(first_seen) >= %(since)s)
    ORDER BY sum(entries) DESC, template_id LIMIT %(limit)s) AS told"""
SESSIONS = b"""SELECT coalesce(json_agg(told ORDER BY anomaly_score DESC, source, session), '[]')::text FROM (
    SELECT * FROM (
        SELECT DISTINCT ON (source, session) source, session, started_at, ended_at, entries, anomaly, anomaly_score, severity, reasons
        FROM api.logs_sessions WHERE run_id = ANY (%(runs)s) AND (%(source)s::text IS NULL OR source = %(source)s)
        ORDER BY source, session, array_position(%(runs)s::text[], run_id::text) DESC) AS newest
    WHERE anomaly AND ended_at >= %(since)s AND started_at < %(until)s ORDER BY anomaly_score DESC, source, session LIMIT %(limit)s) AS told"""
LINES = b"""SELECT coalesce(json_agg(told ORDER BY anomaly_score DESC, entry_id DESC), '[]')::text FROM (
    SELECT p.entry_id, p.event_time, p.source, e.session, p.level, p.severity, p.anomaly_score, p.anomaly_kind, p.template_id,
           left(e.text, 2000) AS text
    FROM (SELECT * FROM api.logs_predictions WHERE run_id = ANY (%(runs)s) AND anomaly AND event_time >= %(since)s AND event_time < %(until)s
          AND (%(source)s::text IS NULL OR source = %(source)s) ORDER BY anomaly_score DESC, entry_id DESC LIMIT %(limit)s) AS p
    JOIN api.log_entries AS e USING (entry_id)) AS told"""
UNSCORED = b"""SELECT count(*), min(received_at) FROM api.log_entries
    WHERE entry_id > coalesce((SELECT covered_until FROM api.runs WHERE run_id = %s), 0)"""
# A walk to the end of each run's key; the greatest of all buckets would be sought among all.
NEWEST = b"""SELECT max(bucket) FROM unnest(%s::text[]) AS named(run)
    CROSS JOIN LATERAL (SELECT bucket FROM api.logs_rollups WHERE run_id = run ORDER BY bucket DESC LIMIT 1) AS newest"""
FIGURES = {"entries": 1204, "errors": 31, "anomalies": 12, "error_rate": 0.0257}
PERIOD = {"since": "2025-04-14T06:00:00+00:00", "until": "2025-04-15T06:00:00+00:00"}


def endpoints(service: Service, contract: Contract) -> list[Endpoint]:
    """Return the routes that tell of many entries at once."""
    since = Parameter(
        "since",
        fields.instant,
        INSTANT,
        "From this instant of event time on; by default a day before `until`.",
        PERIOD["since"],
    )
    until = Parameter(
        "until",
        fields.instant,
        INSTANT,
        "Before this instant; by default the end of what is published.",
        PERIOD["until"],
    )
    source = Parameter("source", fields.text, dict(TEXT), "Of this source only.", "broker")
    limit, _ = parameters.paging()
    return [
        _stats(service, contract, (since, until)),
        _analytics(service, contract, (since, until, source)),
        _templates(service, contract, (limit, since)),
        _anomalies(service, contract, (since, until, source, limit)),
    ]


def _endpoint(contract: Contract, path: str, parameters_: Sequence[Parameter], **words: Any) -> Endpoint:
    every = (*parameters_, *parameters.edition())
    return Endpoint(
        path=path,
        parameters=every,
        refusals=(404, 410, 422, 503),
        headers=FROM_RELEASE,
        tag=contract.name,
        **words,
    )


def _stats(service: Service, contract: Contract, given: Sequence[Parameter]) -> Endpoint:
    counts = {"type": "object", "additionalProperties": {"type": "integer"}}
    figures = {name: {"type": "number"} for name in FIGURES}
    waiting = {
        "unscored": {"type": "integer"},
        "lag_seconds": {"type": "number", "description": "Age of the oldest entry without prediction."},
    }
    kinds = {f"by_{name}": counts for name in ("level", "severity", "source")}
    example = (
        FIGURES
        | {
            "by_level": {"error": 31},
            "by_severity": {"low": 1173},
            "by_source": {"broker": 1204},
            "unscored": 3,
            "lag_seconds": 41.5,
        }
        | PERIOD
    )
    period = {name: {"type": ["string", "null"], "format": "date-time"} for name in PERIOD}
    return Endpoint(
        path="/v1/logs/stats",
        summary="Figures of a day",
        doc="Entries, errors and anomalies by level, severity and source, by default of the last 24 hours that are published (event time), "
        "and what waits for a run.",
        handler=partial(_read_stats, service, contract),
        schema=schemas.envelope(figures | kinds | waiting | period),
        example=example_of(contract, **example),
        parameters=(*given, *parameters.edition()),
        refusals=(404, 410, 422, 503),
        tag=contract.name,
    )


def _analytics(service: Service, contract: Contract, given: Sequence[Parameter]) -> Endpoint:
    by = Parameter(
        "by",
        _one_of(GROUPS),
        {"type": "string", "enum": list(GROUPS)},
        "What the lines of the course are.",
        "level",
        default="level",
    )
    step = Parameter(
        "step",
        _one_of(BUCKETS),
        {"type": "string", "enum": list(BUCKETS)},
        "Width of a bucket.",
        "1h",
        default="1h",
    )
    members = {
        "rows": {"type": "array", "items": schemas.row(POINT)},
        "figures": {"type": "object", "required": list(FIGURES)},
    }
    point = {"bucket": PERIOD["since"], "name": "error", "entries": 31, "anomalies": 12}
    return _endpoint(
        contract,
        "/v1/logs/analytics",
        (by, step, *given),
        summary="The course over time",
        doc="Entries and anomalies in each bucket by level, severity, source or template (hours at least), and the error rate. "
        f"The newest {MOST_BUCKETS} rows.",
        handler=partial(_read_analytics, service, contract),
        schema=schemas.envelope(members),
        example=example_of(contract, rows=[point], figures=FIGURES),
    )


def _templates(service: Service, contract: Contract, given: Sequence[Parameter]) -> Endpoint:
    names = ("template_id", "template", "level", "entries", "anomalies", "first_seen", "last_seen")
    table = contract.table("templates")
    columns = [table.column(name) for name in names]
    level = next(parameter for parameter in parameters.filters(contract) if parameter.name == "level")
    return _endpoint(
        contract,
        "/v1/logs/templates",
        (level, *given),
        summary="Templates, most frequent first",
        doc="Each with its level, how often it came, and when it was first and last seen. `since` shows those first seen at this instant or later.",
        handler=partial(_read_templates, service, contract),
        schema=schemas.envelope({"rows": {"type": "array", "items": schemas.row(columns)}}),
        example=example_of(
            contract,
            rows=[
                schemas.example_row(columns)
                | {"template": "Connection to node <*> was broken", "level": "warning"}
            ],
        ),
    )


def _anomalies(service: Service, contract: Contract, given: Sequence[Parameter]) -> Endpoint:
    members = {name: {"type": "array", "items": {"type": "object"}} for name in ("sessions", "lines")}
    session = {
        "source": "broker",
        "session": "req-81",
        "entries": 12,
        "anomaly_score": 0.97,
        "severity": "critical",
        "reasons": ["never seen: <*> lost"],
    }
    line = {
        "entry_id": 1204,
        "source": "broker",
        "anomaly_score": 0.83,
        "anomaly_kind": "rare",
        "severity": "high",
        "text": "Connection to node 7 was broken",
    }
    return _endpoint(
        contract,
        "/v1/logs/anomalies",
        given,
        summary="What is abnormal, worst first",
        doc="Abnormal sessions with the reasons in words, and abnormal lines with their kind (session, burst, rare). "
        "By default of the last day that is published.",
        handler=partial(_read_anomalies, service, contract),
        schema=schemas.envelope(members),
        example=example_of(contract, sessions=[session], lines=[line]),
    )


async def _wanted(service: Service, edition: Edition, values: Values) -> dict[str, Any]:
    """Return the values of a query; without `until` the period ends with what is published."""
    runs = list(edition.run_ids)
    until = values.get("until")
    if until is None:
        [(newest,)] = await service.database.rows(NEWEST, (runs,))
        until = (newest or datetime.now(UTC)) + timedelta(minutes=5)
    since = values.get("since") or until - timedelta(days=1)
    return {
        "runs": runs,
        "since": since,
        "until": until,
        "source": values.get("source"),
        "limit": values.get("limit"),
        "most": MOST_BUCKETS,
    }


async def _read_stats(service: Service, contract: Contract, request: Request, values: Values) -> Response:
    """What waits changes without a release, so this answer is made anew each time."""
    edition = (await service.editions.choose(parse(contract, request, values))).edition
    wanted = (
        await _wanted(service, edition, values)
        if edition
        else {"runs": [], "since": None, "until": None, "source": None}
    )
    figures = await _figures(service, wanted)
    by = [f'"by_{name}":{await _grouped(service, name, wanted)}' for name in ("level", "severity", "source")]
    [(unscored, oldest)] = await service.database.rows(UNSCORED, (edition.run_id if edition else "",))
    lag = (datetime.now(UTC) - oldest).total_seconds() if oldest else 0.0
    period = {name: wanted[name].isoformat() if wanted[name] else None for name in PERIOD}
    told = responses.ENCODE({**figures, **period, "unscored": unscored, "lag_seconds": round(lag, 3)})
    return responses.fresh(
        responses.compose(
            responses.envelope(contract, edition, stale=False), f"{told[1:-1]},{','.join(by)}".encode()
        )
    )


async def _read_analytics(service: Service, contract: Contract, request: Request, values: Values) -> Response:
    async def make(edition: Edition | None) -> Payload:
        if edition is None:
            return Payload(b'"rows":[],"figures":{"entries":0,"errors":0,"anomalies":0,"error_rate":0.0}')
        wanted = await _wanted(service, edition, values) | {"step": BUCKETS[values["step"]]}
        is_fine = values["step"] in FINE and values["by"] != "template"
        if not is_fine:
            # Hours are counted whole.
            wanted["since"] = wanted["since"].replace(minute=0, second=0, microsecond=0)
        query = TEMPLATE_COURSE if values["by"] == "template" else COURSES[values["by"], is_fine]
        [(rows, *counts)] = await service.database.rows(query, wanted)
        figures = (
            await _figures(service, wanted, table="logs_hours")
            if values["by"] == "template"
            else _rated(*counts)
        )
        return Payload(f'"rows":{rows},"figures":{responses.ENCODE(figures)}'.encode())

    return await service.answer(parse(contract, request, values), make)


async def _read_templates(service: Service, contract: Contract, request: Request, values: Values) -> Response:
    async def make(edition: Edition | None) -> Payload:
        level = list(values["level"]) if "level" in values else None
        wanted = {
            "runs": list(edition.run_ids) if edition else [],
            "level": level,
            "since": values.get("since"),
            "limit": values["limit"],
        }
        [(rows,)] = await service.database.rows(TEMPLATES, wanted)
        return Payload(f'"rows":{rows}'.encode())

    return await service.answer(parse(contract, request, values), make)


async def _read_anomalies(service: Service, contract: Contract, request: Request, values: Values) -> Response:
    async def make(edition: Edition | None) -> Payload:
        if edition is None:
            return Payload(b'"sessions":[],"lines":[]')
        wanted = await _wanted(service, edition, values)
        [(sessions,)] = await service.database.rows(SESSIONS, wanted)
        [(lines,)] = await service.database.rows(LINES, wanted)
        return Payload(f'"sessions":{sessions},"lines":{lines}'.encode())

    return await service.answer(parse(contract, request, values), make)


async def _figures(
    service: Service, wanted: dict[str, Any], *, table: str = "logs_rollups"
) -> dict[str, Any]:
    [counts] = await service.database.rows(RATE.format(table=table).encode(), wanted)
    return _rated(*counts)


def _rated(entries: int, errors: int, anomalies: int) -> dict[str, Any]:
    return {
        "entries": entries,
        "errors": errors,
        "anomalies": anomalies,
        "error_rate": round(errors / entries, 6) if entries else 0.0,
    }


async def _grouped(service: Service, name: str, wanted: dict[str, Any]) -> str:
    [(told,)] = await service.database.rows(GROUPED.format(name=name).encode(), wanted)
    return str(told)


def _one_of(words: Any) -> fields.Reader:
    def read(given: str) -> str:
        if given not in words:
            raise ValueError(f"must be one of {', '.join(words)}")
        return given

    return read
