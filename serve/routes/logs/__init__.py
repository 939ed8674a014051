"""The logs' own routes, in files of their own by what they are about."""

from almanac.contract import Contract
from serve.answers.service import Service
from serve.http.endpoints import Endpoint
from serve.routes.logs import alerts, export, intake, overview, search

EXAMPLE = {
    "entry_id": 1204, "event_time": "2025-04-15T06:00:00Z", "source": "broker", "level": "warning", "level_confidence": 0.91, "warning_chance": 0.97,
    "anomaly": True, "anomaly_score": 0.83, "anomaly_kind": "rare", "severity": "high", "template_id": "3ab8a8b5cd15", "model_version": 3,
    "predicted_at": "2025-04-15T06:05:00Z",
}  # fmt: skip


def endpoints(service: Service, contract: Contract) -> list[Endpoint]:
    """Return the routes that only logs has."""
    parts = (intake, search, overview, alerts, export)
    return [endpoint for part in parts for endpoint in part.endpoints(service, contract)]
