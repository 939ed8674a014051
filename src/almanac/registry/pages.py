"""What people read on MLflow's pages: descriptions of workload, versions and runs, and an address."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from almanac.registry.models import Registry

# MLflow shows this tag as the description of an experiment or a run.
NOTE = "mlflow.note.content"
LOCAL_PAGES = "http://127.0.0.1:5000"


@dataclass(frozen=True)
class Words:
    """What is said of one run: texts of its experiment and model, of the run itself and of its version.

    `tags` go to the run and to the version.
    """

    workload: str
    mlflow_run_id: str
    about_workload: str
    about_run: str
    version: int | None = None
    about_version: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)


def describe(registry: Registry, words: Words) -> None:
    """Write descriptions and tags; raises RegistryError."""
    experiment = registry.experiment(words.workload)
    client = registry.client
    with registry.explained():
        client.set_experiment_tag(experiment, NOTE, words.about_workload)
        for name, text in {**words.tags, NOTE: words.about_run}.items():
            client.set_tag(words.mlflow_run_id, name, text)
        if words.version is None:
            return
        number = str(words.version)
        client.update_registered_model(words.workload, words.about_workload)
        client.update_model_version(words.workload, number, words.about_version)
        for name, text in words.tags.items():
            client.set_model_version_tag(words.workload, number, name, text)


def address(registry: Registry, workload: str) -> str:
    """Return the address of the page with the runs of a workload; the experiment itself opens another one."""
    base = registry.uri if registry.uri.startswith(("http://", "https://")) else LOCAL_PAGES
    return f"{base.rstrip('/')}/#/experiments/{registry.experiment(workload)}/runs"
