"""One step of one run: its parameters, and the database and registry it works with."""

from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property
from typing import Any

from almanac import discovery
from almanac.contract import Contract, CutOff
from almanac.registry import Registry, open_registry
from almanac.settings import Settings
from almanac.store.connections.database import Database, open_database
from almanac.store.records import runs
from almanac.store.records.installation import identity

STEPS = ("collect", "train", "evaluate", "predict")


@dataclass(frozen=True)
class StepContext:
    """The parameters of a step, and its tools, each opened when first used.

    Without a run id the step is an exploration: it may log and register, but never moves an alias or a
    release.
    """

    workload: str
    name: str
    run_id: str
    sample: str
    slot: datetime
    requested_date: date | None
    settings: Settings

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
            self._migrate_embedded()
        return open_database(self.settings, "worker")

    @cached_property
    def registry(self) -> Registry:
        """The model registry."""
        return open_registry(self.settings, lambda: identity(self.database))

    @cached_property
    def mlflow_run_id(self) -> str:
        """The MLflow run of this run; an exploration starts one of its own."""
        if not self.is_exploration:
            return runs.mlflow_run(self.database, self.run_id)
        tags = {"almanac.kind": "exploration", "almanac.step": self.name}
        run_id = self.registry.start_run(self.workload, f"exploration {self.name}", tags=tags)
        # Nobody tells when a notebook is closed, and MLflow takes in what is logged later too.
        self.registry.end_run(run_id, succeeded=True)
        return run_id

    def _migrate_embedded(self) -> None:
        from almanac.store.schema.migrate import migrate

        migrate(open_database(self.settings, "login"), {self.workload: self.contract})

    def _hook(self, name: str) -> Any:
        return discovery.module(self.workload, name)

    @cached_property
    def _reported_cut_off(self) -> list[CutOff]:
        """The cut-off that this step has reported, empty before it does."""
        return []

    @cached_property
    def _made_up_tables(self) -> list[str]:
        """The raw tables of which this step has read made-up rows."""
        return []

    @property
    def cut_off(self) -> date | None:
        """The day from which on this step knows nothing; None where nothing says so yet."""
        if self._reported_cut_off:
            return self._reported_cut_off[-1].data_as_of
        recorded: date | None = None if self.is_exploration else self._run["data_as_of"]
        return recorded or self.requested_date

    @property
    def newest_data(self) -> date | None:
        """The day of the newest datum that this step uses; None where its cut-off does not tell."""
        return self._reported_cut_off[-1].newest_data if self._reported_cut_off else None

    @property
    def _has_simulated_data(self) -> bool:
        """Whether this step, or an earlier one of its run, has said that the data are simulated."""
        if self._reported_cut_off:
            return self._reported_cut_off[-1].simulated
        return not self.is_exploration and bool(self._run["simulated"])

    @cached_property
    def _run(self) -> runs.RunRow:
        with self.database.engine.begin() as connection:
            return runs.get(connection, self.run_id)
