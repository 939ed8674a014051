"""The predictions of a step: staged and audited at once, published by the runner after the notebook."""

import hashlib
from collections.abc import Mapping
from typing import Any

import pandas as pd

from almanac.registry import frame_bytes
from almanac.steps.models import Models
from almanac.store.publishing import staging, staging_tables
from almanac.store.publishing.incremental import increments, kept_inputs
from almanac.store.publishing.incremental.entries import UnscoredEntries
from almanac.store.records import runs


class Predictions(Models):
    """The predictions that a step stages."""

    def stage(
        self,
        content: Mapping[str, pd.DataFrame],
        *,
        version: int,
        scored: pd.DataFrame | UnscoredEntries,
        shadow: bool = False,
    ) -> staging.Staged:
        """Load and audit the run's predictions, to be published when the notebook has ended well.

        `content` has one frame per released table. `scored` are the rows that the model has scored, saved for
        `almanac reproduce`; of `unscored_entries` only the hash and the numbers are saved. The inputs of a
        shadow are those of its run. An exploration drops what it has audited. Raises LookAhead, AuditFailed.
        """
        self.refuse_look_ahead(version)
        run_id = self._staging_run_id(shadow=shadow)
        staged = self._load(content, run_id, version, scored)
        if self.is_exploration:
            staging_tables.discard(self.database, self.contract, run_id)
            return staged
        summary = staged.summary()
        self.report(**{"shadow_hashes" if shadow else "hashes": summary.pop("hashes")})
        inputs = self._save_inputs(run_id, scored, shadow=shadow)
        model = {"model_version": version, "model_hash": self.version(version)["artifact_hash"]}
        self.report(**{"shadow" if shadow else "staged": summary | model | inputs})
        return staged

    def _staging_run_id(self, *, shadow: bool) -> str:
        if self.is_exploration:
            return runs.new_id(self.slot, "trial")
        return f"{self.run_id}-shadow" if shadow else self.run_id

    def _load(
        self,
        content: Mapping[str, pd.DataFrame],
        run_id: str,
        version: int,
        scored: pd.DataFrame | UnscoredEntries,
    ) -> staging.Staged:
        if isinstance(scored, pd.DataFrame):
            return staging.stage(self.database, self.contract, run_id, content)
        entries = increments.ScoredEntries(version, scored)
        return increments.stage(self.database, self.contract, run_id, content, scored=entries)

    def _save_inputs(
        self, run_id: str, scored: pd.DataFrame | UnscoredEntries, *, shadow: bool
    ) -> dict[str, Any]:
        """Save what the model has scored; return its hash, or the hashes of the side tables it needed."""
        if not isinstance(scored, pd.DataFrame):
            return {"known": kept_inputs.save(self.database, run_id, scored)}
        if shadow:
            return {"input_hash": hashlib.sha256(frame_bytes(scored)).hexdigest()}
        _, digest = self.registry.log_frame(self.mlflow_run_id, scored, "scored")
        return {"input_hash": digest}
