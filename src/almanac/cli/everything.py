"""Run every workload, two at a time, each in a process of its own."""

import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from threading import Event
from types import FrameType

from almanac import discovery
from almanac.cli import show, summary
from almanac.errors import StepFailed
from almanac.project import Project
from almanac.runner.attempt import RunRequest

AT_ONCE = 2


def run_all(project: Project, request: RunRequest, *, quiet: bool = False) -> None:
    """Run all workloads and, unless `quiet`, show what each published; raises StepFailed naming those that failed."""
    started, names = time.monotonic(), discovery.names()
    # Open first, so that the processes join one embedded server that is already migrated.
    project.database.engine.dispose()
    processes = Processes(request)
    before = signal.signal(signal.SIGTERM, processes.stop)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        codes = list(pool.map(processes.run, names))
    signal.signal(signal.SIGTERM, before)
    failed = [name for name, code in zip(names, codes, strict=True) if code]
    if not quiet:
        for name in names:
            if name not in failed:
                summary.print_live(project, name)
        summary.print_next(project, seconds=time.monotonic() - started)
    if failed:
        raise StepFailed(f"These workloads failed: {', '.join(failed)}. `almanac runs` says why.")


def words(name: str, request: RunRequest) -> list[str]:
    """Return the words after `almanac` that run one workload as all are asked to."""
    options = {
        "--slot": "now" if request.forced else request.slot.isoformat() if request.slot else "",
        "--data-as-of": str(request.data_as_of or ""),
        "--sample": request.sample,
        "--only": request.only,
        "--from": request.start,
    }
    given = [word for option, value in options.items() if value for word in (option, value)]
    return [
        "run",
        name,
        "--quiet",
        *given,
        *(word for pair in request.parameters.items() for word in ("-p", "=".join(pair))),
    ]


@dataclass
class Processes:
    """The runs under way: the signal that ends this program ends them too, and lets no other begin."""

    request: RunRequest
    started: list[subprocess.Popen[bytes]] = field(default_factory=list)
    stopped: Event = field(default_factory=Event)

    def run(self, name: str) -> int:
        """Run one workload and return its exit code."""
        if self.stopped.is_set():
            return signal.SIGTERM
        show.line(f"{name}: started")
        process = subprocess.Popen([sys.executable, "-m", "almanac.cli", *words(name, self.request)])
        self.started.append(process)
        if self.stopped.is_set():
            process.terminate()
        code = process.wait()
        show.line(f"{name}: {'failed' if code else 'done'}")
        return code

    def stop(self, _number: int, _frame: FrameType | None) -> None:
        """Ask every run to end, which records why."""
        self.stopped.set()
        for process in self.started:
            process.terminate()
