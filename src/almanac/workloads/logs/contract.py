"""The contract of logs: tables, filters, cadence and limits."""

from datetime import timedelta

from almanac.contract import Column, Contract, Filter, Merge, Table

LEVELS = ("debug", "info", "warning", "error")
SEVERITIES = ("low", "medium", "high", "critical")
# Reasons why an entry is abnormal; the column `anomaly_kind` is one of these or null.
KINDS = ("session", "burst", "rare")
BUCKET = timedelta(minutes=5)
# How many neighbouring numbers of entries share a row of the table `blocks`, and the first letter there.
BLOCK = 256
FIRST_LETTER = "0"


def letter(level: int, severity: int, *, anomaly: bool) -> str:
    """Return the letter of level, severity and anomaly in the table `blocks`.

    `level` and `severity` are places in LEVELS and SEVERITIES.
    """
    code = (level * len(SEVERITIES) + severity) * 2 + anomaly
    return chr(ord(FIRST_LETTER) + code)


def _probability(name: str, doc: str, *, merge: Merge | None = None) -> Column:
    """Return a column with a probability."""
    return Column(name=name, type="real", doc=doc, minimum=0.0, maximum=1.0, merge=merge)


def _count(name: str, doc: str, *, nullable: bool = False) -> Column:
    """Return a column with a number of things; rows of several runs are added up."""
    return Column(name=name, type="bigint", doc=doc, minimum=0, merge="sum", nullable=nullable)


PREDICTIONS = Table(
    name="predictions",
    key=("entry_id",),
    doc="One log entry.",
    columns=(
        Column(name="entry_id", type="bigint", doc="Number of the entry in the store."),
        Column(
            name="event_time",
            type="timestamp",
            doc="When the entry was written; the time it was received where it does not say.",
        ),
        Column(name="source", type="text", doc="Where the entry came from."),
        Column(name="level", type="text", doc="Level the text deserves: debug, info, warning or error."),
        _probability("level_confidence", "Chance the model gives to that level."),
        _probability("warning_chance", "Chance that the entry deserves warning or worse."),
        Column(
            name="anomaly",
            type="boolean",
            doc="Whether the entry stands out in its source or belongs to an abnormal session.",
        ),
        _probability("anomaly_score", "How far it stands out: from 0.5 on it counts as anomaly."),
        Column(
            name="anomaly_kind",
            type="text",
            nullable=True,
            doc="What made it an anomaly: session, burst or rare.",
        ),
        Column(
            name="severity",
            type="text",
            doc="low, medium, high or critical; a rule over anomaly and the worse of both levels.",
        ),
        Column(name="template_id", type="text", doc="Template of the text."),
        Column(
            name="written_level",
            type="text",
            nullable=True,
            doc="Level that the author wrote: debug, info, warning or error; null where there is none.",
        ),
        Column(name="model_version", type="integer", doc="Model version that made this row."),
        Column(name="predicted_at", type="timestamp", doc="Slot of the run that made this row."),
    ),
)

TEMPLATES = Table(
    name="templates",
    key=("template_id",),
    doc="One template; counts are of the entries that the release covers.",
    columns=(
        Column(name="template_id", type="text", doc="Hash of the first text that had this template."),
        Column(name="template", type="text", doc="Masked text; <*> stands for what varies.", merge="last"),
        Column(
            name="level",
            type="text",
            doc="Level of its entries: debug, info, warning or error.",
            merge="last",
        ),
        _probability("level_confidence", "Chance the model gives to that level.", merge="last"),
        _probability("warning_chance", "Chance that it deserves warning or worse.", merge="last"),
        _count("entries", "Entries with this template."),
        _count("anomalies", "Anomalies among them."),
        Column(
            name="first_seen", type="timestamp", doc="Event time of the first of these entries.", merge="min"
        ),
        Column(
            name="last_seen", type="timestamp", doc="Event time of the last of these entries.", merge="max"
        ),
    ),
)

USAGE = Table(
    name="usage",
    key=("source", "template_id"),
    doc="How one source uses one template.",
    columns=(
        Column(name="source", type="text", doc="Source."),
        Column(name="template_id", type="text", doc="Template."),
        _count("entries", "Entries."),
        _count("anomalies", "Anomalies among them."),
        _count("buckets", "Five minutes with such entries; those that two runs share count twice."),
        Column(name="first_seen", type="timestamp", doc="Event time of the first.", merge="min"),
        Column(name="last_seen", type="timestamp", doc="Event time of the last.", merge="max"),
    ),
)

TEXTS = Table(
    name="texts",
    key=("text_id",),
    doc="One distinct masked text, with the prediction that most of its entries have: its chances differ "
    "between sources that the model was trained on and others.",
    columns=(
        Column(
            name="text_id",
            type="text",
            doc="Hash of the masked text, as `almanac.workloads.logs.shared.masking.text_id` makes it.",
        ),
        Column(name="template_id", type="text", doc="Template of the text.", merge="last"),
        Column(name="level", type="text", doc="Level the text deserves.", merge="last"),
        _probability("level_confidence", "Chance the model gives to that level.", merge="last"),
        _probability("warning_chance", "Chance that it deserves warning or worse.", merge="last"),
    ),
)

ROLLUPS = Table(
    name="rollups",
    key=("bucket", "source", "level", "severity"),
    doc="Entries per five minutes of event time.",
    columns=(
        Column(name="bucket", type="timestamp", doc="Begin of five minutes."),
        Column(name="source", type="text", doc="Source."),
        Column(name="level", type="text", doc="Level."),
        Column(name="severity", type="text", doc="Severity."),
        _count("entries", "Entries."),
        _count("anomalies", "Anomalies among them."),
        # Older programs wrote neither.
        _count("written", "Entries whose author wrote a level.", nullable=True),
        _count("differing", "Entries among these whose text deserves another level.", nullable=True),
    ),
)

HOURS = Table(
    name="hours",
    key=ROLLUPS.key,
    doc="Entries per hour of event time: the roll-ups once more, for looking at weeks.",
    columns=(Column(name="bucket", type="timestamp", doc="Begin of an hour."), *ROLLUPS.columns[1:]),
)

TEMPLATE_HOURS = Table(
    name="template_hours",
    key=("bucket", "source", "template_id"),
    doc="Entries per hour of event time and template.",
    columns=(
        Column(name="bucket", type="timestamp", doc="Begin of an hour."),
        Column(name="source", type="text", doc="Source."),
        Column(name="template_id", type="text", doc="Template."),
        _count("entries", "Entries."),
        _count("anomalies", "Anomalies among them."),
    ),
)

BLOCKS = Table(
    name="blocks",
    key=("block", "first_entry"),
    doc="Level, severity and anomaly of neighbouring entries, a letter each: a search reads these few bytes "
    "where it would look up every prediction.",
    columns=(
        Column(
            name="block",
            type="bigint",
            doc=f"Number of each of these entries divided by {BLOCK}, without the remainder.",
        ),
        Column(
            name="first_entry",
            type="bigint",
            doc="Number of the first of them; of one block several runs may know a part.",
        ),
        Column(
            name="letters",
            type="text",
            doc=f"The letter of each at the place of its number modulo {BLOCK}, else a space.",
            merge="last",
        ),
    ),
)

SESSIONS = Table(
    name="sessions",
    key=("source", "session"),
    doc="One session, judged with all entries it has so far.",
    columns=(
        Column(name="source", type="text", doc="Source."),
        Column(name="session", type="text", doc="Session id within its source."),
        Column(name="started_at", type="timestamp", doc="Event time of its first entry.", merge="min"),
        Column(name="ended_at", type="timestamp", doc="Event time of its last entry so far.", merge="max"),
        Column(name="entries", type="bigint", doc="Entries so far.", minimum=0, merge="last"),
        Column(name="anomaly", type="boolean", doc="Whether the session is abnormal.", merge="last"),
        _probability("anomaly_score", "How abnormal: from 0.5 on it counts as anomaly.", merge="last"),
        Column(name="severity", type="text", doc="Severity of the session.", merge="last"),
        Column(name="reasons", type="json", doc="Why, in words, the strongest reason first.", merge="last"),
        Column(
            name="texts",
            type="json",
            doc="How often each masked text came in it so far, by its id.",
            merge="last",
        ),
    ),
)

STATEMENTS = Table(
    name="statements",
    key=("statement_id",),
    doc="One distinct masked text with the level its author gave it; what the level model learns from. "
    "Never a raw text.",
    columns=(
        Column(name="statement_id", type="text", doc="Hash of origin, system and masked text."),
        Column(name="origin", type="text", doc="kafka, loghub, logbench, python, own or simulated."),
        Column(name="system", type="text", doc="Program, project or package the text belongs to."),
        Column(name="text", type="text", doc="Masked text."),
        Column(name="level", type="text", doc="debug, info, warning or error."),
        Column(name="weight", type="real", doc="How much it counts in training.", minimum=0.0, maximum=1.0),
        Column(name="occurrences", type="bigint", doc="Entries that had this text and level.", minimum=0),
        Column(
            name="seen_at",
            type="timestamp",
            nullable=True,
            doc="When it was first seen, where the origin says.",
        ),
    ),
)

TRACES = Table(
    name="traces",
    key=("session_id",),
    doc="One session of a training log: which masked texts came when, and whether it was abnormal where that "
    "is known.",
    columns=(
        Column(name="session_id", type="text"),
        Column(name="origin", type="text", doc="hdfs, own or simulated."),
        Column(name="started_at", type="timestamp"),
        Column(name="ended_at", type="timestamp"),
        Column(name="texts", type="json", doc="Ids of masked texts in the order of their events."),
        Column(name="seconds", type="json", doc="Seconds after started_at of each event."),
        Column(name="abnormal", type="boolean", nullable=True, doc="Label, where there is one."),
    ),
)

CONTRACT = Contract(
    name="logs",
    title="Log levels and anomalies",
    doc="Level, anomaly and severity of every log entry, computed ahead minutes after it was written.",
    predictions=PREDICTIONS,
    order=("event_time",),
    filters=(
        Filter(name="level", column="level", op="in", doc="Levels, comma separated."),
        Filter(name="severity", column="severity", op="in", doc="Severities, comma separated."),
        Filter(name="template", column="template_id", op="eq", doc="A template id."),
    ),
    side_tables=(TEMPLATES, USAGE, TEXTS, ROLLUPS, HOURS, TEMPLATE_HOURS, BLOCKS, SESSIONS),
    raw_tables=(STATEMENTS, TRACES),
    primary_metric="log_loss",
    cadence=timedelta(minutes=5),
    schedule="collect+predict every 10m on_arrival(rows=1000, seconds=30); train+evaluate 03:30 UTC",
    typical_seconds=70,
    stale_after=timedelta(hours=1),
    retention=timedelta(days=30),
    minimum_rows=0,
    incremental=True,
    entries="log_entries",
    entry_columns=("entry_id", "source", "session", "event_time", "level", "text"),
    attribution="Trained on Kafka logs of elastic/examples, logging statements of LogBench and of installed "
    "packages, and where opted into loghub.",
)
