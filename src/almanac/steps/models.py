"""The model versions of a step: registering, loading, measuring, and which of them predicts."""

import hashlib
from collections.abc import Callable, Mapping
from datetime import date
from typing import Any

import pandas as pd

from almanac import provenance
from almanac.errors import LookAhead, NotFound, UsageError
from almanac.judging.promotion import without_champion
from almanac.registry import CHALLENGER, CHAMPION, Submission, Version, frame_bytes
from almanac.steps.reports import Reports
from almanac.store.connections.database import Connection
from almanac.store.records import releases, runs, versions
from almanac.store.rows.hashes import combined_hash
from almanac.store.rows.json_values import canonical_json, plain_json

NO_VERSION = (
    "'{workload}' has no model version yet. Run its notebook 2_train first, or `almanac run {workload}`."
)


MADE_UP_ROWS = (
    "A version of '{workload}' that was trained on rows of `--sample mock` (table {names}) cannot be "
    "registered as real. Let the cut-off say `simulated` for this sample, and register the version with "
    "simulated=cut.simulated."
)
SIMULATED_RUN = (
    "The cut-off of this run of '{workload}' says that its data are simulated, so its version cannot be "
    "registered as real. Register it with simulated=cut.simulated."
)
TRAINED_LATER = (
    "Version {version} of '{workload}' was trained on the days before {trained_until}. "
    "A run that knows nothing from {cut_off} on must not use it. Train in the same run "
    "(`almanac run {workload} --data-as-of {cut_off}`), or name a cut-off from {trained_until} on."
)


class Models(Reports):
    """The model versions that a step registers, loads and chooses from."""

    def register(
        self, submission: Submission, training: pd.DataFrame, *, trained_until: date, simulated: bool = False
    ) -> Version:
        """Register a fitted pipeline with its training data.

        `trained_until` is the cut-off; the day of the newest datum before it comes from the reported cut-off.
        The same data, code and parameters give no new version, unless MLflow has lost that one. Raises
        UsageError where made-up rows would pass for real ones.
        """
        if not simulated:
            self._refuse_made_up_rows()
        hashes = self._hashes(submission, training)
        with self.database.engine.begin() as connection:
            same = versions.find_same(connection, self.workload, **hashes)
        if same and self.registry.has_version(self.workload, same["version"]):
            version = Version(same["version"], same["mlflow_run_id"], same["artifact_hash"])
        else:
            origin = {"trained_until": trained_until, "newest_data": self.newest_data, "simulated": simulated}
            version = self._register_new(submission, training, hashes | origin)
        model = {"model_version": version.number, "model_hash": version.artifact_hash}
        self.report(**model, data_hash=hashes["data_hash"])
        return version

    def load_model(self, version: int) -> Any:
        """Return the pipeline of a registered version after a check of its hash."""
        recorded = self.version(version)["artifact_hash"]
        trusted = self._hook("model").TRUSTED_TYPES
        return self.registry.load(self.workload, version, artifact_hash=recorded, trusted_types=trusted)

    def version(self, version: int) -> versions.VersionRow:
        """Return the record of a registered version; raises NotFound."""
        with self.database.engine.begin() as connection:
            return versions.get(connection, self.workload, version)

    def champion(self, *, simulated: bool | None = None) -> int | None:
        """Return the champion version; with `simulated`, only one that was made of such data (or was not)."""
        number = self.registry.alias(self.workload, CHAMPION)
        if number is None or simulated is None:
            return number
        return number if self.version(number)["simulated"] == simulated else None

    def challenger(self) -> int:
        """Return the version that this run trained, in an exploration the registry's challenger.

        Raises NotFound.
        """
        number = self._trained_version() or self._newest_version()
        if number is None:
            raise NotFound(NO_VERSION.format(workload=self.workload))
        return number

    def log_metrics(
        self, version: int, metrics: Mapping[str, float], *, details: Mapping[str, Any] | None = None
    ) -> None:
        """Save the held-out figures of a version in MLflow, and with `details` in the database.

        An exploration replaces no figures that a run has measured.
        """
        record = self.version(version)
        mlflow_run_id = self.mlflow_run_id if self.is_exploration else record["mlflow_run_id"]
        self.registry.log(mlflow_run_id, metrics=metrics)
        figures = plain_json({**metrics, **(details or {})})
        with self.database.engine.begin() as connection:
            versions.save_metrics(connection, record, figures, step=(self.run_id, self.name))

    def serving_version(self, *, simulated: bool | None = None) -> int:
        """Return the version to predict with: the champion, or without one an exploration's challenger.

        It was trained on days before the cut-off only. Where the champion was not, the version that this run
        has trained takes its place, and the run is kept without a release. Raises NotFound, LookAhead.
        """
        number = self._of_ledger(releases.version_on_hold) or self.champion(simulated=simulated)
        if number is None and not self.is_exploration:
            raise NotFound(without_champion(self.workload, self._decision()))
        chosen = number or self.challenger()
        if not self._looks_ahead(chosen):
            return chosen
        return self._trained_in_time(chosen)

    def shadow_version(self, serving: int) -> int | None:
        """Return the other version to score: challenger or replaced champion.

        Without a decision it is the version to which an incremental workload would roll back.
        """
        decision = self._decision()
        if decision is None:
            other = self._of_ledger(releases.previous_version)
        else:
            is_challenger = decision["challenger"] == serving
            other = decision["champion"] if is_challenger else decision["challenger"]
        if other is None or other == serving or self._looks_ahead(other):
            return None
        return int(other)

    def sample_of(self, version: int) -> str:
        """Return the sample whose rows a version was trained on, this step's where no run made it."""
        run_id = self.version(version)["run_id"]
        if not run_id:
            return self.sample
        with self.database.engine.begin() as connection:
            return str(runs.get(connection, run_id)["sample"])

    def _refuse_made_up_rows(self) -> None:
        """Raise UsageError where this run says that its data are simulated, or has read rows of a mock run.

        A version of an incremental workload is about the entries, which are real wherever some were sent.
        """
        if self.contract.incremental:
            return
        if self._made_up_tables:
            names = ", ".join(sorted(set(self._made_up_tables)))
            raise UsageError(MADE_UP_ROWS.format(workload=self.workload, names=names))
        if self._has_simulated_data:
            raise UsageError(SIMULATED_RUN.format(workload=self.workload))

    def _hashes(self, submission: Submission, training: pd.DataFrame) -> dict[str, str]:
        """Return the hash of the training data, and the hash of the code with the parameters."""
        code = provenance.code_hash(self.settings.home, self.workload)
        recipe = combined_hash([code, canonical_json(dict(submission.parameters))])
        return {"data_hash": hashlib.sha256(frame_bytes(training)).hexdigest(), "recipe_hash": recipe}

    def _register_new(
        self, submission: Submission, training: pd.DataFrame, origin: Mapping[str, Any]
    ) -> Version:
        self.registry.log_frame(self.mlflow_run_id, training, "training")
        with self.database.engine.begin() as connection:
            beyond = versions.newest(connection, self.workload) or 0
        version = self.registry.register(self.workload, self.mlflow_run_id, submission, beyond=beyond)
        row = {
            "workload": self.workload,
            "version": version.number,
            "run_id": self.run_id or None,
            "mlflow_run_id": version.mlflow_run_id,
            "artifact_hash": version.artifact_hash,
            "parameters": submission.parameters,
            "metrics": submission.metrics,
            **origin,
        }
        with self.database.engine.begin() as connection:
            versions.add(connection, row)
        return version

    def refuse_look_ahead(self, version: int) -> None:
        """Raise LookAhead where a version was trained on days from the cut-off on."""
        if self._looks_ahead(version):
            raise self._trained_later(version)

    def _looks_ahead(self, version: int) -> bool:
        cut_off = self.cut_off
        return cut_off is not None and self.version(version)["trained_until"] > cut_off

    def _trained_later(self, version: int) -> LookAhead:
        names = {"version": version, "workload": self.workload, "cut_off": self.cut_off}
        trained_until = self.version(version)["trained_until"]
        return LookAhead(TRAINED_LATER.format(**names, trained_until=trained_until))

    def _trained_in_time(self, refused: int) -> int:
        """Return a version that was trained in time: this run's own, in an exploration the newest such one.

        Raises LookAhead about the version `refused`.
        """
        own = self._newest_in_time(refused) if self.is_exploration else self._trained_version()
        if own is None or self._looks_ahead(own):
            raise self._trained_later(refused)
        self.report(in_place_of_champion=own)
        return own

    def _newest_in_time(self, refused: int) -> int | None:
        like = self.version(refused)
        with self.database.engine.begin() as connection:
            return versions.newest_in_time(connection, like, self.cut_off)

    def _trained_version(self) -> int | None:
        if self.is_exploration:
            return None
        try:
            return int(self.results("train")["model_version"])
        except NotFound:
            return None

    def _newest_version(self) -> int | None:
        for alias in (CHALLENGER, CHAMPION):
            number = self.registry.alias(self.workload, alias)
            if number is not None:
                return number
        with self.database.engine.begin() as connection:
            return versions.newest(connection, self.workload)

    def _decision(self) -> Mapping[str, Any] | None:
        try:
            return dict(self.results("evaluate")["decision"])
        except (NotFound, KeyError):
            return None

    def _of_ledger(self, read: Callable[[Connection, str], int | None]) -> int | None:
        """Return what the ledger says of an incremental workload; of others it is None."""
        if not self.contract.incremental:
            return None
        with self.database.engine.begin() as connection:
            return read(connection, self.workload)
