"""Users and keys as admins see them: listed, added, changed, revoked."""

from collections.abc import Sequence
from typing import Any
from uuid import uuid4

from serve.http.problems import NotFound, Problem
from serve.users import api_keys
from serve.users.access import Access
from serve.users.api_keys import NewKey

USERS = b"SELECT * FROM api.access_users()"
USER_COLUMNS = ("name", "role", "created_at", "created_by", "disabled_at", "has_password", "sessions")
ADD_USER = b"SELECT api.access_add_user(%s, %s, %s, %s, %s)"
CHANGE_USER = b"SELECT outcome, epoch FROM api.access_change_user(%s, %s, %s, %s)"
KEYS = b"SELECT * FROM api.access_keys()"
KEY_COLUMNS = (
    "id",
    "name",
    "scopes",
    "created_at",
    "created_by",
    "expires_at",
    "last_used_at",
    "revoked_at",
    "revoked_by",
)
ADD_KEY = b"SELECT * FROM api.access_add_key(%s, %s, %s, %s, make_interval(days => %s), %s)"
REVOKE_KEY = b"SELECT is_revoked, epoch FROM api.access_revoke_key(%s, %s)"
TAKEN = "There is a user with this name already."
NO_USER = "There is no user with this name."
LAST_ADMIN = "This is the last admin who is not disabled. Make another user an admin first."
NO_KEY = "There is no key with this id."


def records(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> list[dict[str, Any]]:
    """Return rows as JSON has them, with texts for instants."""
    return [{name: _plain(value) for name, value in zip(columns, row, strict=True)} for row in rows]


async def add(access: Access, name: str, role: str, password: str, *, by: str) -> None:
    """Add a user; raises Problem 409 where the name is taken."""
    values = (uuid4(), name, role, await access.hasher.hash(password), by)
    [(is_added,)] = await access.database.rows(ADD_USER, values)
    if not is_added:
        raise Problem(409, TAKEN)


async def change(
    access: Access,
    name: str,
    *,
    role: str | None = None,
    password: str | None = None,
    disabled: bool | None = None,
) -> None:
    """Change a user; a new password and disabling end all sessions. Raises Problem 404 or 409."""
    hashed = None if password is None else await access.hasher.hash(password)
    [(outcome, epoch)] = await access.database.rows(CHANGE_USER, (name, role, hashed, disabled))
    access.epochs.see(epoch)
    if outcome == "unknown":
        raise NotFound(NO_USER)
    if outcome == "last_admin":
        raise Problem(409, LAST_ADMIN)


async def add_key(
    access: Access, name: str, scopes: Sequence[str], days: int | None, *, by: str
) -> tuple[NewKey, str | None]:
    """Add a key; return it and when it expires, None for never."""
    key = api_keys.make()
    values = (key.id, name, key.hash, list(scopes), days, by)
    [(expires_at,)] = await access.database.rows(ADD_KEY, values)
    return key, _plain(expires_at)


async def revoke_key(access: Access, key: str, *, by: str) -> None:
    """Revoke a key; raises NotFound."""
    [(is_revoked, epoch)] = await access.database.rows(REVOKE_KEY, (key, by))
    access.epochs.see(epoch)
    if not is_revoked:
        raise NotFound(NO_KEY)


def _plain(value: Any) -> Any:
    return value.isoformat() if hasattr(value, "isoformat") else value
