"""The kernel of a notebook: a client that announces cells and meters the process, an engine with limits."""

import logging
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import zmq
from jupyter_client.kernelspec import KernelSpec
from papermill.clientwrap import PapermillNotebookClient
from papermill.engines import NBClientEngine, NotebookExecutionManager
from traitlets.config import Config

from almanac.runner.notebooks.job import OnCell

STARTUP_SECONDS = 60
# For the outputs of a cell that has ended, which are read more slowly than they are written.
OUTPUT_SECONDS = 600
# The same Python as this program's, with its packages.
ARGV = [sys.executable, "-m", "almanac.runner.notebooks.kernel_program", "-f", "{connection_file}"]
# Messages that may wait to be read, as in the kernel.
MOST_WAITING = 1_000_000


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
    """A client that announces each cell and reads what its kernel has used."""

    def __init__(
        self, manager: NotebookExecutionManager, *, gauge: Gauge, on_cell: OnCell, **options: Any
    ) -> None:
        super().__init__(manager, **options)
        self.gauge, self.on_cell = gauge, on_cell

    def create_kernel_manager(self) -> Any:
        """Return a manager that starts the running Python, whatever kernels are installed elsewhere."""
        manager = super().create_kernel_manager()
        manager._kernel_spec = KernelSpec(argv=ARGV, display_name="Python 3", language="python")
        # Outputs that this program has not read yet are not thrown away.
        manager.context.setsockopt(zmq.RCVHWM, MOST_WAITING)
        return manager

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
        """Execute the notebook of `nb_man`."""
        client = Client(
            nb_man,
            gauge=options["gauge"],
            on_cell=options["on_cell"],
            kernel_name=kernel_name,
            timeout_func=options["timeout_func"],
            startup_timeout=STARTUP_SECONDS,
            iopub_timeout=OUTPUT_SECONDS,
            shutdown_kernel="immediate",
            config=_ipc(),
            log=logging.getLogger("papermill"),
        )
        return client.execute(env=dict(options["environment"]), stderr=options["stderr"])


def _ipc() -> Config:
    """Return the place of sockets beside the connection file, which keeps the working folder empty."""
    sockets = str(Path(os.environ["JUPYTER_RUNTIME_DIR"], "k"))
    return Config({"KernelManager": {"transport": "ipc", "ip": sockets}})


def _peak_kb(pid: int) -> float:
    """Return the largest memory of a process so far; 0 where the system does not tell."""
    status = Path(f"/proc/{pid}/status")
    if not status.exists():
        return 0.0
    lines = dict(line.split(":", 1) for line in status.read_text().splitlines() if ":" in line)
    return float(lines.get("VmHWM", "0 kB").split()[0])
