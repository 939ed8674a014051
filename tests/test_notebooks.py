"""Every notebook runs: under papermill for each workload, and alone with its defaults without a release."""

import re

import psycopg
import pytest

from almanac import discovery
from tests.installation import WORKLOAD, Installation

STATE = """
    SELECT (SELECT count(*) FROM almanac.releases), (SELECT count(*) FROM almanac.runs),
    (SELECT count(*) FROM almanac.decisions), (SELECT count(*) FROM pg_tables WHERE schemaname = 'staging')"""


# Each takes a minute: the template and one workload run always, the others with the heavy repeats.
BY_HAND = [
    WORKLOAD,
    *(
        name if name == "football" else pytest.param(name, marks=pytest.mark.faults)
        for name in discovery.names()
    ),
]


def state(installation: Installation) -> object:
    with psycopg.connect(installation.url) as connection:
        return connection.execute(STATE).fetchone()


def aliases(installation: Installation) -> dict[str, object]:
    return {row["name"]: row["champion"] for row in installation.ask("list")}


@pytest.mark.parametrize("workload", BY_HAND)
def test_each_notebook_opened_by_hand_runs_alone_and_changes_no_answer(
    workload: str, empty_installation: Installation, registry_loaded: None
) -> None:
    before, champions = state(empty_installation), aliases(empty_installation)
    ran = empty_installation.command(
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "--nbval-lax",
        f"notebooks/{workload}",
        ALMANAC_SAMPLE="mock",
    )
    assert ran.returncode == 0, ran.stdout
    assert re.search(r"\b[1-9]\d* passed", ran.stdout)
    assert (state(empty_installation), aliases(empty_installation)) == (before, champions)
    with empty_installation.project() as project:
        client = project.registry.client
        explored = client.search_runs(
            [project.registry.experiment(workload)], "tags.`almanac.kind` = 'exploration'"
        )
    assert "train" in {run.data.tags["almanac.step"] for run in explored}


@pytest.mark.parametrize("workload", discovery.names())
def test_a_workload_runs_in_mock_and_is_released(workload: str, empty_installation: Installation) -> None:
    result = empty_installation.ask("run", workload, "--sample", "mock", "--slot", "now", OMP_NUM_THREADS="1")
    chain = {link["link"]: link["state"] for link in empty_installation.ask("verify", result["run_id"])}
    assert (result["status"], result["release_id"] is not None) == ("succeeded", True)
    assert {name: link for name, link in chain.items() if link != "ok"} == {"commit": "none"}
