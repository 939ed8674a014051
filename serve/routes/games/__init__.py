"""The routes that only games has."""

from serve.routes.games.catalogue import EXAMPLE, endpoints

__all__ = ["EXAMPLE", "endpoints"]
