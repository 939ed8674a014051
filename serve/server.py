"""The server as a process: uvicorn with the application, on the host and port of the settings."""

import gc
import logging
import socket
import sys
from contextlib import suppress
from typing import cast

import psycopg
from fastapi import FastAPI
from uvicorn.config import Config
from uvicorn.server import Server as UvicornServer

from almanac.errors import AlmanacError, UsageError
from almanac.settings import Settings
from serve import memory
from serve.answers.service import Service
from serve.app import create_app
from serve.http import tls
from serve.http.protocol import Protocol
from serve.reading.database import Database
from serve.reading.live import check_schema
from serve.telemetry import log_lines

GRACE_SECONDS = 10
UNDECIDED = (
    "The server would listen on {host}, where others reach it, and ALMANAC_AUTH does not say who may read. "
    "Set ALMANAC_AUTH=on (docs/access.md explains it), or ALMANAC_AUTH=off where a proxy decides."
)
LINE = "almanac %s serves %s at %s://%s:%s, documentation at /docs"
log = logging.getLogger("almanac.serve")


class Server(UvicornServer):
    """uvicorn that checks the schema first, and writes one line about what it serves and where."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(configured(settings))
        self.settings = settings

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, then write the line; raises DatabaseError for a schema of another revision."""
        await refuse_unknown_schema(self.settings)
        await super().startup(sockets)
        if self.started:
            self.write_line()
            memory.give_back()
            # What lives as long as the server need not be searched for garbage.
            gc.freeze()
            gc.enable()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End the streams, which would go on for ever, then shut down."""
        service: Service = cast("FastAPI", self.config.app).state.service
        service.live.end()
        await super().shutdown(sockets)

    def write_line(self) -> None:
        """Write what is served and where."""
        host, port = self.servers[0].sockets[0].getsockname()[:2]
        app = cast("FastAPI", self.config.app)
        service: Service = app.state.service
        scheme = "https" if self.config.is_ssl else "http"
        log.info(LINE, service.version, service.described(), scheme, host, port)
        if service.warning:
            log.warning(service.warning)


def main() -> int:
    """Serve until a signal ends it; return the exit code."""
    try:
        settings = Settings.read()
        log_lines.configure(settings)
        raise_file_limit()
        serve(Server(settings))
    except AlmanacError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    return 0


def serve(server: Server) -> None:
    """Run the server until it ends; raises AlmanacError where it cannot start."""
    # uvicorn logs why it could not start, and exits with a code that has another meaning here.
    with suppress(KeyboardInterrupt, SystemExit):
        server.run()
    if not server.started:
        host, port = server.config.host, server.config.port
        raise AlmanacError(
            f"The server could not start on {host}:{port}. Choose others by ALMANAC_HOST and PORT."
        )


def configured(settings: Settings) -> Config:
    """Return how uvicorn runs the application; raises UsageError where settings name no database."""
    refuse_undecided(settings)
    certificate, key = tls.files(settings)
    return Config(
        create_app(settings),
        settings.host,
        settings.port,
        http=Protocol,
        ws="none",
        access_log=False,
        # uvicorn would believe any number of proxies; see serve.users.addresses.
        proxy_headers=False,
        log_config=None,
        server_header=False,
        ssl_certfile=certificate,
        ssl_keyfile=key,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )


def refuse_undecided(settings: Settings) -> None:
    """Raise UsageError for a server that others reach and whose settings do not say who may read."""
    if settings.auth is None and not settings.is_local:
        raise UsageError(UNDECIDED.format(host=settings.host))


async def refuse_unknown_schema(settings: Settings) -> None:
    """Raise DatabaseError for a schema of another revision; a database that is away is waited for later."""
    with suppress(psycopg.OperationalError, OSError):
        async with await Database(settings).connect() as connection:
            await check_schema(connection)


def raise_file_limit() -> None:
    """Allow as many open connections as the system lets this process have."""
    if sys.platform != "win32":
        import resource

        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
