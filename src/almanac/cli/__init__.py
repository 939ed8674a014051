"""The command line: parses, calls, prints; the only place that may catch broadly."""

import errno
import os
import sys
import traceback
from importlib.metadata import version
from types import TracebackType
from typing import Annotated

import typer

from almanac import discovery
from almanac.cli import (
    audit,
    database,
    decisions,
    installation,
    releases,
    retiring,
    run,
    runs,
    schedule,
    show,
)
from almanac.errors import AlmanacError
from almanac.runner.environment import redact, secrets_of
from almanac.store.connections.database import connection_lost

EPILOG = (
    "Exit codes: 0 done · 1 failed · 2 wrong usage · 3 database · 4 source · 5 a step failed · "
    "6 another run is under way · 7 audit refused · 8 model registry · 9 broken chain · 10 not found · "
    "130 interrupted"
)
INTERRUPTED = 130
HELP = "Predictions computed ahead, published whole, read in a millisecond."
NOT_ALLOWED = (
    "This machine does not allow it: {error}. "
    "See to rights and free space; `almanac doctor` names what it finds."
)
UNEXPECTED = "Unexpected {kind}: {error}. This is a fault of Almanac; LOG_LEVEL=DEBUG shows where."
# What a disk and its owner may refuse.
REFUSALS = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EDQUOT)


def build(first: str = "") -> typer.Typer:
    """Return the application; a workload's own commands are found by folder.

    They are left out where `first`, the first word that was typed, is a command of this package, since their
    import takes a second.
    """
    app = typer.Typer(
        name="almanac", help=HELP, epilog=EPILOG, no_args_is_help=True, pretty_exceptions_enable=False
    )
    app.callback()(_options)
    for module in (run, schedule, runs, releases, decisions, audit, retiring, installation):
        module.add_to(app)
    app.add_typer(database.app(), name="db")
    if first not in _names(app):
        _add_commands_of_access(app)
    if first not in _names(app):
        _add_commands_of_workloads(app)
    return app


def main() -> None:
    """Run the command line and leave with a meaningful exit code; a mistake never shows a traceback."""
    show.replace_unprintable()
    try:
        code = build("".join(sys.argv[1:2]))(standalone_mode=False)
        if code == INTERRUPTED:
            # Typer makes this of an interrupt, and says nothing.
            show.error("Interrupted.")
    except AlmanacError as error:
        show.error(redact(str(error), secrets_of(os.environ)))
        code = error.exit_code
    except typer.TyperException as error:
        code = _wrong_usage(error)
    except (typer.Abort, KeyboardInterrupt):
        show.error("Interrupted.")
        code = INTERRUPTED
    except Exception as error:
        if os.environ.get("LOG_LEVEL") == "DEBUG":
            sys.excepthook = _print_traceback
            raise
        code = _unexpected(error)
    sys.exit(code or 0)


def _print_traceback(_kind: type[BaseException], error: BaseException, _trace: TracebackType | None) -> None:
    """Print a traceback without secrets; nothing shows the values of variables."""
    text = "".join(traceback.format_exception(error))
    sys.stderr.write(redact(text, secrets_of(os.environ)))


def _print_version(requested: bool) -> None:
    if requested:
        show.line(f"almanac {version('almanac')}")
        raise typer.Exit


def _options(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    """Take the options that stand before a command."""


def _names(app: typer.Typer) -> set[str | None]:
    """Return the first words of the commands of an application, and of its options."""
    commands = {command.name for command in app.registered_commands}
    return {"--version", *commands, *(str(group.name) for group in app.registered_groups)}


def _add_commands_of_access(app: typer.Typer) -> None:
    """Add the commands that use parts of the server, whose import takes a while."""
    from almanac.cli import keys, users

    app.add_typer(users.app(), name="users")
    app.add_typer(keys.app(), name="keys")


def _add_commands_of_workloads(app: typer.Typer) -> None:
    imports = typer.Typer(help="Bring in data that you own.", no_args_is_help=True)
    for name in discovery.contracts():
        module = discovery.module(name, "commands")
        if module is not None:
            module.add_to(app, imports)
    if imports.registered_commands:
        app.add_typer(imports, name="import")


def _wrong_usage(error: typer.TyperException) -> int:
    """Show what does not fit; without any argument the help was shown already, and the message is empty."""
    message = error.format_message().rstrip(".")
    if message:
        end = "" if message.endswith(("?", "!")) else "."
        show.error(f"{message}{end} Add --help to see what fits.")
    return error.exit_code


def _unexpected(error: Exception) -> int:
    """Show an error that no command handles and return its exit code.

    An error of the database or of the machine is no fault of Almanac.
    """
    lost = connection_lost(error)
    if lost:
        show.error(str(lost))
        return lost.exit_code
    if isinstance(error, OSError) and error.errno in REFUSALS:
        text = NOT_ALLOWED.format(error=error)
    else:
        text = UNEXPECTED.format(kind=type(error).__name__, error=error)
    show.error(redact(text, secrets_of(os.environ)))
    return 1
