"""The images are slim, locked and unprivileged; compose.yaml keeps their ports to this machine."""

import fnmatch
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[1]
SERVER = ROOT / "serve/Dockerfile"
WORKER = ROOT / "Dockerfile.worker"


def instructions(path: Path) -> list[tuple[str, str]]:
    joined = re.sub(r"\\\n\s*", " ", path.read_text())
    lines = [line for line in joined.splitlines() if line and not line.startswith("#")]
    return [(word, rest) for word, _, rest in (line.strip().partition(" ") for line in lines)]


def of(path: Path, word: str) -> list[str]:
    return [rest for instruction, rest in instructions(path) if instruction == word]


def compose() -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text())
    return document


def covers(pattern: str, name: str) -> bool:
    """Return whether a pattern of an ignore file covers a path, by itself or as one of its folders."""
    parts, pattern_parts = name.split("/"), pattern.split("/")
    if pattern_parts[0] == "**":
        return any(fnmatch.fnmatch(part, pattern_parts[1]) for part in parts)
    return len(pattern_parts) <= len(parts) and all(map(fnmatch.fnmatch, parts, pattern_parts))


def admitted(ignore_file: Path) -> list[str]:
    """Return the files that an ignore file lets into the image: the last line that covers a file decides."""
    lines = [line for line in ignore_file.read_text().splitlines() if line and not line.startswith("#")]
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    names = []
    for name in listed.stdout.splitlines():
        decisive = [line for line in lines if covers(line.removeprefix("!"), name)][-1]
        names += [name] if decisive.startswith("!") else []
    return names


both = pytest.mark.parametrize("path", [SERVER, WORKER], ids=["server", "worker"])


@both
def test_an_image_stands_on_one_slim_python_pinned_by_digest(path: Path) -> None:
    assert len(of(path, "FROM")) == 1
    assert re.fullmatch(r"python:3\.13\.\d+-slim-\w+@sha256:[0-9a-f]{64}", of(path, "FROM")[0])
    assert of(path, "FROM") == of(SERVER, "FROM")


@both
def test_an_image_installs_locked_packages_only(path: Path) -> None:
    installs = [
        command.strip()
        for line in of(path, "RUN")
        for command in line.split("&&")
        if "install" in command and "pip" in command
    ]
    assert installs
    for command in installs:
        assert "--require-hashes" in command or (
            "--no-deps" in command and "--no-build-isolation" in command
        ), command
    assert of(path, "ADD") == []
    assert not re.search(r"apt-get|curl|wget", path.read_text())


@both
def test_an_image_runs_as_a_user_without_rights(path: Path) -> None:
    words = [word for word, _ in instructions(path)]
    assert of(path, "USER") == ["10001:10001"]
    assert words.index("USER") > max(index for index, word in enumerate(words) if word in {"COPY", "RUN"})
    assert words.index("USER") < words.index("CMD")


@both
def test_an_image_starts_its_program_without_a_shell(path: Path) -> None:
    started = [*of(path, "CMD"), *of(path, "ENTRYPOINT")]
    assert all(json.loads(line) for line in started)


def test_the_server_says_whether_it_lives_and_can_be_reached_from_outside_its_container() -> None:
    assert "/livez" in of(SERVER, "HEALTHCHECK")[0]
    assert "ALMANAC_HOST=0.0.0.0" in of(SERVER, "ENV")[0]
    assert "ALMANAC_AUTH=on" in of(SERVER, "ENV")[0]
    assert of(SERVER, "CMD") == ['["python", "-m", "serve"]']


def test_the_health_check_of_the_server_is_a_program_that_runs() -> None:
    program = json.loads(of(SERVER, "HEALTHCHECK")[0].partition("CMD ")[2])
    answer = subprocess.run(
        [sys.executable, *program[1:]], env={"PORT": "1"}, capture_output=True, text=True, check=False
    )
    assert answer.returncode == 1
    assert "Connection refused" in answer.stderr


def test_the_servers_image_holds_no_model_no_notebook_and_no_writing_side() -> None:
    files = admitted(ROOT / "serve/Dockerfile.dockerignore")
    workload = re.compile(r"src/almanac/workloads/\w+/(__init__|contract|shared/\w+)\.py")
    rest = {name for name in files if not name.startswith("serve/") and not workload.fullmatch(name)}
    modules = {
        f"src/almanac/{name}.py"
        for name in (
            "__init__",
            "contract",
            "connection_strings",
            "discovery",
            "errors",
            "fields",
            "log_lines",
            "run_columns",
            "settings",
            "workloads/__init__",
        )
    }
    assert "requirements/serve.txt" in rest
    assert rest - modules == {"requirements/serve.txt"}
    assert "src/almanac/workloads/football/contract.py" in files


@pytest.mark.slow
def test_what_the_servers_image_holds_is_enough_to_start_it(tmp_path: Path) -> None:
    for name in admitted(ROOT / "serve/Dockerfile.dockerignore"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    program = (
        "import serve.app, serve.__main__, almanac.discovery as d; print(serve.app.__file__, *d.contracts())"
    )
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": "src"}
    started = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert started.returncode == 0, started.stderr
    assert started.stdout.startswith(str(tmp_path))
    assert "football" in started.stdout


def test_the_workers_image_holds_the_package_its_lock_and_its_notebooks_and_no_tests() -> None:
    files = admitted(ROOT / ".dockerignore")
    tops = {name.partition("/")[0] for name in files}
    assert tops <= {"LICENSE", "README.md", "notebooks", "pyproject.toml", "requirements", "serve", "src"}
    assert {"pyproject.toml", "README.md", "requirements/lab.txt", "src/almanac/settings.py"} <= set(files)


def test_every_port_is_bound_to_this_machine_only() -> None:
    ports = [port for service in compose()["services"].values() for port in service.get("ports", [])]
    assert sorted(ports) == ["127.0.0.1:5000:5000", "127.0.0.1:5432:5432", "127.0.0.1:8000:8000"]


def test_the_server_starts_after_the_migration_and_may_only_read_and_call_what_stores() -> None:
    server = compose()["services"]["server"]
    assert server["depends_on"] == {"migrate": {"condition": "service_completed_successfully"}}
    assert [name for name in server["environment"] if "URL" in name] == [
        "ALMANAC_READER_DATABASE_URL",
        "ALMANAC_INGEST_DATABASE_URL",
        "ALMANAC_ACCESS_DATABASE_URL",
    ]
    assert server["environment"]["ALMANAC_INGEST"] == "${ALMANAC_INGEST:-false}"
    assert server["environment"]["ALMANAC_AUTH"] == "${ALMANAC_AUTH:-on}"
    assert server["environment"]["ALMANAC_SECRET"] == "${ALMANAC_SECRET:?set it in .env}"
    assert (server["read_only"], server["cap_drop"]) == (True, ["ALL"])
    assert "postgresql://almanac_server:" in server["environment"]["ALMANAC_READER_DATABASE_URL"]
    assert "postgresql://almanac_intake:" in server["environment"]["ALMANAC_INGEST_DATABASE_URL"]
    assert re.search(
        r"CREATE ROLE almanac_server LOGIN .* IN ROLE almanac_reader;",
        compose()["configs"]["roles"]["content"],
    )
    assert re.search(
        r"CREATE ROLE almanac_gate LOGIN .* IN ROLE almanac_access;",
        compose()["configs"]["roles"]["content"],
    )
    assert re.search(
        r"CREATE ROLE almanac_intake LOGIN .* IN ROLE almanac_ingest;",
        compose()["configs"]["roles"]["content"],
    )


def test_mlflow_runs_no_jobs_sends_nothing_home_and_has_a_database_of_its_own() -> None:
    mlflow = compose()["services"]["mlflow"]
    assert mlflow["environment"] == {
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "MLFLOW_DISABLE_TELEMETRY": "true",
    }
    assert "--workers=1" in mlflow["command"]
    hosts = [argument for argument in mlflow["command"] if argument.startswith("--allowed-hosts=")]
    assert hosts == ["--allowed-hosts=mlflow:5000,localhost:5000,127.0.0.1:5000"]
    assert any(argument.endswith("@postgres:5432/mlflow") for argument in mlflow["command"])
    assert compose()["services"]["worker"]["environment"]["DATABASE_URL"].endswith("@postgres:5432/almanac")


def test_compose_holds_no_password_and_refuses_to_start_without_one() -> None:
    text = (ROOT / "compose.yaml").read_text()
    ours = [f"ALMANAC_{name}_PASSWORD" for name in ("ACCESS", "INGEST", "READER")]
    passwords = [*ours, "MLFLOW_PASSWORD", "POSTGRES_PASSWORD"]
    assert set(re.findall(r":(?://\w+)?:([^@\s]+)@", text)) <= {f"${{{name}}}" for name in passwords}
    assert sorted(re.findall(r"\$\{(\w+):\?", text)) == sorted([*passwords, "ALMANAC_SECRET"])
