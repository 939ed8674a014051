"""The contract of events: what the workload promises to its readers."""

from datetime import timedelta

from almanac.contract import Column, Contract, Filter, Table

SMALLEST_BATCH, LARGEST_BATCH = 1, 500


def text(name: str, doc: str, *, nullable: bool = False) -> Column:
    """Return a column of texts."""
    return Column(name=name, type="text", doc=doc, nullable=nullable)


def amount(name: str, doc: str, *, nullable: bool = False) -> Column:
    """Return a column of numbers that are never negative."""
    return Column(name=name, type="real", doc=doc, nullable=nullable, minimum=0.0)


def saving(name: str, doc: str) -> Column:
    """Return a column of the share of the cost that is saved, or lost where it is below zero."""
    return Column(name=name, type="real", doc=doc, nullable=True)


def share(name: str, doc: str, *, nullable: bool = False) -> Column:
    """Return a column of shares between 0 and 1."""
    return Column(name=name, type="real", doc=doc, nullable=nullable, minimum=0.0, maximum=1.0)


def count(name: str, doc: str, *, minimum: int = 0, maximum: int | None = None) -> Column:
    """Return a column of whole numbers."""
    return Column(name=name, type="integer", doc=doc, minimum=minimum, maximum=maximum)


POLICY = Table(
    name="predictions",
    key=("state_id",),
    doc="One state of the queue. A band includes its lower end and excludes its upper end; "
    "a backlog band includes both.",
    columns=(
        text("state_id", "Bands of backlog, waiting age, average kB and hour, for example b03-a02-k01-h00."),
        count("backlog_min", "Fewest events that wait.", minimum=1),
        count("backlog_max", "Most events that wait.", minimum=1),
        amount("age_min_seconds", "Age of the oldest event that waits: lower end."),
        amount("age_max_seconds", "Age of the oldest event that waits: upper end."),
        amount("kb_min", "Average size of the events that wait, kB: lower end."),
        amount("kb_max", "Average size of the events that wait, kB: upper end."),
        count("hour_min", "Hour of the day, UTC: lower end.", maximum=23),
        count("hour_max", "Hour of the day, UTC: upper end.", minimum=1, maximum=24),
        count(
            "batch_size", "How many events to take at most.", minimum=SMALLEST_BATCH, maximum=LARGEST_BATCH
        ),
        amount(
            "wait_seconds",
            "How long the oldest event may wait from the lower end of the age band on; 0 means start now.",
        ),
        amount("start_age_seconds", "The age of the oldest event at which the batch starts."),
        amount(
            "latest_age_seconds",
            "The greatest planned age of a missed event, except for the share of far events.",
        ),
        amount("patience_seconds", "How much later a start has to be to be worth one more missed event."),
        amount(
            "slack_seconds",
            "How long before the objective a batch is planned to end, since late arrivals make it longer.",
            nullable=True,
        ),
        amount("expected_seconds", "Expected seconds of processing."),
        amount("p90_seconds", "Seconds that nine batches of ten do not exceed."),
        share(
            "p90_coverage",
            "Share of later batches of about this many events that stayed within their p90_seconds, as "
            "measured in the evaluation; 0.9 is meant.",
            nullable=True,
        ),
        amount("expected_cost", "Expected cost of the batch."),
        amount("expected_cost_per_event", "Expected cost of the batch divided by its events."),
        amount("objective_seconds", "Latency objective of this policy."),
        text("reason", "Why, in words."),
    ),
)

CONTENDERS = Table(
    name="contenders",
    key=("contender",),
    doc="Each way of sizing batches in a replay of traffic later than its training.",
    columns=(
        text("contender", "One of polling, fixed, timer, rate, T count, T, policy, hindsight."),
        text("doc", "What it does."),
        count("events", "Events replayed."),
        count("batches", "Batches of these events."),
        amount("cost_per_event", "Mean cost of an event."),
        share("missed_share", "Share of events finished later than the objective."),
        amount("p99_seconds", "99th percentile of finished minus arrived."),
        amount(
            "against_hindsight",
            "Cost divided by that of the hindsight optimum with the same share of misses.",
            nullable=True,
        ),
        saving("saving_low", "Lower end of the 95 % interval of the saving against polling, share of cost."),
        saving("saving", "Saving against polling, share of cost."),
        saving("saving_high", "Upper end of that interval."),
        amount("objective_seconds", "Latency objective of the replay."),
    ),
)

RHYTHM = Table(
    name="rhythm",
    key=("band_id",),
    doc="The gain of a later start, by the second of a cycle and by how long no event has arrived. "
    "Without rows, each second later gains a second.",
    columns=(
        text("band_id", "Bands of the cycle and of quiet seconds, for example p0012-q03."),
        amount(
            "phase_min",
            "Seconds since 1970, modulo the cycle: lower end. Without a cycle there is one band.",
        ),
        amount("phase_max", "Upper end; that of the last band is the length of the cycle."),
        amount("quiet_min_seconds", "Seconds since the newest event arrived: lower end."),
        amount("quiet_max_seconds", "Seconds since the newest event arrived: upper end."),
        amount("step_seconds", "The seconds from each start to the next one; the first start is now."),
        Column(
            name="gained_seconds",
            type="json",
            doc="The gain of each start; a saved batch counts as the objective.",
        ),
    ),
)

SCOREBOARD = Table(
    name="scoreboard",
    key=("window_start",),
    doc="Predicted against actual, window by window, of batches that a published policy sized.",
    columns=(
        Column(name="window_start", type="timestamp", doc="Start of the first batch of the window."),
        Column(name="window_end", type="timestamp", doc="Start of its last batch."),
        count("batches", "Batches in the window."),
        count("events", "Events in these batches."),
        amount("predicted_seconds", "Mean of the predicted seconds per batch."),
        amount("actual_seconds", "Mean of the measured seconds per batch."),
        amount("predicted_cost", "Mean of the predicted cost per batch."),
        amount("actual_cost", "Mean of the actual cost per batch."),
        share("above_p90", "Share of batches that took longer than their predicted 90th percentile."),
        Column(
            name="inside_band",
            type="boolean",
            doc="Whether the actual seconds stayed within the predicted band.",
        ),
    ),
)

HISTORY = Table(
    name="history",
    key=("batch_id",),
    doc="All batches: those that workers measured, and those of traces replayed against a simulated clock.",
    columns=(
        text("batch_id", "Unique among all sources."),
        text(
            "source",
            "'worker', 'worker, simulated processing', or the name of a replayed or generated trace.",
        ),
        Column(name="started_at", type="timestamp", doc="When its processing began."),
        count("events", "Events in the batch.", minimum=1),
        amount("kb", "Their total size, kB."),
        Column(name="kinds", type="json", doc="How many events there were of each type."),
        count("backlog", "Events that waited when the batch was claimed.", minimum=1),
        amount("oldest_seconds", "Age of the oldest event at the start."),
        amount("seconds", "Processing seconds, as measured."),
        amount("fixed_cost", "The part of the cost that each batch has."),
        amount("event_cost", "The part that grows with the number of events."),
        amount("second_cost", "The part that grows with the seconds."),
        text("sized_by", "published, explore, default, fixed or polling."),
        text("state_id", "State of the policy that was followed.", nullable=True),
        amount("predicted_seconds", "Seconds that the policy expected.", nullable=True),
        amount("predicted_p90_seconds", "The 90th percentile that the policy expected.", nullable=True),
        amount(
            "predicted_cost", "The cost that the policy expected for a batch of this state.", nullable=True
        ),
    ),
)

TRAFFIC = Table(
    name="traffic",
    key=("source", "event_id"),
    doc="Arrivals to replay: the newest of the queue, and those of a trace.",
    columns=(
        text("source", "As in history."),
        text("event_id", "Unique within its source."),
        Column(name="arrived_at", type="timestamp", doc="When the event arrived."),
        amount("kb", "Its size, kB."),
        text("kind", "Its type."),
    ),
)

FILTERS = (
    Filter(
        name="from_backlog", column="backlog_max", op="min", doc="Bands that reach at least this backlog."
    ),
    Filter(
        name="to_backlog", column="backlog_min", op="max", doc="Bands that begin at this backlog or below."
    ),
    Filter(
        name="to_age",
        column="age_min_seconds",
        op="max",
        doc="Bands that begin at this age or below, seconds.",
    ),
    Filter(
        name="from_age",
        column="age_max_seconds",
        op="min",
        doc="Bands that reach at least this age, seconds.",
    ),
    Filter(
        name="to_kb", column="kb_min", op="max", doc="Bands that begin at this average size or below, kB."
    ),
    Filter(name="from_kb", column="kb_max", op="min", doc="Bands that reach at least this average size, kB."),
)

CONTRACT = Contract(
    name="events",
    title="Event batching policy",
    doc="For each state of an event queue the batch size to take and how long the oldest event may still "
    "wait, computed ahead.",
    predictions=POLICY,
    order=("backlog_min",),
    filters=FILTERS,
    side_tables=(CONTENDERS, RHYTHM, SCOREBOARD),
    raw_tables=(HISTORY, TRAFFIC),
    primary_metric="seconds_loss",
    cadence=timedelta(minutes=10),
    schedule="collect+predict every 10m; train+evaluate 04:00 UTC",
    typical_seconds=70,
    stale_after=timedelta(hours=1),
    retention=timedelta(days=1),
    maximum_rows=100_000,
    attribution="Arrivals of the demonstration: Azure Public Dataset (CC BY 4.0).",
)
