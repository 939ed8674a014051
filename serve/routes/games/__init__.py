"""The routes that only games has."""

from serve.routes.games import catalogue, recommendations, search
from serve.routes.games.catalogue import EXAMPLE

routers = (catalogue.router, search.router, recommendations.router)

__all__ = ["EXAMPLE", "routers"]
