"""Schemathesis sends valid and invalid requests that it derives from the OpenAPI description."""

import os
import re
import subprocess
import sys
from datetime import date
from pathlib import Path

import httpx
import pytest

from almanac import discovery
from almanac.settings import Settings
from serve.routes.football import matches
from tests.serve.log_publishing import publish_logs, store, written
from tests.serve.publishing import match
from tests.servers import in_thread
from tests.stub import STUB, release

ROOT = Path(__file__).parents[2]
CHECKS = (
    "not_a_server_error,status_code_conformance,content_type_conformance,"
    "response_headers_conformance,response_schema_conformance,"
    "negative_data_rejection,unsupported_method"
)


@pytest.fixture
def address(publisher):
    """The address of a server that has the rows of its documentation's examples."""
    publisher.publish(
        [match(number) for number in range(10)] + [matches.EXAMPLE | {"date": date(2025, 4, 19)}], version=1
    )
    publisher.register(1)
    release(publisher.database)
    store(publisher.database, written(["Connection to node 7 was broken", "Heartbeat"], session="req-81"))
    publish_logs(publisher.database, version=3)
    publish_logs(publisher.database, version=4)
    with in_thread(
        Settings(database_url=publisher.database.url, ingest=True), {**discovery.contracts(), "stub": STUB}
    ) as client:
        yield str(client.base_url)


# 414 is expected: a generated URL may be too long.
EXPECTED = '["400", "403", "404", "405", "408", "413", "414", "415", "422", "431"]'
CONFIG = f"[checks]\nnegative_data_rejection.expected-statuses = {EXPECTED}\n"


@pytest.mark.slow
@pytest.mark.timeout(1_800)
@pytest.mark.parametrize(
    ("cases", "seed"), [(5_000, 20250415), pytest.param(20_000, 20250416, marks=pytest.mark.faults)]
)
def test_every_answer_is_documented_and_none_is_a_server_error(address, tmp_path, cases, seed):
    operations = len(httpx.get(f"{address}/openapi.json").json()["paths"])
    (tmp_path / "schemathesis.toml").write_text(CONFIG)
    command = [
        str(Path(sys.executable).with_name("schemathesis")),
        "run",
        f"{address}/openapi.json",
        "--seed",
        str(seed),
        "--checks",
        CHECKS,
    ]
    # Examples and coverage make some 3,900 cases. Routes without parameters have few more,
    # so the other routes get more than their share of the rest.
    most = str((cases - 3_900) * 5 // operations // 4)
    command += [
        "--phases",
        "examples,coverage,fuzzing,stateful",
        "--max-examples",
        most,
        "--generation-database",
        "none",
    ]
    hooks = {"SCHEMATHESIS_HOOKS": "tests.serve.schemathesis_hooks", "PYTHONPATH": str(ROOT)}
    ended = subprocess.run(
        command,
        cwd=tmp_path,
        env=os.environ | hooks,
        capture_output=True,
        text=True,
        check=False,
        timeout=1_700,
    )
    assert ended.returncode == 0, ended.stdout[-8_000:]
    generated = re.search(r"([\d,]+) generated", ended.stdout)
    assert generated, ended.stdout
    assert int(generated[1].replace(",", "")) >= cases, ended.stdout
