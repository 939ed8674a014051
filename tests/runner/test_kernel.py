"""The kernel of a notebook: no output is lost, the running Python runs, and why it died is said."""

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from almanac.runner.environment import FIXED
from almanac.runner.notebooks.execution import execute
from almanac.runner.notebooks.job import Job, Limits, NotebookResult
from almanac.scaffold import as_notebook

pytestmark = pytest.mark.slow
COUNT = 6000


def executed(tmp_path: Path, code: str, **variables: str) -> tuple[NotebookResult, list[dict[str, Any]]]:
    """Run one cell and return how it ended, with its outputs in the kept notebook."""
    source, output = tmp_path / "a.ipynb", tmp_path / "kept" / "a.ipynb"
    source.write_text(as_notebook(f"# %% parameters\nA = 1\n# %%\n{code}"))
    environment = {**os.environ, **FIXED, **variables}
    # ipykernel does not read the output of child processes while pytest runs.
    environment.pop("PYTEST_CURRENT_TEST", None)
    result = execute(Job(source, output, {}, environment, Limits(120, time.monotonic() + 120)))
    cells = json.loads(output.read_text())["cells"]
    return result, [output for cell in cells for output in cell.get("outputs", ())]


def stream(outputs: list[dict[str, Any]], name: str) -> list[str]:
    return "".join("".join(o["text"]) for o in outputs if o.get("name") == name).splitlines()


PRINTS = {
    "flushed prints": f"for i in range({COUNT}):\n    print(i, flush=True)\n",
    "prints and flushes": f"import sys\nfor i in range({COUNT}):\n    print(i)\n    sys.stdout.flush()\n",
    "one text": f"print(*range({COUNT}), sep='\\n', flush=True)\n",
    "logged": (
        "import logging, sys\nlog = logging.getLogger('a')\n"
        "log.addHandler(logging.StreamHandler(sys.stdout))\n"
        f"for i in range({COUNT}):\n    log.warning(i)\n"
    ),
    "a child process": f"import subprocess\nsubprocess.run(['seq', '0', '{COUNT - 1}'])\n",
}


@pytest.mark.parametrize("what", PRINTS)
def test_no_line_is_lost_or_out_of_order(what: str, tmp_path: Path) -> None:
    result, outputs = executed(tmp_path, PRINTS[what])
    assert result.reason is None
    assert stream(outputs, "stdout") == [str(number) for number in range(COUNT)]


def test_both_streams_and_displays_are_kept_in_full(tmp_path: Path) -> None:
    code = (
        "import sys\nfrom IPython.display import display\nfor i in range(1500):\n"
        "    print(i, flush=True)\n    print(-i, file=sys.stderr, flush=True)\n    display(i)\n"
    )
    result, outputs = executed(tmp_path, code)
    assert result.reason is None
    assert stream(outputs, "stdout") == [str(number) for number in range(1500)]
    assert stream(outputs, "stderr") == [str(-number) for number in range(1500)]
    displayed = [
        output["data"]["text/plain"] for output in outputs if output["output_type"] == "display_data"
    ]
    assert ["".join(text) for text in displayed] == [str(number) for number in range(1500)]


def test_a_lonely_flush_is_sent_at_once_also_when_the_kernel_dies_after_it(tmp_path: Path) -> None:
    code = "import os, time\nprint('last words', flush=True)\ntime.sleep(0.3)\nos._exit(3)\n"
    result, outputs = executed(tmp_path, code)
    assert (result.reason or "").startswith("the kernel died")
    assert stream(outputs, "stdout") == ["last words"]


WRITES_TO_STDERR = {
    "a C library": "import os\nfor i in range(2000):\n    os.write(2, b'%d\\n' % i)\n",
    "a child process": "import subprocess\nsubprocess.run('seq 0 1999 >&2', shell=True)\n",
    "a forked process": (
        "import os, sys\nif not os.fork():\n"
        "    for i in range(2000):\n        os.write(2, b'%d\\n' % i)\n"
        "    sys.stderr.flush()\n    os._exit(0)\nos.wait()\n"
    ),
}


@pytest.mark.parametrize("who", WRITES_TO_STDERR)
def test_what_others_write_to_stderr_is_kept_once(who: str, tmp_path: Path) -> None:
    result, outputs = executed(tmp_path, WRITES_TO_STDERR[who])
    assert result.reason is None
    assert stream(outputs, "stderr") == [str(number) for number in range(2000)]


DEATHS = {
    "a library that ends the process": (
        "import os\nos.write(2, b'terminate called: bad alloc\\n')\nos.abort()\n",
        "terminate called: bad alloc",
    ),
    "the last line, if none tells more": (
        "import os\nos.write(2, b'one\\ntwo\\n')\nos.kill(os.getpid(), 9)\n",
        "two",
    ),
    "an error before other lines": (
        "import os\nos.write(2, b'MemoryError: no room\\nbye\\n')\nos._exit(1)\n",
        "MemoryError: no room",
    ),
}


@pytest.mark.parametrize("what", DEATHS)
def test_what_the_kernel_said_last_is_part_of_the_reason(what: str, tmp_path: Path) -> None:
    code, words = DEATHS[what]
    result, _ = executed(tmp_path, code)
    assert result.reason == f"the kernel died (killed, or out of memory); it said: {words}"


def test_a_kernel_that_does_not_start_says_why(tmp_path: Path) -> None:
    (tmp_path / "ipykernel.py").write_text("raise ImportError('the wrong package')\n")
    result, _ = executed(tmp_path, "print(1)\n", PYTHONPATH=str(tmp_path))
    assert "Kernel died before replying to kernel_info; it said: ImportError: the wrong package" in str(
        result.reason
    )


def test_a_foreign_kernel_of_the_same_name_does_not_win(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("python3", "Python3"):
        folder = tmp_path / "kernels" / name
        folder.mkdir(parents=True)
        spec = {"argv": ["/bin/false"], "display_name": "other", "language": "python"}
        (folder / "kernel.json").write_text(json.dumps(spec))
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path))
    result, outputs = executed(tmp_path, "import sys\nprint(sys.executable)\n")
    assert (result.reason, stream(outputs, "stdout")) == (None, [sys.executable])


def test_a_module_beside_the_notebook_hides_nothing_and_the_folder_is_empty(tmp_path: Path) -> None:
    code = "import os, sys\nprint(os.listdir(), '' in sys.path)\n"
    result, outputs = executed(tmp_path, code)
    assert (result.reason, stream(outputs, "stdout")) == (None, ["[] True"])
