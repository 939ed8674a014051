"""What OpenAPI says about access: the credentials, and which of them each operation needs."""

from collections.abc import Iterable
from typing import Any

from fastapi.routing import APIRoute

from serve.http import documented
from serve.users import cookies
from serve.users.guard import OPEN, SIGNED_IN, UNSAFE, Guard

SCHEMES: dict[str, dict[str, str]] = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "An access token or an API key."},
    "key": {"type": "apiKey", "in": "header", "name": "X-API-Key", "description": "An API key."},
    "cookie": {
        "type": "apiKey",
        "in": "cookie",
        "name": cookies.SECURE_NAME,
        "description": "The session of a browser. What writes also needs the Origin of this server.",
    },
}
TWO_CREDENTIALS = {**documented.refusal(400), "description": "The request has two credentials."}


def add_access(description: dict[str, Any], routes: Iterable[tuple[APIRoute, str]], guard: Guard) -> None:
    """Add the credentials to a description, and to each operation which it needs; `routes` have rights."""
    description["components"]["securitySchemes"] = SCHEMES
    for route, right in routes:
        for method in route.methods or ():
            operation = description["paths"][route.path_format][method.lower()]
            if right == OPEN:
                operation["security"] = []
            else:
                _describe(operation, method, right, guard)


def _describe(operation: dict[str, Any], method: str, right: str, guard: Guard) -> None:
    """Add to an operation its credentials, any one of which is enough, and what the guard answers."""
    nobody: list[dict[str, list[str]]] = [{}] if guard.is_public(right) else []
    operation["security"] = [*nobody, *({name: []} for name in SCHEMES)]
    responses = operation["responses"]
    responses.setdefault("400", TWO_CREDENTIALS)
    for status in (401, 403, 429, 503):
        if status != 403 or right != SIGNED_IN or method in UNSAFE:
            responses.setdefault(str(status), documented.refusal(status))
