"""The routes that only logs has."""

from serve.routes.logs import (
    alerts,
    analytics,
    anomalies,
    classification,
    compare,
    entries,
    export,
    intake,
    search,
    stats,
    templates,
)

EXAMPLE = {
    "entry_id": 1204,
    "event_time": "2025-04-15T06:00:00Z",
    "source": "broker",
    "level": "warning",
    "level_confidence": 0.91,
    "warning_chance": 0.97,
    "written_level": "info",
    "anomaly": True,
    "anomaly_score": 0.83,
    "anomaly_kind": "rare",
    "severity": "high",
    "template_id": "3ab8a8b5cd15",
    "model_version": 3,
    "predicted_at": "2025-04-15T06:05:00Z",
}
READING = (
    search,
    entries,
    stats,
    analytics,
    templates,
    anomalies,
    alerts,
    export,
    compare,
    classification,
)

routers = tuple(module.router for module in READING)
intake_routers = (intake.router, classification.intake_router, alerts.intake_router)

__all__ = ["EXAMPLE", "intake_routers", "routers"]
