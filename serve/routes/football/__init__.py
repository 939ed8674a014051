"""The routes that only football has."""

from serve.routes.football.matches import EXAMPLE, endpoints

__all__ = ["EXAMPLE", "endpoints"]
