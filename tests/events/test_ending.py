"""Workers and simulators end when they are asked to, whatever the signal interrupts."""

import subprocess
import sys
import time

from almanac.workloads.events.queue.stop_signal import Ending

# Signals that come at any moment of thousands of short waits, as a worker makes them.
HAMMER = """
import random, signal
from almanac.workloads.events.queue.stop_signal import Ending
luck = random.Random(1)
for number in range(3_000):
    ending = Ending()
    signal.signal(signal.SIGALRM, lambda *_: ending.ask())
    signal.setitimer(signal.ITIMER_REAL, luck.uniform(1e-5, 4e-4))
    while not ending.is_asked():
        ending.wait(1e-6)
print("ended", number + 1)
"""


def test_a_signal_ends_a_wait_at_whatever_moment_it_comes() -> None:
    ended = subprocess.run(
        [sys.executable, "-c", HAMMER], capture_output=True, text=True, timeout=60, check=True
    )
    assert ended.stdout == "ended 3000\n"


def test_who_waits_is_woken_and_waits_no_more() -> None:
    ending = Ending()
    assert (ending.wait(0.01), ending.is_asked()) == (False, False)
    ending.ask()
    begun = time.monotonic()
    assert all(ending.wait(60.0) for _ in range(3))
    assert ending.is_asked()
    assert time.monotonic() - begun < 30
