"""What a step reports to the run's record and to MLflow, and what it reads of earlier steps."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

import pandas as pd

from almanac.contract import CutOff
from almanac.errors import NotFound, UsageError
from almanac.judging.promotion import Decision
from almanac.steps.context import STEPS, StepContext
from almanac.store.records import run_steps
from almanac.store.rows.json_values import plain_json

if TYPE_CHECKING:
    from matplotlib.figure import Figure

OTHER_CUT_OFF = (
    "This step finds the cut-off {cut_off}, but run {run_id} has {recorded}: its data changed under it."
)


@dataclass(frozen=True)
class Candidate:
    """One model of a training: its name, parameters and figures on validation data."""

    name: str
    parameters: Mapping[str, Any]
    metrics: Mapping[str, float]


class Reports(StepContext):
    """The results of a step, and those of earlier steps of its run."""

    def report_cut_off(self, cut: CutOff) -> date:
        """Report the cut-off of this run and return its date.

        Raises UsageError where an earlier step had another.
        """
        recorded = None if self.is_exploration else self._run["data_as_of"]
        if recorded is not None and recorded != cut.data_as_of:
            names = {"cut_off": cut.data_as_of, "run_id": self.run_id, "recorded": recorded}
            raise UsageError(OTHER_CUT_OFF.format(**names))
        self.report(cut_off=asdict(cut))
        self._reported_cut_off.append(cut)
        return cut.data_as_of

    def report(self, **results: Any) -> None:
        """Add results to the run's record; in an exploration they are only checked."""
        plain = plain_json(results)
        if not self.is_exploration:
            with self.database.engine.begin() as connection:
                run_steps.report(connection, self.run_id, self.name, plain)

    def results(self, step: str) -> dict[str, Any]:
        """Return what an earlier step of this run reported; raises NotFound in an exploration."""
        if self.is_exploration:
            raise NotFound(f"An exploration has no earlier steps; '{step}' reported nothing.")
        with self.database.engine.begin() as connection:
            return run_steps.results(connection, self.run_id, step)

    def shared_frame(self, name: str, make: Callable[[], pd.DataFrame]) -> pd.DataFrame:
        """Return the frame that an earlier step of this run saved as `name`, or make it and save it.

        An exploration always makes it. Raises RegistryError where the saved file was changed.
        """
        if self.is_exploration:
            return make()
        earlier_steps = STEPS[: STEPS.index(self.name)]
        with self.database.engine.begin() as connection:
            saved = run_steps.saved_frame(connection, self.run_id, earlier_steps, name)
        if saved is not None:
            return self.registry.fetch_frame(saved["uri"], saved["hash"])
        frame = make()
        uri, digest = self.registry.log_frame(self.mlflow_run_id, frame, name)
        self.report(kept={name: {"uri": uri, "hash": digest}})
        return frame

    def decide(self, decision: Decision, *, challenger: int, champion: int | None, evidence: Any) -> None:
        """Report the promotion decision; the runner acts on it after this notebook has ended well."""
        versions = {"challenger": challenger, "champion": champion}
        verdict = {"promoted": decision.promoted, "reason": decision.reason}
        self.report(decision=versions | verdict | {"evidence": asdict(evidence)})

    def log_candidate(self, candidate: Candidate) -> None:
        """Log one candidate as a child run, to be compared side by side."""
        tags = {"almanac.kind": "candidate", "almanac.candidate": candidate.name}
        parameters = {"candidate": candidate.name, **candidate.parameters}
        child = self.registry.start_run(self.workload, candidate.name, tags=tags, parent=self.mlflow_run_id)
        self.registry.log(child, parameters=parameters, metrics=candidate.metrics)
        self.registry.end_run(child, succeeded=True)

    def log_figure(self, figure: "Figure", name: str) -> None:
        """Save a plot with the run."""
        self.registry.log_figure(self.mlflow_run_id, figure, name)
