"""The log of a run: standard error keeps to LOG_LEVEL, the file has every line from INFO on."""

import json
import os
import subprocess
import sys
from datetime import datetime, timedelta
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow
PROGRAM = """
import logging, pathlib, sys
from almanac.log_lines import fields
from almanac.runner import run_log
from almanac.settings import Settings

settings = Settings.read()
run_log.configure(settings)
with run_log.to_file(pathlib.Path(sys.argv[1]), settings):
    logging.getLogger("almanac").info("run ended", extra=fields(run="r1", url="postgresql://me:hunter22@db"))
    logging.getLogger("httpx").info("GET a URL that may carry a key")
"""


def logged(file: Path, **variables: str) -> str:
    """Run the program and return what it wrote to standard error."""
    environment = {**os.environ, "DATABASE_URL": "postgresql://me:hunter22@db", **variables}
    process = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(file)],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return process.stderr


def test_the_level_of_the_settings_holds_for_standard_error_and_not_for_the_file(tmp_path: Path) -> None:
    files = [tmp_path / "info.log", tmp_path / "error.log"]
    assert json.loads(logged(files[0], LOG_LEVEL="INFO"))["event"] == "run ended"
    assert logged(files[1], LOG_LEVEL="ERROR") == ""
    assert [json.loads(file.read_text())["event"] for file in files] == ["run ended", "run ended"]


def test_a_line_is_json_with_its_fields_and_without_a_secret(tmp_path: Path) -> None:
    line = json.loads(logged(tmp_path / "run.log"))
    instant = datetime.fromisoformat(line.pop("timestamp"))
    assert instant.utcoffset() == timedelta(0)
    assert line == {"event": "run ended", "level": "info", "run": "r1", "url": "postgresql://me:***@db"}


FAILING = """
import logging, os, pathlib, sys
from almanac.runner import run_log
from almanac.settings import Settings

settings = Settings.read()
run_log.configure(settings)

def connect(url, headers):
    password = os.environ["ODDS_API_KEY"]
    raise ValueError(f"refused: {password}") from KeyError(url)

try:
    connect(os.environ["DATABASE_URL"], {"key": os.environ["ODDS_API_KEY"]})
except ValueError:
    with run_log.to_file(pathlib.Path(sys.argv[1]), settings):
        logging.getLogger("almanac").exception("it failed")
"""
KEYS = (
    "0123456789abcdef",
    "a b\tc'd\"e<f>&g",
    "-----BEGIN KEY-----\nMIIE\nabc+/=\n-----END KEY-----",
    "x" * 300,
)


@pytest.mark.parametrize("key", KEYS, ids=["plain", "with quotes", "of several lines", "long"])
@pytest.mark.parametrize("terminal", [True, False])
def test_a_traceback_shows_neither_variables_nor_secrets(key: str, terminal: bool, tmp_path: Path) -> None:
    program = FAILING.replace(
        "import logging", "import sys; sys.stderr.isatty = lambda: True\nimport logging"
    )
    variables = {"DATABASE_URL": "postgresql://me:hunter22@db", "ODDS_API_KEY": key}
    command = [sys.executable, "-c", program if terminal else FAILING, str(tmp_path / "run.log")]
    ran = subprocess.run(command, env=os.environ | variables, capture_output=True, text=True, check=True)
    for text in (ran.stderr, (tmp_path / "run.log").read_text()):
        assert "it failed" in text
        assert "ValueError: refused: ***" in text
        assert "hunter22" not in text
        assert not any(part in text for part in (key, json.dumps(key)[1:-1], key[:40], "headers ="))
    assert ran.stderr.startswith("{") != terminal
