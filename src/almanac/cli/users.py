"""Commands about users, `almanac users`: the first admin is added here, on the machine."""

from collections.abc import Callable
from typing import Annotated, Any, cast, get_args
from uuid import uuid4

import typer

from almanac.cli import show
from almanac.cli.access_database import AccessDatabase, plain, read_password
from almanac.cli.options import Json
from almanac.errors import NotFound, UsageError
from almanac.settings import Settings
from serve.users import passwords, sessions, users
from serve.users.principal import Role

Name = Annotated[str, typer.Argument(help="Name of a user; `almanac users list` shows them.")]
RoleName = Annotated[str, typer.Option("--role", help="viewer, operator or admin.")]
PasswordDescriptor = Annotated[
    int | None,
    typer.Option(
        "--password-fd",
        min=0,
        help="Read the password from this file descriptor, 0 for standard input; else it is asked for.",
    ),
]
SESSION_COLUMNS = ("session", "kind", "network", "agent", "created_at", "seen_at", "expires_at")
NOT_ADDED = "There is a user '{name}' already."
REFUSED = "The password {reason}. Nothing was changed."
NO_USER = "There is no user '{name}'. `almanac users list` shows them."
LAST_ADMIN = "'{name}' is the last admin who is not disabled. Make another user an admin first."


def app() -> typer.Typer:
    """Return the `users` commands."""
    commands: dict[str, Callable[..., None]] = {
        "add": add,
        "list": list_command,
        "disable": disable,
        "enable": enable,
        "role": role_command,
        "password": password_command,
        "sessions": sessions_command,
        "logout": logout,
    }
    group = typer.Typer(help="Add, list and change those who may use the server.", no_args_is_help=True)
    for name, command in commands.items():
        group.command(name)(command)
    return group


def add(
    name: Annotated[str, typer.Argument(help="Name of the new user: a-z, 0-9, '.', '_', '@', '-'.")],
    role: RoleName = "viewer",
    admin: Annotated[bool, typer.Option("--admin", help="The same as --role admin.")] = False,
    password_fd: PasswordDescriptor = None,
) -> None:
    """Add a user. The password is asked for, or read from a file descriptor."""
    user, chosen = plain(name), _role("admin" if admin else role)
    database = AccessDatabase(Settings.read())
    hashed = _hash(read_password(password_fd), user)
    values = (uuid4(), user, chosen, hashed, database.who)
    (is_added,) = database.change(users.ADD_USER, values, "user_add", user, role=chosen)
    if not is_added:
        raise UsageError(NOT_ADDED.format(name=user))
    show.line(f"User '{user}' is {chosen}.")


def list_command(json: Json = False) -> None:
    """List the users."""
    rows = AccessDatabase(Settings.read()).rows(users.USERS)
    show.rows_or_json("Users", users.USER_COLUMNS, rows, json=json)


def disable(name: Name) -> None:
    """Disable a user: all sessions end at once."""
    _change(name, "disabled", disabled=True)


def enable(name: Name) -> None:
    """Let a disabled user log in again."""
    _change(name, "enabled", disabled=False)


def role_command(name: Name, role: Annotated[str, typer.Argument(help="viewer, operator or admin.")]) -> None:
    """Change the role of a user; it holds at once."""
    chosen = _role(role)
    _change(name, f"{chosen} now", role=chosen)


def password_command(name: Name, password_fd: PasswordDescriptor = None) -> None:
    """Set a new password: all sessions of the user end."""
    hashed = _hash(read_password(password_fd), plain(name))
    _change(name, "known by a new password now", hashed=hashed)


def sessions_command(name: Name, json: Json = False) -> None:
    """List the sessions of a user."""
    database = AccessDatabase(Settings.read())
    rows = database.rows(sessions.LIST, (_id(database, name),))
    show.rows_or_json("Sessions", SESSION_COLUMNS, rows, json=json)


def logout(name: Name) -> None:
    """End all sessions of a user at once."""
    database = AccessDatabase(Settings.read())
    values = (_id(database, name), None, "ended on the command line")
    ended, _ = database.change(sessions.END, values, "sessions_end", plain(name))
    show.line(f"{ended} sessions of '{plain(name)}' have ended.")


def _change(
    name: str,
    becomes: str,
    *,
    role: str | None = None,
    hashed: str | None = None,
    disabled: bool | None = None,
) -> None:
    user, database = plain(name), AccessDatabase(Settings.read())
    values = (user, role, hashed, disabled)
    outcome, _ = database.change(users.CHANGE_USER, values, "user_change", user, change=becomes)
    if outcome == "unknown":
        raise NotFound(NO_USER.format(name=user))
    if outcome == "last_admin":
        raise UsageError(LAST_ADMIN.format(name=user))
    show.line(f"User '{user}' is {becomes}.")


def _hash(password: str, name: str) -> str:
    if weakness := passwords.weakness(password, name):
        raise UsageError(REFUSED.format(reason=weakness))
    return passwords.make_argon2().hash(passwords.prepared(password))


def _role(text: str) -> Role:
    if text not in get_args(Role):
        raise UsageError(f"'{text}' is no role. Roles: {', '.join(get_args(Role))}.")
    return cast("Role", text)


def _id(database: AccessDatabase, name: str) -> Any:
    rows = database.rows(sessions.CREDENTIALS, (plain(name),))
    if not rows:
        raise NotFound(NO_USER.format(name=plain(name)))
    return rows[0][0]
