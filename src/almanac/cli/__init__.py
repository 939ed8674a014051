"""The command line: parses, calls, prints; the only place that may catch broadly."""

import errno
import os
import sys

import typer

from almanac import discovery
from almanac.cli import database, project, releases, runs, show
from almanac.errors import AlmanacError
from almanac.store.connections.database import connection_lost

EPILOG = (
    "Exit codes: 0 done · 1 failed · 2 wrong usage · 3 database · 4 source · 5 a step failed · 6 another run is under way · "
    "7 audit refused · 8 model registry · 9 broken chain · 10 not found · 130 interrupted"
)
INTERRUPTED = 130

# What a disk and its owner may refuse.
NOT_OURS = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EDQUOT)


def build(first: str = "") -> typer.Typer:
    """Return the application; a workload's own commands are found by folder.

    They are left out where `first`, the first word that was typed, is a command of the house: to import them takes a second.
    """
    app = typer.Typer(
        name="almanac",
        help="Predictions computed ahead, published whole, read in a millisecond.",
        epilog=EPILOG,
        no_args_is_help=True,
        pretty_exceptions_enable=False,
    )
    for part in (runs, releases, project):
        part.add_to(app)
    app.add_typer(database.app(), name="db")
    if first in {
        *(command.name for command in app.registered_commands),
        *(group.name for group in app.registered_groups),
    }:
        return app
    imports = typer.Typer(help="Bring in data that you own.", no_args_is_help=True)
    for name in discovery.names():
        own = discovery.module(name, "commands")
        if own is not None:
            own.add_to(app, imports)
    if imports.registered_commands:
        app.add_typer(imports, name="import")
    return app


def main() -> None:
    """Run the command line and leave with a meaningful exit code; a user's mistake never shows a traceback."""
    try:
        code = build("".join(sys.argv[1:2]))(standalone_mode=False)
        if code == INTERRUPTED:
            # Typer makes this of an interrupt, and says nothing.
            show.error("Interrupted.")
    except AlmanacError as error:
        show.error(str(error))
        code = error.exit_code
    except typer.TyperException as error:
        # Without any argument the help has been shown already, and there is nothing more to say.
        if error.format_message():
            show.error(f"{error.format_message().rstrip('.')}. Add --help to see what fits.")
        code = error.exit_code
    except (typer.Abort, KeyboardInterrupt):
        show.error("Interrupted.")
        code = INTERRUPTED
    except Exception as error:
        if os.environ.get("LOG_LEVEL") == "DEBUG":
            raise
        code = _unexpected(error)
    sys.exit(code or 0)


def _unexpected(error: Exception) -> int:
    """Tell an error that nobody has handled and return its exit code; the database's and the machine's are no fault of Almanac."""
    broken = connection_lost(error)
    if broken:
        show.error(str(broken))
        return broken.exit_code
    if isinstance(error, OSError) and error.errno in NOT_OURS:
        show.error(
            f"This machine does not allow it: {error}. See to rights and free space; `almanac doctor` names what it finds."
        )
        return 1
    show.error(
        f"Unexpected {type(error).__name__}: {error}. This is a fault of Almanac; LOG_LEVEL=DEBUG shows where."
    )
    return 1
