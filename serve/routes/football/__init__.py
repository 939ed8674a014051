"""The routes that only football has."""

from serve.routes.football import matches, results, statistics
from serve.routes.football.matches import EXAMPLE

routers = (matches.router, statistics.router, results.router)

__all__ = ["EXAMPLE", "routers"]
