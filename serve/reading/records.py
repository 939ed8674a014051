"""Runs, model versions and the ledger as answers show them: columns with their meaning, and the queries."""

from almanac import run_columns
from almanac.contract import Column

ENTRY_COLUMNS = (
    Column(name="release", type="bigint", doc="Number of the release in the ledger."),
    Column(name="workload", type="text"),
    Column(name="run", type="text", doc="The run whose predictions answer from this moment."),
    Column(
        name="runs",
        type="json",
        doc="All runs that answer together; one, unless the workload is incremental.",
    ),
    Column(name="model_version", type="integer", nullable=True),
    Column(name="kind", type="text", doc="publish, rollback or promote."),
    Column(name="previous_release", type="bigint", nullable=True),
    Column(name="who", type="text", doc="Who released: a user, or self-declared on the command line."),
    Column(name="why", type="text"),
    Column(name="published_at", type="timestamp"),
    Column(name="data_as_of", type="date", nullable=True, doc="The model saw nothing from this day on."),
    Column(name="demo", type="boolean"),
    Column(name="simulated", type="boolean"),
    Column(name="source", type="text", nullable=True),
    Column(name="rows", type="bigint", nullable=True, doc="Number of predictions."),
    Column(
        name="pruned_at",
        type="timestamp",
        nullable=True,
        doc="Since when the predictions are no longer kept.",
    ),
    Column(
        name="newest_data",
        type="date",
        nullable=True,
        doc="Day of the newest datum before the cut-off; null where it is not recorded.",
    ),
)
# Columns of a run that an answer leaves out; `steps` shows the steps themselves instead of their names.
NOT_ANSWERED = ("steps", "covered_until", "absorbed_by")
RUN_NAMES = {"run_id": "run", "parent_run_id": "parent_run", "mlflow_run_id": "mlflow_run"}
RUN_COLUMNS = (
    *(
        column.model_copy(update={"name": RUN_NAMES.get(column.name, column.name)})
        for column in run_columns.RUN_COLUMNS
        if column.name not in NOT_ANSWERED
    ),
    Column(name="steps", type="json", doc="The notebooks of the run, their results and hashes."),
)
# What a list of runs shows of each; the record of one run has everything.
SHORT_RUN = (
    "run", "kind", "slot", "status", "reason", "parent_run", "sample", "data_as_of", "demo", "simulated",
    "source", "model_version", "rows", "actor", "started_at", "finished_at", "seconds", "cpu_seconds",
    "peak_memory_mb", "pruned_at",
)  # fmt: skip
SHORT_RUN_COLUMNS = (
    *(column for name in SHORT_RUN for column in RUN_COLUMNS if column.name == name),
    Column(
        name="releases",
        type="json",
        doc="Numbers of the releases that named this run first; empty where it was not released.",
    ),
)
SUCCESS_COLUMNS = (
    Column(name="runs", type="bigint", doc="Runs that ended, the newest 30 of the workload at most."),
    Column(name="succeeded", type="bigint", doc="Those that succeeded."),
    Column(name="rate", type="real", nullable=True, doc="Share of them, null before the first run ended."),
)
MODEL_COLUMNS = (
    Column(name="version", type="integer"),
    Column(
        name="primary_metric",
        type="text",
        nullable=True,
        doc="The metric by which this version was compared, null where none was measured.",
    ),
    Column(name="metrics", type="json", doc="How good the model is on held-out data."),
    Column(name="parameters", type="json"),
    Column(name="trained_until", type="date", doc="The model saw nothing from this day on."),
    Column(
        name="newest_data",
        type="date",
        nullable=True,
        doc="Day of the newest datum that it was trained on; null where it is not recorded.",
    ),
    Column(name="run", type="text", nullable=True, doc="The run that trained it."),
    Column(name="mlflow_run", type="text"),
    Column(name="artifact_hash", type="text", doc="SHA-256 of the model's files."),
    Column(name="data_hash", type="text", doc="SHA-256 of the training data."),
    Column(name="simulated", type="boolean"),
    Column(name="created_at", type="timestamp"),
)
STEPS = """(
    SELECT coalesce(json_agg(row_to_json(_row) ORDER BY started_at), '[]') FROM (
        SELECT step, status, reason, results, notebook_uri, notebook_hash, started_at, seconds, cell_seconds,
            cpu_seconds, peak_memory_mb
        FROM api.run_steps WHERE run_id = api.runs.run_id
    ) AS _row)"""
RELEASES = """(
    SELECT coalesce(json_agg(release_id ORDER BY release_id), '[]') FROM api.releases AS release
    WHERE release.workload = api.runs.workload AND release.run_id = api.runs.run_id)"""
# A version may be judged by another metric than the workload's, where that one cannot be measured.
PRIMARY_METRIC = """coalesce((
    SELECT evidence ->> 'metric' FROM api.decisions AS decision
    WHERE decision.workload = api.model_versions.workload AND decision.challenger = version
        AND evidence ? 'metric'
    ORDER BY decision_id DESC LIMIT 1
), (SELECT metric FROM (VALUES (%s::text)) AS declared(metric) WHERE metrics ? metric))"""
EXPRESSIONS = {
    "run": "run_id",
    "parent_run": "parent_run_id",
    "mlflow_run": "mlflow_run_id",
    "steps": STEPS,
    "primary_metric": PRIMARY_METRIC,
    "release": "release_id",
    "releases": RELEASES,
    "runs": "run_ids",
    "previous_release": "previous_release_id",
    "published_at": "released_at",
}


def as_json(columns: tuple[Column, ...]) -> str:
    """Return the SQL expression that makes one JSON object of `columns`."""
    members = ", ".join(f"{EXPRESSIONS.get(each.name, each.name)} AS {each.name}" for each in columns)
    return f"(SELECT row_to_json(_row) FROM (SELECT {members}) AS _row)"


ENTRY = as_json(ENTRY_COLUMNS)
# The JSON of each entry, and its number.
LEDGER = f"""
SELECT {ENTRY}::text, release_id FROM api.releases
WHERE workload = %s AND release_id < %s ORDER BY release_id DESC LIMIT %s""".encode()
RUN = f"""
SELECT {as_json(RUN_COLUMNS)}::text FROM api.runs
WHERE workload = %s AND run_id = %s""".encode()
MODEL = f"""
SELECT {as_json(MODEL_COLUMNS)}::text FROM api.model_versions
WHERE workload = %s AND version = %s""".encode()
# The JSON of each run, and its id.
RUNS = f"""
SELECT {as_json(SHORT_RUN_COLUMNS)}::text, run_id FROM api.runs
WHERE workload = %s AND (%s::text IS NULL OR status = %s)
    AND (%s::text IS NULL OR (started_at, run_id) < (
        SELECT started_at, run_id FROM api.runs AS first WHERE first.run_id = %s))
ORDER BY started_at DESC, run_id DESC LIMIT %s""".encode()
SUCCESS = b"""
SELECT row_to_json(_row)::text FROM (
    SELECT count(*) AS runs, count(*) FILTER (WHERE status = 'succeeded') AS succeeded,
        (avg((status = 'succeeded')::int))::float8 AS rate
    FROM (
        SELECT status FROM api.runs WHERE workload = %s AND kind = 'run' AND status <> 'running'
        ORDER BY started_at DESC LIMIT 30
    ) AS newest
) AS _row"""
# The JSON of each version, and its number.
MODELS = f"""
SELECT {as_json(MODEL_COLUMNS)}::text, version FROM api.model_versions
WHERE workload = %s AND version < %s ORDER BY version DESC LIMIT %s""".encode()
