"""The parts of uvicorn that serve, without its command line, reloading and worker processes."""

from serve.http import lazy_package

lazy_package.defer("uvicorn")

import uvicorn  # noqa: E402
from uvicorn.config import Config  # noqa: E402
from uvicorn.server import Server  # noqa: E402

# Other parts take this name from the package.
uvicorn.Config = Config  # type: ignore[misc]  # the class itself, as __init__ would set it

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol  # noqa: E402

__all__ = ["Config", "HttpToolsProtocol", "Server"]
