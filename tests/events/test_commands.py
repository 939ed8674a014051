"""The commands of events, as a person uses them."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from almanac.cli import build
from almanac.settings import Settings
from tests.events.event_driver import Bench, event, events
from tests.servers import wait_until

TRACE = "seconds,kb,kind\n0,1.5,click\n0.1,2,order\n0.2,3,order\n"
DEPLOYMENT = {"DEFAULT_SIZE": 7, "OBJECTIVE": 3, "FIXED_COST": 1, "EVENT_COST": 0.5, "SECOND_PRICE": 0}


@pytest.fixture
def bench(settings: Settings, database_url: str, monkeypatch: pytest.MonkeyPatch) -> Bench:
    """A queue that the commands of this process use."""
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setenv("ALMANAC_HOME", str(settings.home))
    return Bench(database_url)


@pytest.fixture
def trace(tmp_path: Path) -> str:
    """A trace of three events within 0.2 seconds."""
    path = tmp_path / "trace.csv"
    path.write_text(TRACE)
    return str(path)


def almanac(*words: str) -> tuple[int, str]:
    """Call a command in this process; return its exit code and what it printed."""
    result = CliRunner().invoke(build(), words, standalone_mode=False)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        return getattr(result.exception, "exit_code", 1), str(result.exception)
    return result.exit_code, result.stdout


def test_the_events_of_a_trace_are_sent(bench: Bench, trace: str) -> None:
    code, printed = almanac(
        "simulate", "events", "--trace", trace, "--seconds", "5", "--speed", "10", "--json"
    )
    assert (code, json.loads(printed)) == (0, {"trace": trace, "sent": 3})
    assert almanac("simulate", "events", "--trace", trace, "--seconds", "0.01") == (
        0,
        "1 of 3 events of trace sent.\n",
    )
    assert bench.totals()["stored"] == 4


def test_a_worker_that_drains_the_queue_says_what_it_did(bench: Bench) -> None:
    bench.send(*events(4))
    code, printed = almanac("work", "events", "--drain", "--processing", "light", "--json")
    result = json.loads(printed)
    assert code == 0
    assert list(result) == ["worker", "events", "batches", "seconds", "cost", "sizes_from"]
    assert (result["events"], result["batches"]) == (4, {"default": 1})
    assert result["sizes_from"] == "default of 50, since no policy is published"
    # Light processing takes 0.02 s and 0.01 s for each event, with a little luck.
    assert bench.query("SELECT events, simulated, seconds > 0.03 FROM api.events_batches") == [
        (4, True, True)
    ]


def test_buried_events_are_listed_and_put_back(bench: Bench) -> None:
    bench.send(event(event_id="poison", payload={}))
    bench.drain(work=lambda connection, batch: [claim.payload["number"] for claim in batch])
    code, printed = almanac("events", "dead", "--json")
    assert (code, [row["error"] for row in json.loads(printed)]) == (0, ["KeyError: 'number'"])
    assert almanac("events", "dead", "--again", "poison") == (0, "1 event put back into the queue.\n")
    assert almanac("work", "events", "--drain")[0] == 0
    assert bench.totals()["done"] == 1


def test_an_event_that_is_not_buried_cannot_be_put_back(bench: Bench) -> None:
    assert almanac("events", "dead", "--again", "poison") == (
        10,
        "No buried event is called 'poison'. `almanac events dead` lists those that are.",
    )


def test_the_settings_of_a_deployment_hold_for_its_batches(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in DEPLOYMENT.items():
        monkeypatch.setenv(f"ALMANAC_EVENTS_{name}", str(value))
    bench.send(*events(3))
    assert almanac("work", "events", "--drain")[0] == 0
    columns = "size_wanted, objective_seconds, fixed_cost, event_cost, second_cost"
    assert bench.query(f"SELECT {columns} FROM almanac.events_batches") == [(7, 3.0, 1.0, 1.5, 0.0)]


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("work", "events", "--policy", "best"), "Unknown policy 'best'. Use published, fixed:N"),
        (("work", "events", "--processing", "huge"), "Unknown processing 'huge'. Use none, light or heavy."),
        (("work", "events", "--objective-seconds", "0"), "An objective of 0 seconds does not fit."),
        (("simulate", "events", "--speed", "0"), "Speed 0 does not fit."),
        (
            ("simulate", "events", "--trace", "nowhere.csv"),
            "Unknown trace 'nowhere.csv'. Use azure-conv, nasa, kafka, poisson",
        ),
    ],
)
def test_a_value_that_does_not_fit_is_refused_with_those_that_do(
    bench: Bench, words: tuple[str, ...], complaint: str
) -> None:
    code, printed = almanac(*words)
    assert (code, printed[: len(complaint)]) == (2, complaint)


@pytest.mark.slow
def test_a_worker_that_is_terminated_finishes_its_batch_and_says_what_it_did(
    bench: Bench, tmp_path: Path
) -> None:
    environment = os.environ | {"DATABASE_URL": bench.url, "ALMANAC_HOME": str(tmp_path)}
    command = [sys.executable, "-m", "almanac.cli", "work", "events", "--policy", "fixed:5"]
    worker = subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    bench.send(*events(10))
    wait_until(lambda: bench.totals()["done"] == 10, seconds=60)
    worker.terminate()
    out, errors = worker.communicate(timeout=30)
    assert (worker.returncode, out) == (0, "10 events in 2 batches; sizes from the command line.\n")
    lines = [json.loads(line)["event"] for line in errors.splitlines()]
    assert lines[0].endswith("begins: policy fixed:5, objective 2 s")
    assert ": 10 events in 2 batches (2 fixed)" in lines[-1]
