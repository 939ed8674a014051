"""Users, for admins: listed, added, changed."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Request
from pydantic import Field
from starlette.responses import Response

from almanac.fields import StrictModel
from serve.answers import responses
from serve.answers.responses import ENCODE
from serve.http import schemas
from serve.http.documented import answers
from serve.http.problems import refused
from serve.http.query_models import TEXT, QueryModel
from serve.http.request_bodies import body
from serve.http.route import Route
from serve.users import audit, names, passwords, users
from serve.users.access import AccessDep, PrincipalDep

router = APIRouter(prefix="/v1/users", tags=["users"], route_class=Route)

STRING = {"type": "string"}
USER = schemas.object_of(
    name=STRING,
    role={"enum": ["viewer", "operator", "admin"]},
    created_at={"type": "string", "format": "date-time"},
    created_by=STRING,
    disabled_at={"type": ["string", "null"], "format": "date-time"},
    has_password={"type": "boolean"},
    sessions={"type": "integer", "description": "How many sessions go on."},
)
USER_EXAMPLE = {
    "name": "anna",
    "role": "viewer",
    "created_at": "2026-11-22T06:00:00+00:00",
    "created_by": "root",
    "disabled_at": None,
    "has_password": True,
    "sessions": 1,
}
NAMED = schemas.object_of(name=STRING)
NEW_EXAMPLE = {"name": "anna", "role": "viewer", "password": "a long sentence of hers"}
Role = Literal["viewer", "operator", "admin"]
Password = Annotated[str, Field(max_length=1024)]


class NewUser(StrictModel):
    """A user to be added."""

    name: Annotated[str, Field(max_length=256)]
    role: Role
    password: Password


class UserChange(StrictModel):
    """What shall change; a new password, and disabling, end all sessions."""

    role: Role | None = None
    password: Password | None = None
    disabled: bool | None = None


class UserQuery(QueryModel):
    """One user."""

    user: Annotated[str, TEXT, Field(description="Name of the user.", examples=["anna"])]


@router.get("", **answers(schemas.object_of(rows=schemas.array(USER)), {"rows": [USER_EXAMPLE]}, 503))
async def list_users(access: AccessDep) -> Response:
    """List the users.

    With their roles, and how many sessions each has.
    """
    rows = await access.database.rows(users.USERS)
    return responses.fresh(ENCODE({"rows": users.records(users.USER_COLUMNS, rows)}).encode())


@router.post("", **answers(NAMED, {"name": "anna"}, 409, 503))
async def add_user(
    new: Annotated[NewUser, body(NewUser, NEW_EXAMPLE)],
    request: Request,
    access: AccessDep,
    principal: PrincipalDep,
) -> Response:
    """Add a user.

    The password has at least 12 characters and is none of the commonest.
    """
    name = names.plain_name(new.name)
    if name is None:
        raise refused({"in": "body", "name": "name", "reason": names.RULE})
    _refuse_weak(new.password, name)
    await users.add(access, name, new.role, new.password, by=principal.name)
    await audit.record(request, "user_add", subject=name, detail={"role": new.role}, required=True)
    return responses.fresh(ENCODE({"name": name}).encode())


@router.patch("/{user}", **answers(NAMED, {"name": "anna"}, 404, 409, 503))
async def change_user(
    query: Annotated[UserQuery, Depends(UserQuery.read)],
    change: Annotated[UserChange, body(UserChange, {"role": "operator"})],
    request: Request,
    access: AccessDep,
) -> Response:
    """Change a user.

    Role, password, or whether the user is disabled. It holds at once. The last admin stays one.
    """
    if change.password is not None:
        _refuse_weak(change.password, query.user)
    await users.change(
        access, query.user, role=change.role, password=change.password, disabled=change.disabled
    )
    await audit.record(request, "user_change", subject=query.user, detail=_detail(change), required=True)
    return responses.fresh(ENCODE({"name": query.user}).encode())


def _refuse_weak(password: str, name: str) -> None:
    if weakness := passwords.weakness(password, name):
        raise refused({"in": "body", "name": "password", "reason": weakness})


def _detail(change: UserChange) -> dict[str, str]:
    """Return what has changed, without a password."""
    values: dict[str, Any] = change.model_dump(exclude_none=True)
    return {name: "new" if name == "password" else str(value) for name, value in values.items()}
