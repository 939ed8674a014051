"""The handle a notebook holds: what it may read, keep, register, stage and report."""

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

import pandas as pd
import pyarrow as pa

from almanac import discovery, provenance
from almanac.contract import Contract, CutOff
from almanac.errors import NotFound, UsageError
from almanac.fields import parse_date, parse_instant
from almanac.judging.promotion import Decision, without_champion
from almanac.registry import CHALLENGER, CHAMPION, Registry, Submission, Version, frame_bytes, open_registry
from almanac.settings import Settings
from almanac.store.connections.database import Connection, Database, Result, Work, open_database
from almanac.store.publishing import published as reading
from almanac.store.publishing import staging, staging_tables
from almanac.store.publishing.incremental import increments, kept_inputs
from almanac.store.publishing.incremental.entries import UnscoredEntries
from almanac.store.records import releases, run_steps, runs, versions
from almanac.store.rows import binary_copy, raw
from almanac.store.rows.hashes import combined_hash
from almanac.store.rows.json_values import canonical_json, plain_json
from almanac.store.schema import workload_sql

if TYPE_CHECKING:
    from matplotlib.figure import Figure

STEPS = ("collect", "train", "evaluate", "predict")


@dataclass(frozen=True)
class Candidate:
    """One model of a training: its name, parameters and figures on validation data."""

    name: str
    parameters: Mapping[str, Any]
    metrics: Mapping[str, float]


@dataclass(frozen=True)
class Step:
    """One step of one run. Without a run id it is an exploration: it may log and register, but never moves an alias or a release."""

    workload: str
    name: str
    run_id: str
    sample: str
    slot: datetime
    requested_date: date | None
    settings: Settings

    @classmethod
    def open(cls, workload: str, name: str, **parameters: str) -> "Step":
        """Open a step from a notebook's parameters `run_id`, `slot`, `sample` and `data_as_of`; empty ones take the settings'; raises UsageError."""
        settings = Settings.read()
        sample = parameters.get("sample") or settings.sample
        if sample not in ("full", "mock"):
            raise UsageError(f"SAMPLE has value '{sample}'. Use 'full' or 'mock'.")
        due = parameters.get("slot", "")
        slot = parse_instant(due) if due else datetime.now(UTC)
        return cls(
            workload,
            name,
            parameters.get("run_id", ""),
            sample,
            slot,
            parse_date(parameters.get("data_as_of", "")),
            settings,
        )

    @property
    def is_exploration(self) -> bool:
        """Whether this step was opened by hand, outside a run."""
        return not self.run_id

    @cached_property
    def contract(self) -> Contract:
        """The workload's contract."""
        return discovery.contract(self.workload)

    @cached_property
    def database(self) -> Database:
        """The database, in the role of a worker."""
        if self.is_exploration and not self.settings.database_url:
            from almanac.store.schema.migrate import migrate

            migrate(open_database(self.settings, "login"), {self.workload: self.contract})
        return open_database(self.settings, "worker")

    @cached_property
    def registry(self) -> Registry:
        """The model registry."""
        return open_registry(self.settings)

    @cached_property
    def mlflow_run_id(self) -> str:
        """The MLflow run of this run; an exploration starts one of its own."""
        if not self.is_exploration:
            return runs.mlflow_run(self.database, self.run_id)
        return self.registry.start_run(
            self.workload,
            f"exploration {self.name}",
            tags={"almanac.kind": "exploration", "almanac.step": self.name},
        )

    def upsert(self, table: str, frame: pd.DataFrame) -> raw.UpsertCounts:
        """Bring rows into a raw table; corrections are updated and logged."""
        return raw.upsert(self.database, self.contract, table, frame, run_id=self.run_id or None)

    def read(self, table: str) -> pd.DataFrame:
        """Return a raw table as a frame."""
        return raw.read(self.database, self.contract, table)

    def newest_rows(self, view: str, *, by: str, limit: int) -> pd.DataFrame:
        """Return the newest rows, oldest first, of a view that the workload's own migrations made, ordered `by` a column."""
        return workload_sql.newest_rows(self.database, self.workload, view, by=by, limit=limit)

    def corrections(self, *, limit: int = 10) -> pd.DataFrame:
        """Return the newest corrections of this workload's raw tables."""
        return raw.corrections(self.database, self.workload, limit=limit)

    def report_cut_off(self, cut: CutOff) -> date:
        """Report the cut-off of this run and return its date; raises UsageError where an earlier step had another."""
        if not self.is_exploration:
            known = self._record["data_as_of"]
            if known is not None and known != cut.data_as_of:
                raise UsageError(
                    f"This step finds the cut-off {cut.data_as_of}, but run {self.run_id} has {known}: its data changed under it."
                )
        self.report(cut_off=asdict(cut))
        return cut.data_as_of

    def report(self, **results: Any) -> None:
        """Add results to the run's record; in an exploration they are only checked."""
        clean = plain_json(results)
        if not self.is_exploration:
            with self.database.engine.begin() as connection:
                run_steps.report(connection, self.run_id, self.name, clean)

    def results(self, step: str) -> dict[str, Any]:
        """Return what an earlier step of this run reported; raises NotFound in an exploration."""
        if self.is_exploration:
            raise NotFound(f"An exploration has no earlier steps; '{step}' reported nothing.")
        with self.database.engine.begin() as connection:
            return run_steps.results(connection, self.run_id, step)

    def shared_frame(self, name: str, make: Callable[[], pd.DataFrame]) -> pd.DataFrame:
        """Return the frame that an earlier step of this run kept as `name`, or make it and keep it for the later ones.

        An exploration always makes it. Raises UsageError where the kept file is not the one that was kept.
        """
        if self.is_exploration:
            return make()
        with self.database.engine.begin() as connection:
            kept = run_steps.saved_frame(connection, self.run_id, STEPS[: STEPS.index(self.name)], name)
        if kept is None:
            frame = make()
            uri, digest = self.registry.log_frame(self.mlflow_run_id, frame, name)
            self.report(kept={name: {"uri": uri, "hash": digest}})
            return frame
        return self.registry.fetch_frame(kept["uri"], kept["hash"])

    def log_candidate(self, candidate: Candidate) -> None:
        """Log one candidate as a child run, to be compared side by side."""
        tags = {"almanac.kind": "candidate", "almanac.candidate": candidate.name}
        child = self.registry.start_run(self.workload, candidate.name, tags=tags, parent=self.mlflow_run_id)
        self.registry.log(
            child, parameters={"candidate": candidate.name, **candidate.parameters}, metrics=candidate.metrics
        )
        self.registry.end_run(child, succeeded=True)

    def log_figure(self, figure: "Figure", name: str) -> None:
        """Keep a plot with the run."""
        self.registry.log_figure(self.mlflow_run_id, figure, name)

    def register(
        self, submission: Submission, training: pd.DataFrame, *, trained_until: date, simulated: bool = False
    ) -> Version:
        """Register a fitted pipeline with its training data; the same data, code and parameters give no new version."""
        code = provenance.code_hash(self.settings.home, self.workload)
        hashes = {
            "data_hash": hashlib.sha256(frame_bytes(training)).hexdigest(),
            "recipe_hash": combined_hash([code, canonical_json(dict(submission.parameters))]),
        }
        with self.database.engine.begin() as connection:
            known = versions.find_same(connection, self.workload, **hashes)
        if known:
            version = Version(known["version"], known["mlflow_run_id"], known["artifact_hash"])
        else:
            self.registry.log_frame(self.mlflow_run_id, training, "training")
            version = self.registry.register(self.workload, self.mlflow_run_id, submission)
            made = {
                "version": version.number,
                "mlflow_run_id": version.mlflow_run_id,
                "artifact_hash": version.artifact_hash,
            }
            told = {
                "parameters": submission.parameters,
                "metrics": submission.metrics,
                "trained_until": trained_until,
                "simulated": simulated,
            }
            with self.database.engine.begin() as connection:
                versions.add(
                    connection,
                    {"workload": self.workload, "run_id": self.run_id or None} | made | hashes | told,
                )
        self.report(
            model_version=version.number, model_hash=version.artifact_hash, data_hash=hashes["data_hash"]
        )
        return version

    def load_model(self, version: int) -> Any:
        """Return the pipeline of a registered version after checking its hash."""
        record = self.version(version)
        trusted = self._module("model").TRUSTED_TYPES
        return self.registry.load(
            self.workload, version, artifact_hash=record["artifact_hash"], trusted_types=trusted
        )

    def version(self, version: int) -> versions.VersionRow:
        """Return the record of a registered version; raises NotFound."""
        with self.database.engine.begin() as connection:
            return versions.get(connection, self.workload, version)

    def champion(self, *, simulated: bool | None = None) -> int | None:
        """Return the champion version; with `simulated`, only one that was made of such data (or was not)."""
        number = self.registry.alias(self.workload, CHAMPION)
        fits = number is not None and (simulated is None or self.version(number)["simulated"] == simulated)
        return number if fits else None

    def challenger(self) -> int:
        """Return the version that this run trained; an exploration takes the challenger of the registry. Raises NotFound."""
        if not self.is_exploration:
            try:
                return int(self.results("train")["model_version"])
            except NotFound:
                pass
        number = self.registry.alias(self.workload, CHALLENGER) or self.registry.alias(
            self.workload, CHAMPION
        )
        with self.database.engine.begin() as connection:
            number = number or versions.newest(connection, self.workload)
        if number is None:
            raise NotFound(
                f"'{self.workload}' has no model version yet. Run its notebook 2_train first, or `almanac run {self.workload}`."
            )
        return number

    def decide(self, decision: Decision, *, challenger: int, champion: int | None, evidence: Any) -> None:
        """Report the promotion decision; the runner acts on it after this notebook has ended well."""
        facts = {
            "challenger": challenger,
            "champion": champion,
            "promoted": decision.promoted,
            "reason": decision.reason,
        }
        self.report(decision=facts | {"evidence": asdict(evidence)})

    def log_metrics(
        self, version: int, metrics: Mapping[str, float], *, details: Mapping[str, Any] | None = None
    ) -> None:
        """Keep held-out figures with a version, in MLflow and (with `details`, tables as rows) in the database; an exploration replaces no run's."""
        record = self.version(version)
        self.registry.log(
            self.mlflow_run_id if self.is_exploration else record["mlflow_run_id"], metrics=metrics
        )
        with self.database.engine.begin() as connection:
            versions.save_metrics(
                connection,
                record,
                plain_json({**metrics, **(details or {})}),
                step=(self.run_id, self.name),
            )

    def serving_version(self, *, simulated: bool | None = None) -> int:
        """Return the version to predict with: the champion that evaluation left, or an exploration's best. Raises NotFound."""
        number = self._of_ledger(releases.version_on_hold) or self.champion(simulated=simulated)
        if number is None and not self.is_exploration:
            raise NotFound(without_champion(self.workload, self._decision))
        return number or self.challenger()

    def shadow_version(self, serving: int) -> int | None:
        """Return the other version to score: challenger or replaced champion; if incremental, else the one to which a rollback would go."""
        decision = self._decision or {
            "challenger": serving,
            "champion": self._of_ledger(releases.previous_version),
        }
        other = decision["champion"] if decision["challenger"] == serving else decision["challenger"]
        return int(other) if other is not None and other != serving else None

    @property
    def _decision(self) -> Mapping[str, Any] | None:
        try:
            return dict(self.results("evaluate")["decision"])
        except (NotFound, KeyError):
            return None

    def unscored_entries(self, version: int) -> UnscoredEntries:
        """Return the entries of an incremental workload that a version has not predicted yet: an iterable of Arrow tables, to be read once."""
        return increments.unscored_entries(self.database, self.contract, version)

    def read_published(self, table: str, version: int) -> pd.DataFrame:
        """Return a released table of an incremental workload over all runs of a version; side tables merged by key."""
        return reading.read_version(self.database, self.contract, table, version)

    def query(self, question: Work[Result]) -> Result:
        """Ask the database a question of the workload's own, in the role of a worker and in one transaction."""
        with self.database.connect() as connection:
            return question(connection)

    def ingest(self, tables: Iterable[pa.Table], *, demo: bool = False) -> list[Any]:
        """Store entries of an incremental workload that are not there yet; return what became of each table. `demo` marks what nobody sent."""
        entries = self._module("entries")
        load = entries.Load(binary_copy.encode, demo)
        return [self.query(partial(entries.store, entries=table, load=load)) for table in tables]

    def stage(
        self,
        content: Mapping[str, pd.DataFrame],
        *,
        version: int,
        scored: pd.DataFrame | UnscoredEntries,
        shadow: bool = False,
    ) -> staging.Staged:
        """Load and audit the run's predictions, to be published when the notebook has ended well.

        `content` has one frame per released table; `scored` are the rows the model was given, kept for `almanac reproduce`, or what
        `unscored` returned, of which hash and numbers are kept; a shadow's are its run's. An exploration throws away what it has audited.
        """
        run_id = (
            runs.new_id(self.slot, "trial")
            if self.is_exploration
            else self.run_id + ("-shadow" if shadow else "")
        )
        if isinstance(scored, UnscoredEntries):
            staged: staging.Staged = increments.stage(
                self.database,
                self.contract,
                run_id,
                content,
                scored=increments.ScoredEntries(version, scored),
            )
        else:
            staged = staging.stage(self.database, self.contract, run_id, content)
        if self.is_exploration:
            staging_tables.discard(self.database, self.contract, run_id)
            return staged
        facts = staged.summary() | {"model_version": version}
        self.report(**{"shadow_hashes" if shadow else "hashes": facts.pop("hashes")})
        if isinstance(scored, UnscoredEntries):
            facts["known"] = kept_inputs.save(self.database, run_id, scored)
        facts["model_hash"] = self.version(version)["artifact_hash"]
        if isinstance(scored, pd.DataFrame):
            digest = hashlib.sha256(frame_bytes(scored)).hexdigest()
            facts["input_hash"] = (
                digest if shadow else self.registry.log_frame(self.mlflow_run_id, scored, "scored")[1]
            )
        self.report(**{"shadow" if shadow else "staged": facts})
        return staged

    def _module(self, part: str) -> Any:
        return discovery.module(self.workload, part)

    def _of_ledger(self, question: Callable[[Connection, str], int | None]) -> int | None:
        """Return what the ledger says of an incremental workload; of others it is None."""
        if not self.contract.incremental:
            return None
        with self.database.engine.begin() as connection:
            return question(connection, self.workload)

    @cached_property
    def _record(self) -> runs.RunRow:
        with self.database.engine.begin() as connection:
            return runs.get(connection, self.run_id)
