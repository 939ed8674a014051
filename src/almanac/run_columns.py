"""The columns of a run's record: the database's table and the server's answers are made from them."""

from almanac.contract import Column

# `steps` is an array in the database; every other column has the type that is named here.
RUN_COLUMNS = (
    Column(name="run_id", type="text"),
    Column(name="workload", type="text"),
    Column(
        name="kind", type="text", doc="run, or shadow: the challenger's predictions, kept for comparison."
    ),
    Column(name="slot", type="timestamp", doc="When the run was due."),
    Column(name="status", type="text", doc="running, succeeded or failed."),
    Column(name="reason", type="text", nullable=True, doc="Why it failed."),
    Column(name="parent_run_id", type="text", nullable=True, doc="The attempt that this one continues."),
    Column(name="steps", type="json", doc="The names of the steps, in their order."),
    Column(name="parameters", type="json"),
    Column(name="sample", type="text", doc="full or mock."),
    Column(name="data_as_of", type="date", nullable=True),
    Column(name="demo", type="boolean"),
    Column(name="simulated", type="boolean"),
    Column(name="source", type="text", nullable=True),
    Column(name="git_commit", type="text", nullable=True),
    Column(name="code_hash", type="text", nullable=True),
    Column(name="lock_hash", type="text", nullable=True),
    Column(name="python", type="text", nullable=True),
    Column(name="data_hash", type="text", nullable=True, doc="SHA-256 of the data it trained on."),
    Column(name="input_hash", type="text", nullable=True, doc="SHA-256 of the data it scored."),
    Column(name="model_version", type="integer", nullable=True),
    Column(name="model_hash", type="text", nullable=True, doc="SHA-256 of the model's files."),
    Column(name="prediction_hash", type="text", nullable=True, doc="SHA-256 of the predictions."),
    Column(name="rows", type="bigint", nullable=True),
    Column(name="mlflow_run_id", type="text", nullable=True),
    Column(name="actor", type="text"),
    Column(name="started_at", type="timestamp"),
    Column(name="finished_at", type="timestamp", nullable=True),
    Column(name="seconds", type="real", nullable=True),
    Column(name="cpu_seconds", type="real", nullable=True),
    Column(name="peak_memory_mb", type="real", nullable=True),
    Column(name="pruned_at", type="timestamp", nullable=True),
    Column(name="covered_until", type="bigint", nullable=True, doc="The last entry that was predicted."),
    Column(name="absorbed_by", type="text", nullable=True, doc="The run that has taken over the rows."),
    Column(
        name="newest_data",
        type="date",
        nullable=True,
        doc="Day of the newest datum before the cut-off; null where it is not recorded.",
    ),
    Column(name="schedule", type="text", nullable=True, doc="Whose slot it ran for; null is `default`."),
)
