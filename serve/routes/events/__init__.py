"""The routes that only events has."""

from serve.routes.events import intake, policy, queue, simulator
from serve.routes.events.policy import EXAMPLE

routers = (queue.router, simulator.router, policy.router)
intake_routers = (intake.router, simulator.intake_router)

__all__ = ["EXAMPLE", "intake_routers", "routers"]
