"""The commands of events: work on the queue, send simulated traffic, list buried events and put them back."""

import os
import signal
import socket
from collections.abc import Callable
from functools import partial
from typing import Annotated

import typer

from almanac.cli import show
from almanac.errors import NotFound, UsageError
from almanac.project import Project
from almanac.runner import run_log
from almanac.settings import Settings
from almanac.store.connections.database import Database, open_database
from almanac.workloads.events.policy import command_line
from almanac.workloads.events.policy.costs import Prices
from almanac.workloads.events.policy.goal import Goal
from almanac.workloads.events.policy.queue_view import Connection
from almanac.workloads.events.policy.sizing import FixedSizing, Sizing
from almanac.workloads.events.queue import statements
from almanac.workloads.events.queue.batches import WorkerProfile
from almanac.workloads.events.queue.simulator import Pace, Simulator
from almanac.workloads.events.queue.stop_signal import OutOfTime
from almanac.workloads.events.queue.tally import Tally
from almanac.workloads.events.queue.work import Work, simulated
from almanac.workloads.events.queue.worker import Connect, Worker, WorkerOptions
from almanac.workloads.events.replays import load
from almanac.workloads.events.sources import traces

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
POLICY_HELP = "published, fixed:N, or polling:N:SECONDS."
OBJECTIVE_HELP = "Most age of an event when it is done; default ALMANAC_EVENTS_OBJECTIVE."
PROCESSING_HELP = "none, or light or heavy: let each batch take as long as in the replays."
TRACE_HELP = "azure-conv, nasa, kafka, poisson, or a CSV file with the columns seconds, kb and kind."
LISTEN_HELP = "Send what POST /v1/events/simulator asks for, until interrupted."
MOST_OBJECTIVE_SECONDS = 86_400
DAY_SECONDS = 86_400
# Supervisors kill a process ten seconds after they asked it to stop.
STOP_SECONDS = 8.0
DEAD_COLUMNS = ("event_id", "event_type", "attempts", "died_at", "error")
DEAD = """
SELECT event_id, event_type, attempts, died_at, error FROM api.events_dead ORDER BY died_at DESC LIMIT %s
"""


def add_to(app: typer.Typer, imports: typer.Typer) -> None:
    """Add `almanac work events`, `almanac simulate events` and `almanac events dead`."""
    del imports
    _add_group(app, "work", "Work on a queue.", "events", work_events)
    _add_group(app, "simulate", "Send simulated traffic.", "events", simulate_events)
    _add_group(app, "events", "Look after the queue of events.", "dead", dead_events)


def work_events(
    policy: Annotated[str, typer.Option(help=POLICY_HELP)] = "published",
    objective_seconds: Annotated[float | None, typer.Option(help=OBJECTIVE_HELP)] = None,
    drain: Annotated[bool, typer.Option("--drain", help="End when nothing waits.")] = False,
    processing: Annotated[str, typer.Option(help=PROCESSING_HELP)] = "none",
    json: Json = False,
) -> None:
    """Work on the queue of events until interrupted; several workers may run at once."""
    settings = Settings.read()
    objective = _objective(settings, objective_seconds)
    sizing = _sizing(settings, policy, objective)
    name = f"{socket.gethostname()}-{os.getpid()}"
    profile = WorkerProfile(name, Prices.of(settings), objective, simulated=processing != "none")
    keep_seconds = settings.events_keep_days * DAY_SECONDS
    options = WorkerOptions(sizing, _work(processing), drain, keep_seconds=keep_seconds)
    _open(settings)
    worker = Worker(_connect(open_database(settings, "worker")), profile, options)
    _stop_on_signal(worker.stop, within_seconds=STOP_SECONDS)
    tally = worker.run()
    signal.setitimer(signal.ITIMER_REAL, 0)
    _show_tally(tally, name, sizing, json)


def simulate_events(
    trace: Annotated[str, typer.Option(help=TRACE_HELP)] = "poisson",
    speed: Annotated[float, typer.Option(help="How many seconds of the trace pass in one.")] = 1.0,
    seconds: Annotated[float, typer.Option(help="For how long, at most an hour.")] = 60.0,
    listen: Annotated[bool, typer.Option("--listen", help=LISTEN_HELP)] = False,
    json: Json = False,
) -> None:
    """Send the arrivals of a trace to the queue, at most 2,000 a second."""
    settings = Settings.read()
    pace = Pace(speed, seconds).checked()
    _open(settings)
    read = partial(traces.read, settings=settings)
    ingest, control = (_connect(open_database(settings, role)) for role in ("ingest", "worker"))
    simulator = Simulator(ingest, control, read)
    _stop_on_signal(simulator.stop)
    if listen:
        simulator.listen()
        return
    arrivals = read(trace)
    sent = simulator.replay(arrivals, pace)
    if json:
        show.as_json({"trace": trace, "sent": sent})
    else:
        show.line(f"{sent} of {len(arrivals)} events of {arrivals.name} sent.")


def dead_events(
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="How many.")] = 20,
    again: Annotated[str, typer.Option(help="Put this event back into the queue, or 'all'.")] = "",
    json: Json = False,
) -> None:
    """List the events whose work failed again and again, newest first, or put them back into the queue."""
    settings = Settings.read()
    _open(settings)
    with open_database(settings, "worker").connect() as connection:
        if again:
            _put_back(connection, again, json)
            return
        rows = connection.execute(DEAD, [limit]).fetchall()
    if json:
        show.as_json([dict(zip(DEAD_COLUMNS, row, strict=True)) for row in rows])
    else:
        show.table("Buried events", DEAD_COLUMNS, rows)


def _add_group(
    app: typer.Typer, name: str, summary: str, command: str, function: Callable[..., None]
) -> None:
    group = typer.Typer(help=summary, no_args_is_help=True)
    group.callback()(_group)
    group.command(command)(function)
    app.add_typer(group, name=name)


def _group() -> None:
    """Keep a group with one command a group."""


def _objective(settings: Settings, objective_seconds: float | None) -> float:
    objective = settings.events_objective_seconds if objective_seconds is None else objective_seconds
    if not 0 < objective <= MOST_OBJECTIVE_SECONDS:
        raise UsageError(
            f"An objective of {objective:g} seconds does not fit. "
            f"Use more than 0 and at most {MOST_OBJECTIVE_SECONDS}."
        )
    return objective


def _sizing(settings: Settings, policy: str, objective: float) -> Sizing:
    default = FixedSizing(settings.events_default_size, objective, "default")
    goal = Goal(objective, settings.events_missed_share, far_share=settings.events_far_share)
    return command_line.parse(policy, default, goal, explore_share=settings.events_explore_share)


def _work(processing: str) -> Work:
    if processing == "none":
        return statements.roll_up
    if processing not in load.SETTINGS:
        raise UsageError(f"Unknown processing '{processing}'. Use none, {' or '.join(load.SETTINGS)}.")
    return simulated(load.SETTINGS[processing])


def _show_tally(tally: Tally, worker: str, sizing: Sizing, json: bool) -> None:
    if not json:
        show.line(f"{tally.events} events in {tally.batches.total()} batches; sizes from {sizing.source}.")
        return
    show.as_json(
        {
            "worker": worker,
            "events": tally.events,
            "batches": dict(tally.batches),
            "seconds": tally.seconds,
            "cost": tally.cost,
            "sizes_from": sizing.source,
        }
    )


def _put_back(connection: Connection, event_id: str, json: bool) -> None:
    count = statements.revive(connection, None if event_id == "all" else event_id)
    if not count and event_id != "all":
        raise NotFound(f"No buried event is called '{event_id}'. `almanac events dead` lists those that are.")
    if json:
        show.as_json({"put_back": count})
    else:
        show.line(f"{count} {'event' if count == 1 else 'events'} put back into the queue.")


def _open(settings: Settings) -> None:
    """Send log lines to standard error, and open the database.

    The embedded database is started and migrated; that of the user is checked.
    """
    run_log.configure(settings)
    _ = Project(settings).database


def _connect(database: Database) -> Connect:
    return partial(database.connect, autocommit=True)


def _stop_on_signal(stop: Callable[[], None], *, within_seconds: float = 0.0) -> None:
    """Let Ctrl-C and SIGTERM stop the work in good order; a second one ends it at once.

    Work that has not ended within so many seconds is interrupted by OutOfTime; 0 waits for ever.
    """

    def handle(number: int, _frame: object) -> None:
        signal.signal(number, signal.SIG_DFL)
        stop()
        signal.setitimer(signal.ITIMER_REAL, within_seconds)

    def interrupt(_number: int, _frame: object) -> None:
        raise OutOfTime

    signal.signal(signal.SIGALRM, interrupt)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, handle)
