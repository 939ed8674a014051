"""The event queue as routes and pages read it: columns of its answers, and read-only SQL."""

from almanac.contract import Column
from serve.answers.service import Service

BATCH_COLUMNS = (
    Column(name="batch_id", type="bigint"),
    Column(name="worker", type="text"),
    Column(name="started_at", type="timestamp"),
    Column(name="finished_at", type="timestamp"),
    Column(name="events", type="integer", doc="Events in the batch."),
    Column(name="kb", type="real", doc="Their total size."),
    Column(name="kinds", type="json", doc="The number of events of each type."),
    Column(name="backlog", type="integer", doc="Events that were waiting when the batch was claimed."),
    Column(name="oldest_seconds", type="real", doc="Age of the oldest event at the start."),
    Column(name="mean_wait_seconds", type="real"),
    Column(name="seconds", type="real", doc="Processing seconds, as measured."),
    Column(name="missed", type="integer", doc="Events that were finished later than the objective."),
    Column(name="objective_seconds", type="real"),
    Column(name="fixed_cost", type="real", doc="The part of the cost that each batch has."),
    Column(name="event_cost", type="real", doc="The part that grows with the number of events."),
    Column(name="second_cost", type="real", doc="The part that grows with the seconds."),
    Column(
        name="sized_by",
        type="text",
        doc="published, explore, default, fixed, polling, or again for one that had failed before.",
    ),
    Column(name="size_wanted", type="integer"),
    Column(name="state_id", type="text", nullable=True, doc="The state of the policy that was followed."),
    Column(name="release_id", type="bigint", nullable=True, doc="The release it came from."),
    Column(name="predicted_seconds", type="real", nullable=True),
    Column(name="predicted_p90_seconds", type="real", nullable=True),
    Column(name="predicted_cost", type="real", nullable=True),
    Column(name="simulated", type="boolean", doc="Whether the work was a trial that only took time."),
)
POINT_COLUMNS = (
    Column(name="at", type="timestamp", doc="Start of the interval."),
    Column(name="batches", type="bigint"),
    Column(name="events", type="bigint"),
    Column(name="cost_per_event", type="real"),
    Column(
        name="fixed_size_cost_per_event",
        type="real",
        doc="The same with batches of `fixed_size` that are always full; waiting does not count.",
    ),
    Column(name="batch_size", type="real", doc="Mean."),
    Column(name="wait_seconds", type="real", doc="Mean wait of an event before its batch began."),
    Column(name="seconds", type="real", doc="Mean processing seconds of a batch."),
    Column(name="missed_share", type="real", doc="Share of events finished later than the objective."),
)
WORKER_COLUMNS = (
    Column(name="worker", type="text"),
    Column(name="started_at", type="timestamp"),
    Column(name="seen_at", type="timestamp", doc="Last heartbeat; a worker sends none during a batch."),
    Column(name="stopped_at", type="timestamp", nullable=True),
    Column(name="policy", type="text", doc="The rule it was started with."),
    Column(
        name="policy_source",
        type="text",
        doc="Where its sizes come from: a release, the command line, or the default with the reason.",
    ),
    Column(name="release_id", type="bigint", nullable=True),
    Column(name="objective_seconds", type="real"),
    Column(name="simulated", type="boolean"),
    Column(name="batches", type="json", doc="Its batches, counted by what sized them."),
    Column(name="events", type="bigint"),
)
# Waiting events are read twice, because each half has an index of its own.
# One query would read all stored events.
STATS = b"""
WITH waiting AS (
    SELECT event_type, priority, false AS again, count(*) AS events, min(received_at) AS since
    FROM api.events_received WHERE state = 'waiting' AND attempts = 0 GROUP BY 1, 2
    UNION ALL
    SELECT event_type, priority, true, count(*), min(received_at)
    FROM api.events_received WHERE state = 'waiting' AND attempts > 0 GROUP BY 1, 2
),
done AS (
    SELECT event_type, priority, sum(events) AS events, sum(late) AS late, sum(early) AS early
    FROM api.events_rollups GROUP BY 1, 2
),
recent AS (SELECT * FROM api.events_batches WHERE started_at > now() - make_interval(hours => %(hours)s)),
counts AS (
    SELECT event_type, priority, events AS waiting, 0 AS done FROM waiting
    UNION ALL SELECT event_type, priority, 0, events FROM done
),
types AS (
    SELECT event_type, sum(waiting) AS waiting, sum(done) AS done
    FROM counts GROUP BY 1 ORDER BY sum(waiting) + sum(done) DESC, 1 LIMIT 100
),
priorities AS (
    SELECT priority, sum(waiting) AS waiting, sum(done) AS done FROM counts GROUP BY 1 ORDER BY 1
)
SELECT json_build_object(
    'workload', 'events',
    'hours', %(hours)s::int,
    'by_state', json_build_object(
        'waiting', (SELECT coalesce(sum(events), 0) FROM waiting WHERE NOT again),
        'again', (SELECT coalesce(sum(events), 0) FROM waiting WHERE again),
        'done', (SELECT coalesce(sum(events), 0) FROM done),
        'dead', (SELECT count(*) FROM api.events_dead)),
    'by_type', (
        SELECT coalesce(json_agg(json_build_object(
            'event_type', event_type, 'waiting', waiting, 'done', done)), '[]') FROM types),
    'by_priority', (
        SELECT coalesce(json_agg(json_build_object(
            'priority', (ARRAY['low', 'medium', 'high'])[priority + 1],
            'waiting', waiting, 'done', done)), '[]') FROM priorities),
    'oldest_seconds', (
        SELECT greatest(extract(epoch FROM clock_timestamp() - min(since)), 0)::float8
        FROM waiting HAVING min(since) IS NOT NULL),
    'late', (SELECT coalesce(sum(late), 0) FROM done),
    'early', (SELECT coalesce(sum(early), 0) FROM done),
    'batches', (
        SELECT json_build_object(
            'batches', count(*), 'events', coalesce(sum(events), 0), 'batch_size', avg(events)::float8,
            'seconds', avg(seconds), 'missed_share', (sum(missed)::float8 / sum(events))) FROM recent),
    'cost', (
        SELECT json_build_object(
            'fixed', coalesce(sum(fixed_cost), 0), 'events', coalesce(sum(event_cost), 0),
            'seconds', coalesce(sum(second_cost), 0),
            'per_event', sum(fixed_cost + event_cost + second_cost) / sum(events)) FROM recent),
    'database_rows', (
        SELECT json_object_agg(relname,
            coalesce(nullif(pg_stat_get_live_tuples(c.oid), 0), greatest(reltuples, 0)::bigint))
        FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
        WHERE nspname = 'almanac' AND relkind = 'r'
            AND relname IN ('events_queue', 'events_batches', 'events_rollups', 'events_dead'))
)::text"""
BATCH_NAMES = ", ".join(column.name for column in BATCH_COLUMNS)
BATCHES = f"""
SELECT row_to_json(batch)::text, batch.batch_id FROM (
    SELECT {BATCH_NAMES} FROM api.events_batches WHERE batch_id < %s ORDER BY batch_id DESC LIMIT %s
) AS batch""".encode()
COST = b"""
SELECT coalesce(json_agg(row_to_json(point) ORDER BY at), '[]')::text FROM (
    SELECT
        date_bin(make_interval(secs => %(interval)s), started_at, timestamptz '2000-01-01 00:00+00') AS at,
        count(*) AS batches,
        sum(events) AS events,
        sum(fixed_cost + event_cost + second_cost) / sum(events) AS cost_per_event,
        avg(fixed_cost) / %(size)s
            + (sum(event_cost) + sum(second_cost)) / sum(events) AS fixed_size_cost_per_event,
        avg(events)::float8 AS batch_size,
        sum(mean_wait_seconds * events) / sum(events) AS wait_seconds,
        avg(seconds) AS seconds,
        sum(missed)::float8 / sum(events) AS missed_share
    FROM api.events_batches
    WHERE started_at > now() - make_interval(hours => %(hours)s) GROUP BY 1
) AS point"""
WORKERS = b"""
SELECT json_build_object(
    'workload', 'events',
    'rows', (
        SELECT coalesce(json_agg(row_to_json(workers) ORDER BY seen_at DESC), '[]') FROM (
            SELECT * FROM api.events_workers WHERE seen_at > now() - make_interval(hours => %(hours)s)
            ORDER BY seen_at DESC LIMIT 1000) AS workers),
    'sized_by', (
        SELECT coalesce(json_object_agg(sized_by, batches), '{}') FROM (
            SELECT sized_by, count(*) AS batches FROM api.events_batches
            WHERE started_at > now() - make_interval(hours => %(hours)s) GROUP BY 1) AS counts)
)::text"""
SIMULATOR = b"SELECT row_to_json(simulator)::text FROM api.events_simulator AS simulator"
NEWEST = 2**63 - 1
NEWEST_BATCH = b"SELECT max(batch_id) FROM api.events_batches"


async def stats(service: Service, hours: int) -> str:
    """Return the JSON of counts and rates of the queue; raises Unavailable."""
    [(document,)] = await service.database.rows(STATS, {"hours": hours})
    return str(document)


async def batches(service: Service, limit: int, before: int | None = None) -> list[tuple[str, int]]:
    """Return the JSON and number of the newest batches, one more than a page; raises Unavailable."""
    return await service.database.rows(BATCHES, (before or NEWEST, limit + 1))


async def cost(service: Service, hours: int, points: int, fixed_size: int) -> str:
    """Return the JSON of cost, size and wait over time; raises Unavailable."""
    values = {"hours": hours, "interval": hours * 3600.0 / points, "size": float(fixed_size)}
    [(rows,)] = await service.database.rows(COST, values)
    return str(rows)


async def workers(service: Service, hours: int) -> str:
    """Return the JSON of the workers that were seen in these hours; raises Unavailable."""
    [(document,)] = await service.database.rows(WORKERS, {"hours": hours})
    return str(document)


async def simulator(service: Service) -> str:
    """Return the JSON of the simulator's state; raises Unavailable."""
    [(state,)] = await service.database.rows(SIMULATOR)
    return str(state)
