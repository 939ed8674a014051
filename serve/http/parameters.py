"""The parameters of a route: declared once, read strictly, and shown in the documentation."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import parse_qsl

from fastapi import Request

from almanac import fields
from almanac.contract import Column, Contract, Filter
from almanac.fields import Reader
from serve.http import schemas
from serve.http.problems import refused

Values = Mapping[str, Any]
DEFAULT_LIMIT = 50
MOST_ROWS = 1000
MOST_PARAMETERS = 100
TEXT = {"type": "string", "maxLength": fields.MOST_CHARACTERS}
AS_OF = "Answer as it was at this instant, given with its offset."


@dataclass(frozen=True, slots=True)
class Parameter:
    """One query or path parameter; `read` raises ValueError with a reason that does not repeat the input."""

    name: str
    read: Reader
    schema: Mapping[str, Any]
    doc: str
    example: Any
    place: Literal["query", "path"] = "query"
    default: Any = None
    required: bool = False

    def documented(self) -> dict[str, Any]:
        """Return the parameter as OpenAPI describes it."""
        documented = {
            "name": self.name,
            "in": self.place,
            "required": self.required or self.place == "path",
            "description": self.doc,
        }
        return documented | {"schema": dict(self.schema), "example": self.example} | self._style()

    def _style(self) -> dict[str, Any]:
        return {"style": "form", "explode": False} if self.schema["type"] == "array" else {}


def read(request: Request, known: Mapping[str, Parameter]) -> dict[str, Any]:
    """Return the values of all parameters that were given or have a default; raises Problem 422 naming each that does not fit."""
    given, wrong = _query(request)
    for name in given.keys() - known.keys() | given.keys() & request.path_params.keys():
        del given[name]
        wrong.append({"in": "query", "reason": "is not a parameter of this route", "known": _of_query(known)})
    values = {name: parameter.default for name, parameter in known.items() if parameter.default is not None}
    for name, text in {**given, **request.path_params}.items():
        try:
            values[name] = known[name].read(text)
        except ValueError as error:
            wrong.append({"in": known[name].place, "name": name, "reason": str(error)})
    if wrong:
        raise refused(*wrong)
    return values


def _query(request: Request) -> tuple[dict[str, str], list[dict[str, Any]]]:
    """Return the query's parameters by name, and what is wrong with the query as a whole."""
    query = request.scope["query_string"]
    if not query:
        return {}, []
    try:
        pairs = parse_qsl(
            query.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=MOST_PARAMETERS
        )
    except ValueError:
        return {}, [
            {
                "in": "query",
                "reason": f"must be percent-encoded UTF-8 with at most {MOST_PARAMETERS} parameters",
            }
        ]
    given = dict(pairs)
    return given, [{"in": "query", "reason": "names a parameter twice"}] if len(given) < len(pairs) else []


def _of_query(known: Mapping[str, Parameter]) -> list[str]:
    return sorted(name for name, parameter in known.items() if parameter.place == "query")


def demand(values: Values, wanted: Iterable[Parameter]) -> None:
    """Raise Problem 422 naming each required parameter that was not given; few routes have any, so they ask for themselves."""
    missing = [parameter.name for parameter in wanted if parameter.required and parameter.name not in values]
    if missing:
        raise refused(*({"in": "query", "name": name, "reason": "is required"} for name in missing))


def edition() -> tuple[Parameter, ...]:
    """Return the parameters that choose from which release or model version an answer comes."""
    return (
        Parameter(
            "as_of",
            fields.instant,
            {"type": "string", "format": "date-time"},
            AS_OF,
            "2026-11-22T06:00:00Z",
        ),
        Parameter(
            "model_version",
            fields.integer(1, 2**31 - 1),
            {"type": "integer", "minimum": 1, "maximum": 2**31 - 1},
            "Answer from this model version, whether it was released or not, as long as its predictions are kept.",
            1,
        ),
    )


def paging() -> tuple[Parameter, ...]:
    """Return the parameters of a list that is read page by page."""
    return (
        Parameter(
            "limit",
            fields.integer(1, MOST_ROWS),
            {"type": "integer", "minimum": 1, "maximum": MOST_ROWS, "default": DEFAULT_LIMIT},
            "Most rows of one page.",
            DEFAULT_LIMIT,
            default=DEFAULT_LIMIT,
        ),
        Parameter(
            "cursor",
            fields.text,
            TEXT,
            "Where the next page begins; taken from the `next` of the page before.",
            None,
        ),
    )


def filters(contract: Contract, *, without: str = "") -> tuple[Parameter, ...]:
    """Return one query parameter for each filter of the contract, except the one called `without`."""
    return tuple(
        _filter(contract.predictions.column(declared.column), declared)
        for declared in contract.filters
        if declared.name != without
    )


def entity(contract: Contract, example: Any) -> Parameter:
    """Return the path parameter that names one prediction."""
    return of_path("entity", contract.predictions.column(contract.entity), example)


def of_path(name: str, column: Column, example: Any) -> Parameter:
    """Return the path parameter `name` that is compared with `column`."""
    return Parameter(name, fields.of_type(column.type), _schema(column), column.doc, example, "path")


def _filter(column: Column, declared: Filter) -> Parameter:
    reader, schema, example = fields.of_type(column.type), _schema(column), schemas.example(column)
    if declared.op == "in" and column.type == "text":
        # In an address a list of texts is a text with commas; called an array, a number would be said not to fit, and does.
        return Parameter(
            declared.name, fields.listed(reader), {"type": "string"}, declared.doc or column.doc, example
        )
    if declared.op == "in":
        schema = {"type": "array", "items": schema, "maxItems": fields.MOST_VALUES}
        return Parameter(declared.name, fields.listed(reader), schema, declared.doc or column.doc, [example])
    return Parameter(declared.name, reader, schema, declared.doc or column.doc, example)


def _schema(column: Column) -> schemas.Schema:
    return dict(TEXT) if column.type == "text" else schemas.plain(column)
