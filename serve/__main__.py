"""`python -m serve`: run the server on the host and port of the settings."""

import asyncio
import logging
import socket
import sys
from contextlib import suppress

import psycopg
import uvicorn

from almanac.errors import AlmanacError
from almanac.settings import Settings
from serve.answers.service import Service
from serve.app import create_app
from serve.http.protocol import Protocol
from serve.reading.database import Database
from serve.reading.live import check_schema
from serve.telemetry import log_lines

GRACE_SECONDS = 10
log = logging.getLogger("almanac.serve")


class Server(uvicorn.Server):
    """uvicorn that says in one line what it serves and where."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, then write the line."""
        await super().startup(sockets)
        if self.started:
            host, port = self.servers[0].sockets[0].getsockname()[:2]
            service: Service = self.config.app.state.service  # type: ignore[union-attr]  # the app is ours, not a name to import
            log.info(
                "almanac %s serves %s at http://%s:%s, documentation at /docs",
                service.version,
                service.described(),
                host,
                port,
            )


def main() -> int:
    """Serve until told to stop; return the exit code."""
    try:
        settings = Settings.read()
        log_lines.configure(settings)
        raise_file_limit()
        asyncio.run(refuse_unknown_schema(settings))
        server = Server(configured(settings))
        # uvicorn says why it could not start, and leaves with a number that means something else here.
        with suppress(KeyboardInterrupt, SystemExit):
            server.run()
        if not server.started:
            raise AlmanacError(
                f"The server could not start on {settings.host}:{settings.port}. Choose others by ALMANAC_HOST and PORT."
            )
    except AlmanacError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    return 0


def configured(settings: Settings) -> uvicorn.Config:
    """Return how uvicorn runs the application; raises UsageError where settings name no database."""
    return uvicorn.Config(
        create_app(settings),
        settings.host,
        settings.port,
        http=Protocol,
        ws="none",
        access_log=False,
        log_config=None,
        server_header=False,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )


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


if __name__ == "__main__":
    sys.exit(main())
