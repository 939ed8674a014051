"""API keys, for admins: listed, created, revoked."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from pydantic import Field
from starlette.responses import Response

from almanac.fields import StrictModel
from serve.answers import responses
from serve.answers.responses import ENCODE
from serve.answers.service import ServiceDep
from serve.http import schemas
from serve.http.documented import answers
from serve.http.problems import refused
from serve.http.query_models import TEXT, QueryModel
from serve.http.request_bodies import body
from serve.http.route import Route
from serve.users import api_keys, audit, names, users
from serve.users.access import AccessDep, PrincipalDep

router = APIRouter(prefix="/v1/keys", tags=["keys"], route_class=Route)

STRING = {"type": "string"}
INSTANT = {"type": "string", "format": "date-time"}
MAYBE_INSTANT = {"type": ["string", "null"], "format": "date-time"}
KEY = schemas.object_of(
    id={**STRING, "description": "The eight visible characters of the key."},
    name=STRING,
    scopes=schemas.array(STRING),
    created_at=INSTANT,
    created_by=STRING,
    expires_at=MAYBE_INSTANT,
    last_used_at=MAYBE_INSTANT,
    revoked_at=MAYBE_INSTANT,
    revoked_by={"type": ["string", "null"]},
)
KEY_EXAMPLE = {
    "id": "4fTq09Zk",
    "name": "prometheus",
    "scopes": ["metrics"],
    "created_at": "2026-11-22T06:00:00+00:00",
    "created_by": "anna",
    "expires_at": "2027-02-20T06:00:00+00:00",
    "last_used_at": None,
    "revoked_at": None,
    "revoked_by": None,
}
CREATED = schemas.object_of(
    key={**STRING, "description": "The key itself. It is shown this once."},
    id=STRING,
    name=STRING,
    scopes=schemas.array(STRING),
    expires_at=MAYBE_INSTANT,
)
CREATED_EXAMPLE = {
    "key": "alm_4fTq09Zk…",
    "id": "4fTq09Zk",
    "name": "prometheus",
    "scopes": ["metrics"],
    "expires_at": "2027-02-20T06:00:00+00:00",
}
NO_SCOPE = "must be read, ingest, operate, admin, metrics, read:WORKLOAD or ingest:WORKLOAD"


class NewKey(StrictModel):
    """A key to be created."""

    name: Annotated[str, Field(max_length=256, description="Who uses it.")]
    scopes: Annotated[list[str], Field(min_length=1, max_length=50, description="What it may do.")]
    days: Annotated[int, Field(ge=1, le=api_keys.MOST_DAYS, description="After so many days it expires.")] = (
        api_keys.DEFAULT_DAYS
    )


class KeyQuery(QueryModel):
    """One key."""

    key: Annotated[str, TEXT, Field(description="Id of the key.", examples=["4fTq09Zk"])]


@router.get("", **answers(schemas.object_of(rows=schemas.array(KEY)), {"rows": [KEY_EXAMPLE]}, 503))
async def list_keys(access: AccessDep) -> Response:
    """List the keys.

    What each may do, when it was used last and when it expires. The keys themselves are not stored.
    """
    rows = await access.database.rows(users.KEYS)
    return responses.fresh(ENCODE({"rows": users.records(users.KEY_COLUMNS, rows)}).encode())


@router.post("", **answers(CREATED, CREATED_EXAMPLE, 503))
async def create_key(
    new: Annotated[NewKey, body(NewKey, {"name": "prometheus", "scopes": ["metrics"], "days": 90})],
    request: Request,
    access: AccessDep,
    service: ServiceDep,
    principal: PrincipalDep,
) -> Response:
    """Create a key.

    The answer has the key, this once. It goes into `Authorization: Bearer` or `X-API-Key`.
    """
    name, scopes = names.plain_name(new.name), sorted(set(new.scopes))
    if name is None:
        raise refused({"in": "body", "name": "name", "reason": names.RULE})
    if api_keys.unknown_scopes(scopes, service.contracts):
        raise refused({"in": "body", "name": "scopes", "reason": NO_SCOPE})
    key, expires_at = await users.add_key(access, name, scopes, new.days, by=principal.name)
    detail = {"name": name, "scopes": " ".join(scopes)}
    await audit.record(request, "key_create", subject=key.id, detail=detail, required=True)
    created = {"key": key.text, "id": key.id, "name": name, "scopes": scopes, "expires_at": expires_at}
    return responses.fresh(ENCODE(created).encode())


@router.delete("/{key}", **answers(schemas.object_of(id=STRING), {"id": "4fTq09Zk"}, 404, 503))
async def revoke_key(
    query: Annotated[KeyQuery, Depends(KeyQuery.read)],
    request: Request,
    access: AccessDep,
    principal: PrincipalDep,
) -> Response:
    """Revoke a key.

    From now on it is refused, here at once and by other servers within a second.
    """
    await users.revoke_key(access, query.key, by=principal.name)
    await audit.record(request, "key_revoke", subject=query.key, required=True)
    return responses.fresh(ENCODE({"id": query.key}).encode())
