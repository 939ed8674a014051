"""What operators order: roll back, promote and resume, each with a reason that the ledger keeps."""

from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import Request
from pydantic import Field, StringConstraints

from almanac.fields import StrictModel
from serve.http.problems import Problem
from serve.reading.database import Database
from serve.users import audit

ROLLBACK = b"SELECT api.operate_rollback(%s, %s, %s, %s, %s)"
PROMOTE = b"SELECT api.operate_promote(%s, %s, %s, %s, %s)"
RESUME = b"SELECT api.operate_resume(%s, %s)"
Why = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=500, pattern=r"^[^\x00-\x1f\x7f]*$"),
]


class Order(StrictModel):
    """A reason, which the ledger keeps."""

    why: Why = Field(description="The reason; ledger and audit trail keep it.")


class Rollback(Order):
    """Go back to a run, or to the one before."""

    run: Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=r"^[0-9a-z-]+$")] | None = (
        Field(None, description="Id of the run to go back to; the run released before where it is missing.")
    )


class Promotion(Order):
    """Make a version champion."""

    model_version: int = Field(ge=1, le=2**31 - 1, description="A registered model version.")


async def roll_back(request: Request, access: Database, workload: str, order: Rollback) -> dict[str, Any]:
    """Answer from an earlier run again; raises Problem 404 or 409 where the ledger forbids it."""
    detail = {"why": order.why, **({"to": order.run} if order.run else {})}
    event = audit.row_of(request, "rollback", subject=workload, detail=detail)
    values = (workload, order.run, event["who"], order.why, audit.as_json(event))
    return await _carried_out(request, access, ROLLBACK, values)


async def promote(request: Request, access: Database, workload: str, order: Promotion) -> dict[str, Any]:
    """Make a version champion and answer from it; raises Problem 404 or 409 where the ledger forbids it."""
    detail = {"why": order.why, "version": str(order.model_version)}
    event = audit.row_of(request, "promote", subject=workload, detail=detail)
    values = (workload, order.model_version, event["who"], order.why, audit.as_json(event))
    return await _carried_out(request, access, PROMOTE, values)


async def resume(request: Request, access: Database, workload: str, order: Order) -> dict[str, Any]:
    """End a hold."""
    event = audit.row_of(request, "resume", subject=workload, detail={"why": order.why})
    return await _carried_out(request, access, RESUME, (workload, audit.as_json(event)))


async def _carried_out(
    request: Request, access: Database, query: bytes, values: Sequence[Any]
) -> dict[str, Any]:
    """Do it once, however often the query is sent; the pages of this server show it at once."""
    [(answer,)] = await access.rows(query, values)
    if "status" in answer:
        raise Problem(answer["status"], answer["detail"])
    request.app.state.rendered_pages.clear()
    outcome: dict[str, Any] = answer
    return outcome
