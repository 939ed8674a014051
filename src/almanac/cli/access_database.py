"""The database as the commands about users and keys use it."""

import json
import os
from collections.abc import Sequence
from typing import Any
from uuid import uuid4

import typer

from almanac.errors import UsageError
from almanac.project import Project
from almanac.settings import Settings
from almanac.store.connections.database import Database, open_database
from serve.users import audit, names

LONGEST_PASSWORD_BYTES = 4_096
STANDARD_ERROR = 2
NO_NAME = "'{name}' is no name. A name {rule}."
DIFFERENT = "The two passwords differ. Nothing was changed."
UNREADABLE = "No password could be read from file descriptor {number}: {reason}."


class AccessDatabase:
    """Calls the functions about users, sessions and keys in the role that may."""

    def __init__(self, settings: Settings) -> None:
        # Starts and migrates the embedded server.
        if settings.access_database_url is None:
            Project(settings).database.engine.dispose()
        self._database: Database = open_database(settings, "access")
        # On the command line everybody says himself who he is.
        self.who = f"cli:{settings.who}"

    def rows(self, query: bytes, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Return the rows of a query."""
        with self._database.connect(autocommit=True) as connection:
            return connection.execute(query, values).fetchall()

    def change(
        self, query: bytes, values: Sequence[Any], action: str, subject: str, **detail: str
    ) -> tuple[Any, ...]:
        """Return the one row of a query that changes something, and write the change into the audit trail.

        Both happen or neither.
        """
        event = {"event_id": str(uuid4()), "action": action, "who": self.who, "subject": subject}
        with self._database.connect() as connection:
            [row] = connection.execute(query, values).fetchall()
            connection.execute(audit.APPEND, (json.dumps(event | {"address": "local", "detail": detail}),))
        return row


def plain(name: str) -> str:
    """Return a name as it is stored; raises UsageError."""
    stored = names.plain_name(name)
    if stored is None:
        raise UsageError(NO_NAME.format(name=name, rule=names.RULE))
    return stored


def read_password(number: int | None) -> str:
    """Return a password from a file descriptor, or ask for it twice without showing it."""
    if number is not None:
        return _from_descriptor(number)
    password: str = typer.prompt("Password", hide_input=True, err=True)
    if password != typer.prompt("Password again", hide_input=True, err=True):
        raise UsageError(DIFFERENT)
    return password


def _from_descriptor(number: int) -> str:
    """Return the first line that a file descriptor has; the password is never an argument."""
    try:
        with os.fdopen(number, "rb", closefd=number > STANDARD_ERROR) as file:
            text = file.readline(LONGEST_PASSWORD_BYTES).decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(UNREADABLE.format(number=number, reason=error)) from error
    return text.rstrip("\r\n")
