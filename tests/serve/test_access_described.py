"""What OpenAPI says about access, and that the server does what it says (Schemathesis)."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from almanac.settings import Settings
from serve.app import create_app
from tests.serve.gate import SECRET, gate_on

NOWHERE = "postgresql://localhost:1/none"
ANY = [{"bearer": []}, {"key": []}, {"cookie": []}]
OPEN_PATHS = {"/livez", "/readyz", "/version", "/v1/auth/login", "/v1/auth/refresh"}


def described(**settings: Any) -> dict[str, Any]:
    return create_app(Settings(**{"database_url": NOWHERE, "secret": SECRET, **settings})).openapi()


def test_each_operation_names_its_credentials_and_refusals() -> None:
    description = described(auth="on")
    assert set(description["components"]["securitySchemes"]) == {"bearer", "key", "cookie"}
    for path, operations in description["paths"].items():
        for operation in operations.values():
            if path in OPEN_PATHS:
                assert operation["security"] == [], path
            else:
                assert operation["security"] == ANY, path
                assert {"401", "429"} <= set(operation["responses"]), path
    assert "403" in description["paths"]["/v1/football/predictions"]["get"]["responses"]


def test_public_reading_needs_no_credential_and_writing_does() -> None:
    paths = described(auth="on", public_read=True, ingest=True)["paths"]
    assert paths["/v1/football/predictions"]["get"]["security"] == [{}, *ANY]
    assert paths["/v1/logs"]["post"]["security"] == ANY


def test_without_access_the_description_says_nothing_of_it() -> None:
    description = described(auth="off")
    assert "securitySchemes" not in description["components"]
    operations = [each for operations in description["paths"].values() for each in operations.values()]
    assert not any("security" in operation for operation in operations)


@pytest.mark.slow
@pytest.mark.timeout(1_000)
@pytest.mark.parametrize("most", [1, pytest.param(40, marks=pytest.mark.faults)])
def test_no_operation_ignores_its_credentials(most: int, database_url: str, tmp_path: Path) -> None:
    with gate_on(database_url, read_limit=0) as gate:
        key = gate.key("admin")["Authorization"]
        command = [
            str(Path(sys.executable).with_name("schemathesis")), "run",
            f"{gate.client.base_url}/openapi.json",
            "--header", f"Authorization: {key}", "--checks", "ignored_auth", "--phases", "fuzzing",
            "--max-examples", str(most), "--seed", "20261201", "--generation-database", "none",
            "--mode", "positive",
        ]  # fmt: skip
        ended = subprocess.run(
            command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=900
        )
    assert ended.returncode == 0, ended.stdout[-8_000:]
