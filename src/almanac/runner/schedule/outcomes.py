"""What becomes of a slot when its run has ended: done, tried again, or failed."""

from collections.abc import Callable
from datetime import datetime, timedelta

from almanac.runner.schedule import records
from almanac.runner.schedule.children import INTERRUPTED
from almanac.runner.schedule.records import Connection, Slot

# The database, a source or the model registry was away.
TRANSIENT = (3, 4, 8)
BUSY = 6
BUSY_SECONDS = 5
MOST_ATTEMPTS = 5
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 30, 15 * 60
# Returns a hash of the code and notebooks of a workload.
Fingerprint = Callable[[str], str]


def record(connection: Connection, slot: Slot, code: int, now: datetime, fingerprint: Fingerprint) -> str:
    """Write how the run of a slot has ended, by its exit code, and return the new state of the slot.

    A negative code is the signal that has ended the process.
    """
    run_id = records.succeeded_run(connection, slot.key)
    if run_id:
        records.change(connection, slot, state="succeeded", run_id=run_id, reason=None, not_before=None)
        return "succeeded"
    if code in (BUSY, INTERRUPTED):
        reason = "another run of the workload was under way" if code == BUSY else "its run was stopped"
        later = now + timedelta(seconds=BUSY_SECONDS)
        records.change(connection, slot, state="waiting", reason=reason, not_before=later)
        return "waiting"
    attempts = slot.attempts + 1
    reason = records.failure(connection, slot) or f"exit code {code}"
    values = {"attempts": attempts, "reason": reason, "code_hash": fingerprint(slot.workload)}
    if is_transient(code) and attempts < MOST_ATTEMPTS:
        later = now + pause(attempts)
        records.change(connection, slot, state="retrying", not_before=later, **values)
        return "retrying"
    records.change(connection, slot, state="failed", not_before=None, **values)
    return "failed"


def retry_changed(connection: Connection, now: datetime, fingerprint: Fingerprint) -> int:
    """Let failed slots run again whose code or notebooks were changed since; return how many.

    Only the newest slot of a schedule is looked at.
    """
    failed = [slot for slot in records.newest_past(connection, now) if slot.state == "failed"]
    changed = [slot for slot in failed if slot.code_hash not in (None, fingerprint(slot.workload))]
    for slot in changed:
        records.change(connection, slot, state="retrying", attempts=0, not_before=now)
    return len(changed)


def is_transient(code: int) -> bool:
    """Tell whether the same run may end well a little later: a service was away, or a signal killed it."""
    return code in TRANSIENT or code < 0


def pause(attempts: int) -> timedelta:
    """Return how long to wait after so many attempts.

    >>> [pause(attempts).seconds for attempts in (1, 2, 3, 4, 9)]
    [30, 60, 120, 240, 900]
    """
    return timedelta(seconds=min(FIRST_PAUSE_SECONDS * 2 ** (attempts - 1), LONGEST_PAUSE_SECONDS))
