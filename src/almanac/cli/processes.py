"""The processes of `almanac run --all`: two at a time; the signal that ends this program ends them too."""

import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from types import FrameType

from almanac.cli.displays import Display
from almanac.runner.attempt import RunRequest

AT_ONCE = 2


class Processes:
    """The runs under way, each a process `almanac run WORKLOAD --quiet` with one request."""

    def __init__(self, request: RunRequest, environment: Mapping[str, str], display: Display) -> None:
        self._request = request
        self._environment = {**environment, **display.environment}
        self._display = display
        self._running: list[subprocess.Popen[str]] = []
        self._stopped = Event()

    def run_all(self, names: Sequence[str]) -> dict[str, int]:
        """Run these workloads, starting in their order, and return the exit code of each."""
        before = signal.signal(signal.SIGTERM, self._stop)
        try:
            with ThreadPoolExecutor(AT_ONCE) as pool:
                codes = list(pool.map(self.run, names))
        finally:
            signal.signal(signal.SIGTERM, before)
        return dict(zip(names, codes, strict=True))

    def run(self, name: str) -> int:
        """Run one workload and return its exit code."""
        if self._stopped.is_set():
            return signal.SIGTERM
        self._display.start(name)
        with self._start(name) as process:
            self._running.append(process)
            if self._stopped.is_set():
                process.terminate()
            # Without a pipe the lines of the process go to standard error by themselves.
            for line in process.stderr or ():
                self._display.read(name, line.rstrip("\n"))
        self._display.end(name, process.returncode)
        return process.returncode

    def _start(self, name: str) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [sys.executable, "-m", "almanac.cli", *words(name, self._request)],
            env=self._environment,
            stderr=subprocess.PIPE if self._display.reads_log else None,
            encoding="utf-8",
            errors="replace",
        )

    def _stop(self, _number: int, _frame: FrameType | None) -> None:
        """Ask every run to end, which records why, and let no other start."""
        self._stopped.set()
        for process in self._running:
            process.terminate()


def words(name: str, request: RunRequest) -> list[str]:
    """Return the words after `almanac` that run one workload with this request."""
    slot = request.slot.isoformat() if request.slot else ""
    options = {
        "--slot": "now" if request.forced else slot,
        "--data-as-of": str(request.data_as_of or ""),
        "--sample": request.sample,
        "--only": request.only,
        "--from": request.start,
    }
    release = {None: [], True: ["--release"], False: ["--no-release"]}[request.release]
    pairs = [(option, value) for option, value in options.items() if value]
    pairs += [("-p", f"{parameter}={value}") for parameter, value in request.parameters.items()]
    return ["run", name, "--quiet", *release, *(word for pair in pairs for word in pair)]
