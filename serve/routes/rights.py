"""Which right each route needs: one table beside the routes.

A right is `open` (everybody), `signed-in` (every user and key), `any-read` (whoever may read at least one
workload), or a scope. `{w}` stands for any workload. A route that is missing here fails a test, and needs an
admin until then.
"""

from collections.abc import Callable, Collection

from starlette.routing import Route

from serve.users.guard import ANY_READ, OPEN, SIGNED_IN
from serve.users.principal import ADMIN, INGEST, METRICS, OPERATE, READ

OF_WORKLOAD = f"{READ}:{{w}}"
INTO_WORKLOAD = f"{INGEST}:{{w}}"
RIGHTS = {
    "GET /livez": OPEN,
    "GET /readyz": OPEN,
    "GET /version": OPEN,
    "GET /metrics": METRICS,
    "GET /openapi.json": ANY_READ,
    "GET /docs": ANY_READ,
    "GET /docs/swagger-ui-bundle.js": ANY_READ,
    "GET /docs/swagger-ui.css": ANY_READ,
    "GET /docs/favicon.png": ANY_READ,
    "GET /v1/auth/oidc/login": OPEN,
    "GET /v1/auth/oidc/callback": OPEN,
    "POST /v1/auth/login": OPEN,
    "POST /v1/auth/refresh": OPEN,
    "POST /v1/auth/logout": SIGNED_IN,
    "GET /v1/auth/me": SIGNED_IN,
    "POST /v1/auth/password": SIGNED_IN,
    "GET /v1/auth/sessions": SIGNED_IN,
    "DELETE /v1/auth/sessions": SIGNED_IN,
    "DELETE /v1/auth/sessions/{session}": SIGNED_IN,
    "GET /v1/users": ADMIN,
    "POST /v1/users": ADMIN,
    "PATCH /v1/users/{user}": ADMIN,
    "GET /v1/audit": ADMIN,
    "GET /v1/audit/export": ADMIN,
    "GET /v1/audit/usage": ADMIN,
    "POST /v1/{w}/rollback": OPERATE,
    "POST /v1/{w}/promote": OPERATE,
    "POST /v1/{w}/resume": OPERATE,
    "GET /v1/keys": ADMIN,
    "POST /v1/keys": ADMIN,
    "DELETE /v1/keys/{key}": ADMIN,
    "GET /v1/workloads": READ,
    "GET /v1/{w}/predictions": OF_WORKLOAD,
    "GET /v1/{w}/predictions/{entity:path}": OF_WORKLOAD,
    "GET /v1/{w}/model": OF_WORKLOAD,
    "GET /v1/{w}/releases": OF_WORKLOAD,
    "GET /v1/{w}/runs/{run}": OF_WORKLOAD,
    "GET /v1/{w}/runs": OF_WORKLOAD,
    "GET /v1/{w}/models": OF_WORKLOAD,
    "GET /v1/live": READ,
    # Pages.
    "GET /": READ,
    "GET /static/{name}": OPEN,
    "GET /login": OPEN,
    "POST /login": OPEN,
    "POST /logout": SIGNED_IN,
    "GET /sessions": SIGNED_IN,
    "POST /sessions": SIGNED_IN,
    "POST /sessions/{session}": SIGNED_IN,
    "GET /{w}": OF_WORKLOAD,
    "GET /{w}/predictions": OF_WORKLOAD,
    "GET /{w}/predictions/{entity:path}": OF_WORKLOAD,
    "GET /{w}/model": OF_WORKLOAD,
    "GET /{w}/ledger": OF_WORKLOAD,
    "POST /{w}/rollback": OPERATE,
    "POST /{w}/promote": OPERATE,
    "POST /{w}/resume": OPERATE,
    "GET /{w}/runs": OF_WORKLOAD,
    "GET /{w}/runs/{run}": OF_WORKLOAD,
    "GET /{w}/runs/{run}/notebooks/{step}": OF_WORKLOAD,
    "GET /games/{game}": OF_WORKLOAD,
    "GET /football/picks": OF_WORKLOAD,
    "GET /football/results": OF_WORKLOAD,
    "GET /football/quality": OF_WORKLOAD,
    "GET /football/teams/{club:path}": OF_WORKLOAD,
    # Routes of one workload.
    "POST /v1/events": INTO_WORKLOAD,
    "POST /v1/events/bulk": INTO_WORKLOAD,
    "POST /v1/events/simulator": OPERATE,
    "GET /v1/events/simulator": OF_WORKLOAD,
    "GET /v1/events/stats": OF_WORKLOAD,
    "GET /v1/events/batches": OF_WORKLOAD,
    "GET /v1/events/cost": OF_WORKLOAD,
    "GET /v1/events/worker": OF_WORKLOAD,
    "GET /v1/events/policy": OF_WORKLOAD,
    "GET /v1/football/leagues": OF_WORKLOAD,
    "GET /v1/football/leagues/{code}/predictions": OF_WORKLOAD,
    "GET /v1/football/picks": OF_WORKLOAD,
    "GET /v1/football/statistics": OF_WORKLOAD,
    "GET /v1/football/results": OF_WORKLOAD,
    "GET /v1/games/catalogue/{game}": OF_WORKLOAD,
    "GET /v1/games/catalogue/{game}/recommendations": OF_WORKLOAD,
    "GET /v1/games/catalogue/{game}/similar": OF_WORKLOAD,
    "GET /v1/games/search": OF_WORKLOAD,
    "POST /v1/games/search/recommendations": OF_WORKLOAD,
    "POST /v1/games/recommendations": OF_WORKLOAD,
    "POST /v1/logs": INTO_WORKLOAD,
    "PATCH /v1/logs/alerts/{alert}": OPERATE,
    "GET /v1/logs/alerts": OF_WORKLOAD,
    "GET /v1/logs/search": OF_WORKLOAD,
    "GET /v1/logs/entries/{id:path}": OF_WORKLOAD,
    "GET /v1/logs/stats": OF_WORKLOAD,
    "GET /v1/logs/analytics": OF_WORKLOAD,
    "GET /v1/logs/templates": OF_WORKLOAD,
    "GET /v1/logs/anomalies": OF_WORKLOAD,
    "GET /v1/logs/export": OF_WORKLOAD,
    "GET /v1/logs/compare": OF_WORKLOAD,
    "POST /v1/logs/classify": OF_WORKLOAD,
    "GET /v1/logs/classify/{text_id}": OF_WORKLOAD,
}


def rights_for(workloads: Collection[str]) -> Callable[[Route], str]:
    """Return what says which right a route needs; one that the table lacks needs an admin."""

    def right_of(route: Route) -> str:
        [method] = (route.methods or {"GET"}) - {"HEAD"}
        return find(method, route.path, workloads) or ADMIN

    return right_of


def find(method: str, path: str, workloads: Collection[str]) -> str | None:
    """Return the right of an address, None for one that the table lacks.

    >>> find("GET", "/v1/football/predictions", ["football"])
    'read:football'
    """
    parts = path.split("/")
    place = 2 if parts[1] == "v1" else 1
    workload = parts[place] if len(parts) > place else ""
    general = "/".join([*parts[:place], "{w}", *parts[place + 1 :]]) if workload in workloads else path
    right = RIGHTS.get(f"{method} {path}") or RIGHTS.get(f"{method} {general}")
    return right.format(w=workload) if right else None
