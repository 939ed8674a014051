"""Execute one notebook in a kernel of its own, within time limits, and save the executed notebook."""

import hashlib
import os
import re
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import nbformat
import papermill
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from papermill.engines import papermill_engines
from papermill.exceptions import PapermillExecutionError
from papermill.translators import PythonTranslator, papermill_translators

from almanac.runner.environment import redact
from almanac.runner.notebooks.job import Job, Limits, NotebookResult
from almanac.runner.notebooks.kernel import Engine, Gauge
from almanac.writing import naming, write_whole

ENGINE = "almanac"
# The kernel of the Python that runs Almanac, whatever a notebook was last saved with.
KERNEL, LANGUAGE = "python3", "python"
MOST_CHARACTERS = 500
# Lines of a kernel's standard error that say why it died.
TELLING = re.compile(r"Error\b|\berror:|Fatal|No module|not found|cannot|denied|Killed|terminate called")
FAILURES = (
    PapermillExecutionError,
    CellTimeoutError,
    DeadKernelError,
    TimeoutError,
    RuntimeError,
    OSError,
)


class Literals(PythonTranslator):  # type: ignore[misc]  # papermill comes without types
    """Write parameters as the literals that they are; papermill makes texts of tuples."""

    @classmethod
    def translate(cls, val: Any) -> str:
        """Return the spelling of a value."""
        return repr(val)


def execute(job: Job) -> NotebookResult:
    """Execute a notebook and save it at `job.output`, whole, also when it fails or is stopped."""
    started, gauge = time.monotonic(), Gauge()
    papermill_engines.register(ENGINE, Engine)
    papermill_translators.register(LANGUAGE, Literals)
    with _folder() as folder:
        draft = Path(folder, job.output.name)
        reason, stopped = _run(job, draft, gauge)
        source = draft if draft.exists() else job.path
        digest = _save(job, source)
        notebook = nbformat.read(source, as_version=4)
    reason = reason or _early_end(notebook)
    return NotebookResult(
        reason=redact(reason, job.secrets) if reason else None,
        notebook_hash=digest,
        seconds=time.monotonic() - started,
        cell_seconds=_cell_seconds(notebook),
        cpu_seconds=gauge.cpu_seconds,
        peak_memory_mb=gauge.peak_memory_mb,
        stopped=stopped,
    )


def _run(job: Job, draft: Path, gauge: Gauge) -> tuple[str | None, bool]:
    """Run the notebook into `draft`; return why it did not end well, and whether a signal stopped it."""
    with tempfile.TemporaryFile() as stderr:
        try:
            with _folder() as runtime, _folder() as work, _jupyter_runtime(runtime), naming(draft):
                _run_papermill(job, draft, Kernel(gauge, work, stderr))
        except KeyboardInterrupt as error:
            return str(error) or "stopped by an interrupt", True
        except FAILURES as error:
            return _reason(error, job.limits) + _last_words(error, stderr), False
        return None, False


@dataclass(frozen=True)
class Kernel:
    """What a kernel is run with: the gauge of its use, its working folder, and the file of its complaints."""

    gauge: Gauge
    folder: str
    stderr: BinaryIO


def _run_papermill(job: Job, draft: Path, kernel: Kernel) -> None:
    papermill.execute_notebook(
        str(job.path),
        str(draft),
        parameters=dict(job.parameters),
        engine_name=ENGINE,
        kernel_name=KERNEL,
        language=LANGUAGE,
        progress_bar=False,
        autosave_cell_every=0,
        cwd=kernel.folder,
        gauge=kernel.gauge,
        stderr=kernel.stderr,
        on_cell=job.on_cell,
        timeout_func=lambda _cell: _seconds_left(job.limits),
        environment=job.environment,
    )


def _folder() -> "tempfile.TemporaryDirectory[str]":
    """Return a temporary folder with a short path, since the paths of sockets may not be long."""
    return tempfile.TemporaryDirectory(prefix="alm")


@contextmanager
def _jupyter_runtime(folder: str) -> Iterator[None]:
    """Let Jupyter put its connection files into `folder` during this block."""
    before = os.environ.get("JUPYTER_RUNTIME_DIR")
    os.environ["JUPYTER_RUNTIME_DIR"] = folder
    try:
        yield
    finally:
        del os.environ["JUPYTER_RUNTIME_DIR"]
        if before is not None:
            os.environ["JUPYTER_RUNTIME_DIR"] = before


def _seconds_left(limits: Limits) -> float:
    return max(0.1, min(limits.cell_seconds, limits.deadline - time.monotonic()))


def _reason(error: BaseException, limits: Limits) -> str:
    if isinstance(error, PapermillExecutionError):
        return f"cell {error.exec_count} raised {error.ename}: {error.evalue}"[:MOST_CHARACTERS]
    if isinstance(error, CellTimeoutError | TimeoutError):
        is_late = time.monotonic() >= limits.deadline
        cell = f"a cell ran longer than {limits.cell_seconds:g} s"
        return "the run passed its deadline" if is_late else cell
    if isinstance(error, DeadKernelError):
        return "the kernel died (killed, or out of memory)"
    return f"the notebook could not be executed: {type(error).__name__}: {error}"[:MOST_CHARACTERS]


def _last_words(error: BaseException, stderr: BinaryIO) -> str:
    """Return what the process of a kernel said before it died or did not start, as the end of a reason."""
    if not isinstance(error, DeadKernelError | RuntimeError | OSError):
        return ""
    stderr.seek(0)
    text = stderr.read().decode(errors="replace")
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    telling = [line for line in lines if TELLING.search(line)]
    words = [*lines[-1:], *telling[-1:]][-1:]
    return f"; it said: {words[0][:MOST_CHARACTERS]}" if words else ""


def _early_end(notebook: nbformat.NotebookNode) -> str | None:
    """Return why a notebook that raised nothing failed: a cell called sys.exit(), or some never ran."""
    code = (cell for cell in notebook.cells if cell.cell_type == "code")
    for number, cell in enumerate(code, start=1):
        if any(_is_exit(output) for output in cell.outputs):
            return f"code cell {number} called sys.exit()"
        if cell.source.strip() and cell.execution_count is None:
            return f"code cell {number} was never executed"
    return None


def _is_exit(output: nbformat.NotebookNode) -> bool:
    return bool(output.output_type == "error" and output.ename == "SystemExit")


def _cell_seconds(notebook: nbformat.NotebookNode) -> float:
    """Return the seconds of all cells together."""
    metadata = [cell.metadata.get("papermill", {}) for cell in notebook.cells]
    return float(sum(cell.get("duration") or 0.0 for cell in metadata))


def _save(job: Job, source: Path) -> str:
    """Save the executed notebook whole, without secrets, and return its SHA-256."""
    content = redact(source.read_text(encoding="utf-8"), job.secrets).encode()
    write_whole(job.output, content)
    return hashlib.sha256(content).hexdigest()
