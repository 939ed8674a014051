"""Connection strings of the roles in the database: one home for the laboratory and for the thin server."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from almanac.errors import DatabaseError
from almanac.settings import Settings

# `login` is the user of the connection string itself, without a change of role.
Role = Literal["owner", "worker", "reader", "ingest", "access", "login"]
# Roles that may have a connection string of their own.
WITH_OWN_URL = ("worker", "reader", "ingest", "access")
UNREADABLE = (
    "DATABASE_URL, or the one of the role, is no connection string. "
    "Write postgresql://USER:PASSWORD@HOST:5432/NAME, in USER and PASSWORD %25 for %, %40 for @ and so on."
)
LACKS_ROLE = "The database lacks the role {role} or may not use it ({reason}). Run: almanac db migrate"

OTHER_ROLE = (
    "The connection for role {role} works as '{actual}': something between drops what a client asks for at "
    "its start, as a transaction pooler such as PgBouncer does. Connect to PostgreSQL itself, or through a "
    "pooler that gives each client a session and passes its startup `options` on."
)
# As bytes: a database without an encoding has no texts.
CURRENT_USER = b"SELECT current_user::text::bytea"


def url_of(settings: Settings, role: Role) -> str | None:
    """Return the connection string for `role`: its own, else DATABASE_URL, else None."""
    own_urls = {
        "worker": settings.worker_database_url,
        "reader": settings.reader_database_url,
        "ingest": settings.ingest_database_url,
        "access": settings.access_database_url,
    }
    url = own_urls.get(role) or settings.database_url
    return url.get_secret_value() if url else None


def name_of(role: Role) -> str:
    """Return the name of a role in the database."""
    return f"almanac_{role}"


def parse(url: str) -> dict[str, str]:
    """Return the parts of a connection string.

    Raises DatabaseError that repeats nothing of it: psycopg's own error may show a password.
    """
    try:
        parts = conninfo_to_dict(url)
    except psycopg.ProgrammingError:
        raise DatabaseError(UNREADABLE) from None
    return {name: str(value) for name, value in parts.items() if value is not None}


def make(url: str, role: Role, *, parameters: Mapping[str, str] = MappingProxyType({}), **parts: str) -> str:
    """Return the connection string for work in `role` and in UTC.

    `parameters` are run-time parameters of the session (SET); `parts` take the place of those in `url`.
    """
    parameters = {"timezone": "UTC", **parameters}
    if role != "login":
        parameters["role"] = name_of(role)
    own = parse(url)
    options = [own.get("options", ""), *(f"-c {name}={value}" for name, value in parameters.items())]
    return make_conninfo("", **(own | {"options": " ".join(options).strip()} | parts))


def reason_of(error: psycopg.OperationalError) -> str:
    """Return the last line of the error's text; an indented line is advice on the line before it."""
    lines = [line for line in str(error).strip().splitlines() if not line.startswith("\t")]
    return lines[-1] if lines else type(error).__name__


def refuse_other_role(role: Role, current_user: bytes) -> None:
    """Raise DatabaseError where a connection does not work in its role."""
    actual = current_user.decode("utf-8", "replace")
    if role != "login" and actual != name_of(role):
        raise DatabaseError(OTHER_ROLE.format(role=name_of(role), actual=actual))


def missing_role(role: Role, error: psycopg.OperationalError) -> DatabaseError | None:
    """Return the error to raise where the database lacks `role`, or None for every other error."""
    reason = reason_of(error)
    if "almanac_" in reason and ("does not exist" in reason or "permission denied" in reason):
        return DatabaseError(LACKS_ROLE.format(role=name_of(role), reason=reason))
    return None
