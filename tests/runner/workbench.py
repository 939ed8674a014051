"""A workload whose notebooks the test writes, run with a registry made of lists."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from almanac.contract import Contract
from almanac.errors import RegistryError
from almanac.project import Project
from almanac.runner.attempt import RunRequest, run_folder
from almanac.runner.run import Result, run
from almanac.scaffold import as_notebook
from almanac.store.records import releases, run_steps, runs
from tests.stub import STUB

BROKEN = Path(__file__).parent / "broken"
NAMES = {"collect": "1_collect", "train": "2_train", "evaluate": "3_evaluate", "predict": "4_predict"}
PARAMETERS = '# %% parameters\nRUN_ID = ""\nSLOT = ""\nSAMPLE = ""\nDATA_AS_OF = ""\n'
OPEN = """# %%
from almanac.steps import Step

step = Step.open("stub", "{step}", run_id=RUN_ID, slot=SLOT, sample=SAMPLE, data_as_of=DATA_AS_OF)
"""
REPORT = "step.report(sample=step.sample, wanted=str(step.requested_date))\n"
PUBLISH = """# %%
from almanac.store.publishing.staging import stage
from tests.stub import STUB, content

staged = stage(step.database, STUB, RUN_ID, content())
facts = {"rows": staged.rows, "prediction_hash": staged.prediction_hash}
step.report(staged=facts | {"model_version": 1, "model_hash": "b" * 64})
step.report(cut_off={"data_as_of": "2025-04-15", "demo": False, "simulated": False, "source": "tests"})
"""
VERSION = {
    "workload": STUB.name,
    "version": 1,
    "run_id": None,
    "mlflow_run_id": "mlflow-0",
    "artifact_hash": "b" * 64,
    "data_hash": "a" * 64,
    "recipe_hash": "c" * 64,
    "trained_until": "2025-04-15",
    "parameters": {},
    "metrics": {},
}


@dataclass
class FakeRegistry:
    """A registry that only remembers its calls."""

    started: list[str] = field(default_factory=list)
    files: dict[str, bytes] = field(default_factory=dict)
    ended: list[bool] = field(default_factory=list)
    aliases: dict[str, int] = field(default_factory=dict)

    def start_run(self, workload: str, name: str, *, tags: Mapping[str, str]) -> str:
        self.started.append(name)
        return f"mlflow-{len(self.started)}"

    def log_file(self, run_id: str, path: Path, folder: str) -> str:
        self.files[path.name] = path.read_bytes()
        return f"runs:/{run_id}/{folder}/{path.name}"

    def place(self, run_id: str) -> str:
        return f"memory:/{run_id}"

    def fetch(self, uri: str, folder: Path) -> Path:
        path = folder / uri.rsplit("/", 1)[-1]
        if path.name not in self.files:
            raise RegistryError(f"{uri} was never kept")
        path.write_bytes(self.files[path.name])
        return path

    def version_hash(self, workload: str, version: int) -> str:
        return VERSION["artifact_hash"]

    def end_run(self, run_id: str, *, succeeded: bool) -> None:
        self.ended.append(succeeded)

    def set_alias(self, workload: str, alias: str, version: int) -> None:
        self.aliases[alias] = version


@dataclass(frozen=True)
class Bench:
    """An installation with one workload, whose notebooks and limits the test chooses."""

    project: Project
    registry: FakeRegistry
    contracts: dict[str, Contract]

    def write(self, step: str, text: str) -> None:
        """Write the notebook of one step from its text."""
        folder = self.project.settings.notebooks_folder / STUB.name
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{NAMES[step]}.ipynb").write_text(as_notebook(text))

    def breaks(self, name: str, step: str = "collect") -> None:
        """Put a broken notebook in the place of a step."""
        self.write(step, (BROKEN / f"{name}.txt").read_text())

    def limit(self, **limits: timedelta) -> None:
        """Change the contract's cell_timeout or run_deadline."""
        self.contracts[STUB.name] = STUB.model_copy(update=limits)

    def run(self, **wishes: Any) -> Result:
        """Run the workload; by default its first step only."""
        return run(self.project, replace(RunRequest(STUB.name, only="collect"), **wishes))

    def folder(self, run_id: str) -> Path:
        """Return where a run has kept its notebooks and its log."""
        return run_folder(self.project.settings, STUB.name, run_id)

    def record(self, run_id: str) -> dict[str, Any]:
        """Return the record of a run."""
        with self.project.database.engine.begin() as connection:
            return dict(runs.get(connection, run_id))

    def steps(self, run_id: str) -> dict[str, dict[str, Any]]:
        """Return the records of a run's steps by name."""
        with self.project.database.engine.begin() as connection:
            return {step["step"]: dict(step) for step in run_steps.of_run(connection, run_id)}

    def live(self) -> str | None:
        """Return the run from which the workload is answered."""
        with self.project.database.engine.begin() as connection:
            release = releases.live(connection, STUB.name)
        return release["run_id"] if release else None
