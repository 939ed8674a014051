"""The commands of events: work on the queue, send simulated traffic, see and bring back what was buried."""

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
from almanac.workloads.events.policy import sizing
from almanac.workloads.events.policy.costs import Prices
from almanac.workloads.events.policy.sizing import Fixed
from almanac.workloads.events.policy.start import Goal
from almanac.workloads.events.queue import statements
from almanac.workloads.events.queue.batches import Terms
from almanac.workloads.events.queue.simulator import Pace, Simulator
from almanac.workloads.events.queue.work import Work, simulated
from almanac.workloads.events.queue.worker import Connect, Manner, Worker
from almanac.workloads.events.replays import load
from almanac.workloads.events.sources import traces

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
DEAD = "SELECT event_id, event_type, attempts, died_at, error FROM api.events_dead ORDER BY died_at DESC LIMIT %s"


def add_to(app: typer.Typer, imports: typer.Typer) -> None:
    """Add `almanac work events`, `almanac simulate events` and `almanac events dead`."""
    del imports
    work = typer.Typer(help="Work on a queue.", no_args_is_help=True)
    work.callback()(_group)
    work.command("events")(work_events)
    simulate = typer.Typer(help="Send simulated traffic.", no_args_is_help=True)
    simulate.callback()(_group)
    simulate.command("events")(simulate_events)
    own = typer.Typer(help="Look after the queue of events.", no_args_is_help=True)
    own.callback()(_group)
    own.command("dead")(dead_events)
    for name, group in (("work", work), ("simulate", simulate), ("events", own)):
        app.add_typer(group, name=name)


def _group() -> None:
    """Keep a group with one command a group."""


def work_events(
    policy: Annotated[str, typer.Option(help="published, fixed:N, or polling:N:SECONDS.")] = "published",
    objective_seconds: Annotated[
        float | None,
        typer.Option(help="Most age of an event when it is done; default ALMANAC_EVENTS_OBJECTIVE."),
    ] = None,
    drain: Annotated[bool, typer.Option("--drain", help="End when nothing waits.")] = False,
    processing: Annotated[
        str, typer.Option(help="none, or light or heavy: let each batch take as long as in the replays.")
    ] = "none",
    json: Json = False,
) -> None:
    """Work on the queue of events until interrupted; several workers may run at once."""
    settings = Settings.read()
    objective = settings.events_objective_seconds if objective_seconds is None else objective_seconds
    if not 0 < objective <= 86_400:
        raise UsageError(
            f"An objective of {objective:g} seconds does not fit. Use more than 0 and at most 86400."
        )
    default = Fixed(settings.events_default_size, objective, "default")
    goal = Goal(objective, settings.events_missed_share, far_share=settings.events_far_share)
    rule = sizing.parse(policy, default, goal, explore_share=settings.events_explore_share)
    prices = Prices.of(settings)
    terms = Terms(f"{socket.gethostname()}-{os.getpid()}", prices, objective, simulated=processing != "none")
    manner = Manner(rule, _work(processing), drain, keep_seconds=settings.events_keep_days * 86_400)
    _open(settings)
    worker = Worker(_connect(open_database(settings, "worker")), terms, manner)
    _until_signal(worker.stop)
    tally = worker.run()
    told = {
        "worker": terms.worker,
        "events": tally.events,
        "batches": dict(tally.batches),
        "seconds": tally.seconds,
        "cost": tally.cost,
    }
    told |= {"sizes_from": rule.source}
    show.as_json(told) if json else show.line(
        f"{tally.events} events in {tally.batches.total()} batches; sizes from {rule.source}."
    )


def simulate_events(
    trace: Annotated[
        str,
        typer.Option(
            help="azure-conv, nasa, kafka, poisson, or a CSV file with the columns seconds, kb and kind."
        ),
    ] = "poisson",
    speed: Annotated[float, typer.Option(help="How many seconds of the trace pass in one.")] = 1.0,
    seconds: Annotated[float, typer.Option(help="For how long, at most an hour.")] = 60.0,
    listen: Annotated[
        bool,
        typer.Option("--listen", help="Send what POST /v1/events/simulator asks for, until interrupted."),
    ] = False,
    json: Json = False,
) -> None:
    """Send the arrivals of a trace to the queue, at most 2,000 a second."""
    settings = Settings.read()
    pace = Pace(speed, seconds).checked()
    _open(settings)
    read = partial(traces.read, settings=settings)
    simulator = Simulator(
        _connect(open_database(settings, "ingest")), _connect(open_database(settings, "worker")), read
    )
    _until_signal(simulator.stop)
    if listen:
        simulator.listen()
        return
    arrivals = read(trace)
    sent = simulator.replay(arrivals, pace)
    show.as_json({"trace": trace, "sent": sent}) if json else show.line(
        f"{sent} of {len(arrivals)} events of {arrivals.name} sent."
    )


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
            count = statements.revive(connection, None if again == "all" else again)
            if not count and again != "all":
                raise NotFound(
                    f"No buried event is called '{again}'. `almanac events dead` lists those that are."
                )
            show.as_json({"put_back": count}) if json else show.line(
                f"{count} {'event' if count == 1 else 'events'} put back into the queue."
            )
            return
        found = connection.execute(DEAD, [limit]).fetchall()
    names = ("event_id", "event_type", "attempts", "died_at", "error")
    show.as_json([dict(zip(names, row, strict=True)) for row in found]) if json else show.table(
        "Buried events", names, found
    )


def _work(processing: str) -> Work:
    if processing == "none":
        return statements.roll_up
    if processing not in load.SETTINGS:
        raise UsageError(f"Unknown processing '{processing}'. Use none, {' or '.join(load.SETTINGS)}.")
    return simulated(load.SETTINGS[processing])


def _open(settings: Settings) -> None:
    """Send log lines to standard error; start and migrate the embedded database, or check that of the user."""
    run_log.configure(settings)
    _ = Project(settings).database


def _connect(database: Database) -> Connect:
    return partial(database.connect, autocommit=True)


def _until_signal(stop: Callable[[], None]) -> None:
    """Let Ctrl-C and SIGTERM end the work in good order; a second one ends it at once."""

    def ended(number: int, _frame: object) -> None:
        signal.signal(number, signal.SIG_DFL)
        stop()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, ended)
