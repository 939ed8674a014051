"""Execute one notebook in a kernel of its own, within time limits, and keep what it became."""

import hashlib
import logging
import os
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
import papermill
import psutil
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from papermill.clientwrap import PapermillNotebookClient
from papermill.engines import NBClientEngine, NotebookExecutionManager, papermill_engines
from papermill.exceptions import PapermillExecutionError
from traitlets.config import Config

from almanac.runner.environment import redact
from almanac.runner.job import Job, Limits, OnCell, Outcome

ENGINE = "almanac"
# The kernel of the Python that runs Almanac, whatever a notebook was last saved with.
KERNEL = "python3"


@dataclass
class Gauge:
    """What a kernel has used, read just before it ends."""

    cpu_seconds: float = 0.0
    peak_memory_mb: float = 0.0

    def read(self, pid: int | None) -> None:
        """Read the usage of process `pid`; a process that is gone leaves the gauge as it is."""
        try:
            process = psutil.Process(pid)
            times = process.cpu_times()
            self.cpu_seconds = times.user + times.system + times.children_user + times.children_system
            self.peak_memory_mb = _peak_kb(process.pid) / 1024 or process.memory_info().rss / 2**20
        except (psutil.Error, ValueError, TypeError):
            return


class Client(PapermillNotebookClient):  # type: ignore[misc]  # papermill comes without types
    """A client that tells when a cell begins and what its kernel has used."""

    def __init__(
        self, manager: NotebookExecutionManager, *, gauge: Gauge, on_cell: OnCell, **options: Any
    ) -> None:
        super().__init__(manager, **options)
        self.gauge, self.on_cell = gauge, on_cell

    def execute_cell(self, cell: Any, cell_index: int, *arguments: Any, **options: Any) -> Any:
        """Execute one cell after announcing it."""
        self.on_cell(cell_index + 1, len(self.nb.cells))
        return super().execute_cell(cell, cell_index, *arguments, **options)

    def papermill_execute_cells(self) -> None:
        """Execute all cells, then read the gauge while the kernel still lives."""
        try:
            super().papermill_execute_cells()
        finally:
            self.gauge.read(getattr(self.km.provisioner, "pid", None))


class Engine(NBClientEngine):  # type: ignore[misc]  # papermill comes without types
    """Run a notebook over IPC, with an environment of its own and a limit for each cell."""

    @classmethod
    def execute_managed_notebook(
        cls, nb_man: NotebookExecutionManager, kernel_name: str, **options: Any
    ) -> Any:
        """Execute the notebook that `nb_man` holds."""
        client = Client(
            nb_man,
            gauge=options["gauge"],
            on_cell=options["on_cell"],
            kernel_name=kernel_name,
            timeout_func=options["timeout_func"],
            startup_timeout=60,
            shutdown_kernel="immediate",
            # Sockets beside the connection file, so that the working folder is empty.
            config=Config(
                {
                    "KernelManager": {
                        "transport": "ipc",
                        "ip": str(Path(os.environ["JUPYTER_RUNTIME_DIR"], "k")),
                    }
                }
            ),
            log=logging.getLogger("papermill"),
        )
        return client.execute(env=dict(options["environment"]))


def execute(job: Job) -> Outcome:
    """Execute a notebook and keep it at `job.output`, whole, also when it fails or is stopped."""
    started, gauge = time.monotonic(), Gauge()
    papermill_engines.register(ENGINE, Engine)
    with tempfile.TemporaryDirectory(prefix="alm") as folder:
        draft = Path(folder, job.output.name)
        reason, stopped = _attempt(job, draft, gauge)
        digest = _keep(job, draft)
        notebook = nbformat.read(draft if draft.exists() else job.path, as_version=4)
    reason = reason or _early_end(notebook)
    cells = sum(cell.metadata.get("papermill", {}).get("duration") or 0.0 for cell in notebook.cells)
    return Outcome(
        reason=redact(reason, job.secrets) if reason else None,
        notebook_hash=digest,
        seconds=time.monotonic() - started,
        cell_seconds=cells,
        cpu_seconds=gauge.cpu_seconds,
        peak_memory_mb=gauge.peak_memory_mb,
        stopped=stopped,
    )


def _attempt(job: Job, draft: Path, gauge: Gauge) -> tuple[str | None, bool]:
    """Run the notebook into `draft`; return why it did not end well, and whether somebody stopped it."""
    try:
        _run(job, draft, gauge)
    except KeyboardInterrupt as error:
        return str(error) or "stopped by an interrupt", True
    except (
        PapermillExecutionError,
        CellTimeoutError,
        DeadKernelError,
        TimeoutError,
        RuntimeError,
        OSError,
    ) as error:
        return _reason(error, job.limits), False
    return None, False


def _run(job: Job, draft: Path, gauge: Gauge) -> None:
    """Run papermill in an empty working folder with a short runtime folder, since socket paths may not be long."""
    with (
        tempfile.TemporaryDirectory(prefix="alm") as runtime,
        tempfile.TemporaryDirectory(prefix="alm") as work,
    ):
        before = os.environ.get("JUPYTER_RUNTIME_DIR")
        os.environ["JUPYTER_RUNTIME_DIR"] = runtime
        try:
            papermill.execute_notebook(
                str(job.path),
                str(draft),
                parameters=dict(job.parameters),
                engine_name=ENGINE,
                kernel_name=KERNEL,
                progress_bar=False,
                autosave_cell_every=0,
                cwd=work,
                gauge=gauge,
                on_cell=job.on_cell,
                timeout_func=lambda _cell: _seconds_left(job.limits),
                environment=job.environment,
            )
        finally:
            os.environ.pop("JUPYTER_RUNTIME_DIR") if before is None else os.environ.update(
                JUPYTER_RUNTIME_DIR=before
            )


def _seconds_left(limits: Limits) -> float:
    return max(0.1, min(limits.cell_seconds, limits.deadline - time.monotonic()))


def _reason(error: BaseException, limits: Limits) -> str:
    if isinstance(error, PapermillExecutionError):
        return f"cell {error.exec_count} raised {error.ename}: {error.evalue}"[:500]
    if isinstance(error, CellTimeoutError | TimeoutError):
        over = time.monotonic() >= limits.deadline
        return "the run passed its deadline" if over else f"a cell ran longer than {limits.cell_seconds:g} s"
    if isinstance(error, DeadKernelError):
        return "the kernel died (killed, or out of memory)"
    return f"the notebook could not be executed: {type(error).__name__}: {error}"[:500]


def _early_end(notebook: nbformat.NotebookNode) -> str | None:
    """Return why a notebook that raised nothing still did not end well: a cell that left, or cells that never ran."""
    for number, cell in enumerate((cell for cell in notebook.cells if cell.cell_type == "code"), start=1):
        if any(output.output_type == "error" and output.ename == "SystemExit" for output in cell.outputs):
            return f"code cell {number} called sys.exit()"
        if cell.source.strip() and cell.execution_count is None:
            return f"code cell {number} was never executed"
    return None


def _keep(job: Job, draft: Path) -> str:
    """Write the executed notebook beside its place, flush it to disk, rename it; return its SHA-256."""
    content = redact(
        (draft if draft.exists() else job.path).read_text(encoding="utf-8"), job.secrets
    ).encode()
    job.output.parent.mkdir(parents=True, exist_ok=True)
    beside = job.output.with_suffix(".part")
    with beside.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(job.output)
    return hashlib.sha256(content).hexdigest()


def _peak_kb(pid: int) -> float:
    status = Path(f"/proc/{pid}/status")
    if not status.exists():
        return 0.0
    lines = dict(line.split(":", 1) for line in status.read_text().splitlines() if ":" in line)
    return float(lines.get("VmHWM", "0 kB").split()[0])
