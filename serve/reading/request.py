"""A request for predictions, understood: of which workload, with which parameters, from which place in the list."""

from dataclasses import dataclass

from fastapi import Request

from almanac.contract import Contract
from almanac.fields import of_type
from serve.http.parameters import Values
from serve.reading import cursors, queries
from serve.reading.cursors import Cursor

# Parameters that choose an edition other than the live one.
PINS = frozenset({"as_of", "model_version", "cursor"})


@dataclass(frozen=True, slots=True)
class ReadRequest:
    """What is asked; `values` are normalised, so that equal questions have equal values."""

    request: Request
    contract: Contract
    values: Values
    cursor: Cursor | None

    @property
    def pins(self) -> frozenset[str]:
        """The parameters given that choose an edition other than the live one."""
        return PINS & self.values.keys()


def parse(contract: Contract, request: Request, values: Values) -> ReadRequest:
    """Return the question in a request whose parameters were read; raises Problem 422 for a cursor of another list."""
    if "cursor" not in values:
        return ReadRequest(request, contract, values, None)
    readers = [of_type(contract.predictions.column(name).type) for name in queries.key_columns(contract)]
    return ReadRequest(request, contract, values, cursors.read(values["cursor"], readers))
