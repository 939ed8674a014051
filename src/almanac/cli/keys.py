"""Commands about API keys, `almanac keys`."""

from typing import Annotated

import typer

from almanac import discovery
from almanac.cli import show
from almanac.cli.access_database import AccessDatabase, plain
from almanac.cli.options import Json
from almanac.errors import NotFound, UsageError
from almanac.settings import Settings
from serve.users import api_keys, users

NO_SCOPE = "'{scope}' is no scope. Scopes: {scopes}, and read:WORKLOAD or ingest:WORKLOAD for {workloads}."
NO_KEY = "There is no key '{key}'. `almanac keys list` shows the ids."
SHOWN_ONCE = (
    "It is shown this once. Send it as `Authorization: Bearer` or `X-API-Key`; it expires {expires_at}."
)


def app() -> typer.Typer:
    """Return the `keys` commands."""
    group = typer.Typer(help="Create, list and revoke the keys of programs.", no_args_is_help=True)
    group.command("create")(create)
    group.command("list")(list_command)
    group.command("revoke")(revoke)
    return group


def create(
    name: Annotated[str, typer.Argument(help="Who uses the key, for example prometheus.")],
    scopes: Annotated[
        list[str],
        typer.Option(
            "--scope",
            help="read, read:WORKLOAD, ingest, ingest:WORKLOAD, operate, admin or metrics; may be repeated.",
        ),
    ],
    days: Annotated[
        int, typer.Option(min=1, max=api_keys.MOST_DAYS, help="After so many days it expires.")
    ] = api_keys.DEFAULT_DAYS,
    json: Json = False,
) -> None:
    """Create a key and show it this once."""
    user, chosen = plain(name), _scopes(scopes)
    database, key = AccessDatabase(Settings.read()), api_keys.make()
    values = (key.id, user, key.hash, chosen, days, database.who)
    detail = {"name": user, "scopes": " ".join(chosen)}
    (expires_at,) = database.change(users.ADD_KEY, values, "key_create", key.id, **detail)
    if json:
        show.as_json({"key": key.text, "id": key.id, "scopes": chosen, "expires_at": expires_at})
        return
    show.line(key.text)
    show.line(SHOWN_ONCE.format(expires_at=f"{expires_at:%Y-%m-%d}"))


def list_command(json: Json = False) -> None:
    """List the keys, without the keys themselves."""
    rows = AccessDatabase(Settings.read()).rows(users.KEYS)
    show.rows_or_json("Keys", users.KEY_COLUMNS, rows, json=json)


def revoke(
    key: Annotated[str, typer.Argument(help="Id of the key: its first eight characters after alm_.")],
) -> None:
    """Revoke a key: servers refuse it within a second."""
    database = AccessDatabase(Settings.read())
    values = (key, database.who)
    is_revoked, _ = database.change(users.REVOKE_KEY, values, "key_revoke", key)
    if not is_revoked:
        raise NotFound(NO_KEY.format(key=key))
    show.line(f"Key '{key}' is revoked.")


def _scopes(scopes: list[str]) -> list[str]:
    workloads = discovery.names()
    for scope in api_keys.unknown_scopes(scopes, workloads):
        names = {"scopes": ", ".join(api_keys.PLAIN_SCOPES), "workloads": ", ".join(workloads)}
        raise UsageError(NO_SCOPE.format(scope=scope, **names))
    return sorted(set(scopes))
