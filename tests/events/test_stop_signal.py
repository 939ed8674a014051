"""Workers and simulators stop when they are asked to, whatever the signal interrupts."""

import subprocess
import sys
import time

from almanac.workloads.events.queue.stop_signal import StopSignal

# Signals that come at any moment of thousands of short waits, as a worker has them.
HAMMER = """
import random, signal
from almanac.workloads.events.queue.stop_signal import StopSignal
luck = random.Random(1)
for number in range(3_000):
    stop = StopSignal()
    signal.signal(signal.SIGALRM, lambda *_: stop.set())
    signal.setitimer(signal.ITIMER_REAL, luck.uniform(1e-5, 4e-4))
    while not stop.is_set():
        stop.wait(1e-6)
print("stopped", number + 1)
"""


def test_a_signal_ends_a_wait_at_whatever_moment_it_comes() -> None:
    process = subprocess.run(
        [sys.executable, "-c", HAMMER], capture_output=True, text=True, timeout=60, check=True
    )
    assert process.stdout == "stopped 3000\n"


def test_a_stop_ends_a_wait_and_prevents_others() -> None:
    stop = StopSignal()
    assert (stop.wait(0.01), stop.is_set()) == (False, False)
    stop.set()
    begun = time.monotonic()
    assert all(stop.wait(60.0) for _ in range(3))
    assert stop.is_set()
    assert time.monotonic() - begun < 30
