"""The log of a run: what is shown keeps to LOG_LEVEL, what is kept beside the notebooks has every line from INFO on."""

import json
import subprocess
import sys
from pathlib import Path

PROGRAM = """
import pathlib, sys, structlog
from almanac.runner import logs
logs.configure(sys.argv[1])
with logs.to_file(pathlib.Path(sys.argv[2])):
    structlog.get_logger("almanac").info("run ended")
"""


def shown(level: str, file: Path) -> str:
    return subprocess.run(
        [sys.executable, "-c", PROGRAM, level, str(file)], capture_output=True, text=True, check=True
    ).stderr


def test_the_level_of_the_settings_holds_for_what_is_shown_and_not_for_what_is_kept(tmp_path: Path) -> None:
    files = [tmp_path / "info.log", tmp_path / "error.log"]
    assert json.loads(shown("INFO", files[0]))["event"] == "run ended"
    assert shown("ERROR", files[1]) == ""
    assert [json.loads(file.read_text())["event"] for file in files] == ["run ended", "run ended"]
