"""What is weak in the access of this installation: its mode, its secret, its users and keys."""

import stat
from collections.abc import Iterator

from almanac.errors import AlmanacError
from almanac.operations.finding import Finding
from almanac.settings import Settings
from almanac.store.connections.database import open_database

LEAST_SECRET_BYTES = 32
ADVICE = "Set ALMANAC_SECRET, for example from: openssl rand -base64 48"
ADMINS = "SELECT count(*) FROM api.access_users() WHERE role = 'admin' AND disabled_at IS NULL"
EXPIRING = """
    SELECT coalesce(string_agg(name || ' (' || key_id || ')', ', ' ORDER BY expires_at), '')
    FROM api.access_keys()
    WHERE revoked_at IS NULL AND expires_at > now() AND expires_at < now() + interval '14 days'
"""


def examine(settings: Settings) -> Iterator[Finding]:
    """Examine who may read and write, and what protects that."""
    if not settings.has_access_control:
        yield _mode(settings)
        return
    yield Finding("access control", "ok", "on")
    yield _secret(settings)
    yield from _users(settings)


def _mode(settings: Settings) -> Finding:
    what = "access control"
    if settings.is_local:
        return Finding(what, "ok", "off; the server listens on the loopback only")
    if settings.auth is None:
        detail = f"not decided, and the server would listen on {settings.host}: it does not start"
        return Finding(what, "error", detail, "Set ALMANAC_AUTH=on; docs/access.md explains it.")
    detail = f"off, and the server listens on {settings.host}: whoever reaches it reads"
    return Finding(what, "warning", detail, "Set ALMANAC_AUTH=on, or let a proxy decide.")


def _secret(settings: Settings) -> Finding:
    what = "ALMANAC_SECRET"
    if settings.secret is None:
        return _secret_file(settings)
    length = len(settings.secret.get_secret_value().encode())
    if length < LEAST_SECRET_BYTES:
        return Finding(what, "error", f"has {length} bytes, needed {LEAST_SECRET_BYTES}", ADVICE)
    if len(set(settings.secret.get_secret_value())) < LEAST_SECRET_BYTES / 4:
        return Finding(what, "warning", "has hardly any different characters", ADVICE)
    if settings.previous_secret:
        detail = "set; the one before it is still accepted"
        return Finding(what, "warning", detail, "Remove ALMANAC_PREVIOUS_SECRET 15 minutes after the change.")
    return Finding(what, "ok", "set")


def _secret_file(settings: Settings) -> Finding:
    """Examine the file in which an embedded installation has its secret."""
    what, path = "ALMANAC_SECRET", settings.state_folder / "secret"
    if settings.database_url:
        return Finding(what, "error", "not set; the server does not start", ADVICE)
    if path.exists() and stat.S_IMODE(path.stat().st_mode) & (stat.S_IRWXG | stat.S_IRWXO):
        return Finding(what, "error", f"others may read {path}", f"chmod 600 {path}")
    return Finding(what, "ok", f"in {path}" if path.exists() else f"will be made in {path}")


def _users(settings: Settings) -> Iterator[Finding]:
    try:
        with open_database(settings, "access").connect() as connection:
            admins = connection.execute(ADMINS).fetchall()[0][0]
            expiring = connection.execute(EXPIRING).fetchall()[0][0]
    except AlmanacError as error:
        yield Finding("users", "error", str(error))
        return
    if admins:
        yield Finding("users", "ok", f"{admins} admins")
    else:
        yield Finding("users", "warning", "there is no admin", "almanac users add NAME --admin")
    if expiring:
        yield Finding("keys", "warning", f"expire within 14 days: {expiring}", "almanac keys create")
