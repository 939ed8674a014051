"""What a request reads: a workload, its parameters, and the place in a list where a cursor continues."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fastapi import Request

from almanac.contract import Contract
from almanac.fields import of_type
from serve.http import query_models, request_bodies
from serve.reading import cursors, queries
from serve.reading.cursors import Cursor

Values = Mapping[str, Any]
# Parameters that choose an edition other than the live one.
PINS = frozenset({"as_of", "model_version", "cursor"})


@dataclass(frozen=True, slots=True)
class ReadRequest:
    """A request for predictions; requests with one meaning have equal `values`."""

    request: Request
    contract: Contract
    values: Values
    cursor: Cursor | None

    @property
    def pins(self) -> frozenset[str]:
        """The parameters that choose an edition other than the live one."""
        return PINS & self.values.keys()


def parse(contract: Contract, request: Request, values: Values) -> ReadRequest:
    """Return what a request with these parameters reads; raises Problem 422 for a cursor of another list."""
    if "cursor" not in values:
        return ReadRequest(request, contract, values, None)
    readers = [of_type(contract.predictions.column(name).type) for name in queries.key_columns(contract)]
    return ReadRequest(request, contract, values, cursors.read(values["cursor"], readers))


def values_of(request: Request) -> dict[str, Any]:
    """Return the parameters and the body that the dependencies of a route have read."""
    values: dict[str, Any] = request.scope[query_models.SCOPE_KEY].parameters()
    if request_bodies.SCOPE_KEY in request.scope:
        values["body"] = request.scope[request_bodies.SCOPE_KEY]
    return values
