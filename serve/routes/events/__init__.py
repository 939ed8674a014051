"""The routes that only events has."""

from serve.routes.events.policy import EXAMPLE, endpoints

__all__ = ["EXAMPLE", "endpoints"]
