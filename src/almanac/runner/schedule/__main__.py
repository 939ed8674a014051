"""The process behind `almanac schedule [--once]`, which has prepared the database before."""

import os
import socket
import sys
from functools import partial

import psycopg

from almanac import discovery, log_lines, provenance
from almanac.connection_strings import missing_role, reason_of, url_of
from almanac.errors import AlmanacError, DatabaseError, StepFailed, UsageError
from almanac.log_lines import JsonLines, TextLines
from almanac.runner.schedule.arrivals import Arrivals
from almanac.runner.schedule.children import starter
from almanac.runner.schedule.engine import Engine
from almanac.runner.schedule.loop import Loop, connect
from almanac.runner.schedule.reading import rhythms
from almanac.runner.schedule.records import Connection
from almanac.settings import Settings

NO_SCHEDULE = "No workload has a schedule: each is 'off'. Set or unset ALMANAC_SCHEDULE_<WORKLOAD>."
AWAY = "Cannot reach the database: {reason}. Check DATABASE_URL."
FAILED = (
    "Slots of these workloads failed: {names}. `almanac schedule list` says why, and which are tried again."
)


def main(arguments: list[str]) -> None:
    """Work as a scheduler; with `--once` until nothing is due."""
    settings = Settings.read()
    formatter = JsonLines() if log_lines.writes_json(settings.log_format) else TextLines()
    log_lines.configure(settings.log_level, formatter, levels={})
    url = url_of(settings, "owner")
    schedules = rhythms(os.environ)
    if url is None or not schedules:
        raise UsageError(NO_SCHEDULE)
    who = f"{settings.who}@{socket.gethostname()}:{os.getpid()}"
    hash_code = partial(provenance.code_hash, settings.home)
    arrivals = Arrivals(schedules, discovery.contracts())
    engine = Engine(_connection(url), schedules, starter(os.environ), hash_code, who, arrivals)
    loop = Loop(engine, url)
    if "--once" not in arguments:
        loop.run()
        return
    failed = sorted({*loop.run_once()})
    if failed:
        raise StepFailed(FAILED.format(names=", ".join(failed)))


def _connection(url: str) -> Connection:
    """Open the connection; raises DatabaseError."""
    try:
        return connect(url)
    except psycopg.OperationalError as error:
        raise missing_role("owner", error) or DatabaseError(AWAY.format(reason=reason_of(error))) from error


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except AlmanacError as error:
        sys.stderr.write(f"Error: {error}\n")
        sys.exit(error.exit_code)
