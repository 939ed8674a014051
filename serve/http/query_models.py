"""Path and query parameters as pydantic models: one model for each route, validated once for each request."""

import inspect
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, ClassVar, Final, Self
from urllib.parse import parse_qsl

from fastapi import Request
from pydantic import ConfigDict, Field, GetCoreSchemaHandler, ValidationError, create_model
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails, PydanticUndefined, core_schema

from almanac import fields
from almanac.contract import Column, Contract, Filter
from almanac.fields import Reader, StrictModel
from serve.http import schemas
from serve.http.problems import may_refuse, reason_of, refused
from serve.http.schemas import Schema

DEFAULT_LIMIT = 50
MOST_ROWS = 1000
MOST_PARAMETERS = 100
# The model of a request lies here for what runs later in the same request.
SCOPE_KEY = "almanac.query"
UNREADABLE = f"must be percent-encoded UTF-8 with at most {MOST_PARAMETERS} parameters"
DOUBLED = {"in": "query", "reason": "names a parameter twice"}


@dataclass(frozen=True)
class Parsed:
    """How the text of a parameter is parsed, and the JSON Schema of it; `read` raises ValueError."""

    read: Reader
    schema: Schema

    def __get_pydantic_core_schema__(
        self, _source: Any, _handler: GetCoreSchemaHandler
    ) -> core_schema.CoreSchema:
        """Let pydantic parse the text by `read` alone."""
        return core_schema.no_info_plain_validator_function(self.read)


class QueryModel(StrictModel):
    """The parameters of a route; a field that stands in the route's path is a path parameter.

    A route reads it by `query: Annotated[Model, Depends(Model.read)]`. Without fields it refuses every
    parameter.
    """

    # Built at the first request of its route: most servers are asked few of all routes.
    model_config = ConfigDict(defer_build=True)

    _sorted_names: ClassVar[tuple[tuple[str, str], ...]] = ()

    @classmethod
    def __pydantic_init_subclass__(cls, **_options: Any) -> None:
        """Sort the names once and not for each request."""
        names = ((info.alias or name, name) for name, info in cls.model_fields.items())
        cls._sorted_names = tuple(sorted(names))

    @classmethod
    @may_refuse(422)
    async def read(cls, request: Request) -> Self:
        """Return the parameters of `request`; raises Problem 422 that names each that does not fit."""
        scope = request.scope
        path, text = scope["path_params"], scope["query_string"]
        pairs = _pairs(text) if text else []
        values = dict(pairs, **path)
        if len(values) < len(pairs) + len(path):
            raise refused(*_errors(cls, pairs, path))
        try:
            query = cls.model_validate(values)
        except ValidationError:
            raise refused(*_errors(cls, pairs, path)) from None
        scope[SCOPE_KEY] = query
        return query

    def parameters(self) -> dict[str, Any]:
        """Return the values by the names of their parameters, sorted, without those that were left out."""
        values = self.__dict__
        return {name: values[field] for name, field in self._sorted_names if values[field] is not None}

    def narrowed(self, **filters: Any) -> dict[str, Any]:
        """Return the parameters with further filters."""
        return self.parameters() | filters


def whole(least: int, most: int) -> Parsed:
    """Return how a whole number from `least` to `most` is parsed."""
    return Parsed(fields.integer(least, most), {"type": "integer", "minimum": least, "maximum": most})


def number(most: float) -> Parsed:
    """Return how a number from 0 to `most` is parsed."""
    return Parsed(fields.amount(most), {"type": "number", "minimum": 0, "maximum": most})


def one_of(*words: str) -> Parsed:
    """Return how one of these words is parsed."""
    return Parsed(fields.one_of(*words), {"type": "string", "enum": list(words)})


def of_column(column: Column) -> Parsed:
    """Return how a value that is compared with `column` is parsed."""
    schema = TEXT.schema if column.type == "text" else schemas.plain(column)
    return Parsed(fields.of_type(column.type), schema)


TEXT: Final = Parsed(fields.text, {"type": "string", "maxLength": fields.MOST_CHARACTERS})
BOOLEAN: Final = Parsed(fields.boolean, {"type": "boolean"})
INSTANT: Final = Parsed(fields.instant, {"type": "string", "format": "date-time"})
# A number of the ledger or of another table: any that PostgreSQL can hold.
NUMBER: Final = Parsed(fields.integer(1, 2**63 - 1), {"type": "integer", "minimum": 1})


class EditionQuery(QueryModel):
    """From which release or model version a route answers."""

    as_of: Annotated[
        datetime | None,
        INSTANT,
        Field(
            description="Answer as it was at this instant, given with its offset.",
            examples=["2026-11-22T06:00:00Z"],
        ),
    ] = None
    model_version: Annotated[
        int | None,
        whole(1, 2**31 - 1),
        Field(
            description="Answer from this model version, released or not, while its predictions are kept.",
            examples=[1],
        ),
    ] = None


class CursorQuery(QueryModel):
    """One page of a list; each names the next."""

    limit: Annotated[
        int, whole(1, MOST_ROWS), Field(description="Most rows of one page.", examples=[DEFAULT_LIMIT])
    ] = DEFAULT_LIMIT
    cursor: Annotated[
        str | None,
        TEXT,
        Field(description="Where the next page begins; taken from the `next` of the page before."),
    ] = None


class PageQuery(CursorQuery, EditionQuery):
    """One page of a list that is read from the release or model version of the request."""


class EntityQuery(EditionQuery):
    """One prediction, named in the path."""

    entity: Any


def filtered(contract: Contract, *, without: str = "", base: type[PageQuery] = PageQuery) -> type[PageQuery]:
    """Return the model of a list: one field for each filter of the contract but the one called `without`."""
    declared = [each for each in contract.filters if each.name != without]
    definitions: Any = {
        _attribute(each.name): _filter(contract.predictions.column(each.column), each) for each in declared
    }
    return create_model(base.__name__, __base__=base, **definitions)


def of_entity(contract: Contract, example: Any) -> type[EntityQuery]:
    """Return the model of the path that names one prediction."""
    column = contract.predictions.column(contract.entity)
    info = Field(description=column.doc, examples=[example])
    return create_model("EntityQuery", __base__=EntityQuery, entity=(Annotated[Any, of_column(column)], info))


def model_of(call: Any) -> type[QueryModel] | None:
    """Return the model whose `read` this dependency is, or None for another dependency."""
    owner = getattr(call, "__self__", None)
    return owner if isinstance(owner, type) and issubclass(owner, QueryModel) else None


def documented(model: type[QueryModel], path: Collection[str]) -> Iterator[dict[str, Any]]:
    """Yield the parameters of `model` as OpenAPI describes them; `path` has the names in the route's path."""
    for name in _own_first(model):
        info = model.model_fields[name]
        public = info.alias or name
        parameter = {"name": public, "in": "path" if public in path else "query"}
        yield parameter | _described(info)


def _described(info: FieldInfo) -> dict[str, Any]:
    schema = dict(next(part.schema for part in info.metadata if isinstance(part, Parsed)))
    if info.default not in (None, PydanticUndefined):
        schema["default"] = info.default
    described = {"required": info.is_required(), "description": info.description or "", "schema": schema}
    if info.examples:
        described["example"] = info.examples[0]
    if schema.get("type") == "array":
        described |= {"style": "form", "explode": False}
    return described


def _own_first(model: type[QueryModel]) -> list[str]:
    """Return the names of the fields, those of the model itself before those that it inherits."""
    order = [name for base in model.__mro__ for name in inspect.get_annotations(base)]
    return sorted(model.model_fields, key=order.index)


def _pairs(query: bytes) -> list[tuple[str, str]]:
    try:
        text = query.decode("ascii")
        return parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=MOST_PARAMETERS)
    except ValueError:
        raise refused({"in": "query", "reason": UNREADABLE}) from None


def _errors(
    model: type[QueryModel], pairs: list[tuple[str, str]], path: Mapping[str, str]
) -> list[dict[str, Any]]:
    """Return what does not fit; a name that the client invented is not repeated."""
    text = dict(pairs)
    names = sorted({info.alias or name for name, info in model.model_fields.items()} - path.keys())
    unknown = {"in": "query", "reason": "is not a parameter of this route", "known": names}
    doubled = [DOUBLED] if len(text) < len(pairs) else []
    values = {name: value for name, value in text.items() if name in names} | dict(path)
    invalid = [_error(each, path) for each in _invalid(model, values)]
    return [*doubled, *(unknown for name in text if name not in names), *invalid]


def _invalid(model: type[QueryModel], values: Mapping[str, str]) -> list[ErrorDetails]:
    """Return the errors of pydantic in the order of the request; parameters that are missing come last."""
    try:
        model.model_validate(values)
    except ValidationError as error:
        places = {name: place for place, name in enumerate(values)}
        return sorted(error.errors(include_url=False), key=lambda each: places.get(_name(each), len(places)))
    return []


def _error(error: ErrorDetails, path: Mapping[str, str]) -> dict[str, Any]:
    name = _name(error)
    reason = "is required" if error["type"] == "missing" else reason_of(error)
    return {"in": "path" if name in path else "query", "name": name, "reason": reason}


def _name(error: ErrorDetails) -> str:
    return str(error["loc"][0])


def _attribute(name: str) -> str:
    """Return the name of a field; the names of pydantic's own methods cannot be fields."""
    return f"{name}_" if hasattr(PageQuery, name) else name


def _filter(column: Column, declared: Filter) -> Any:
    parsed, example = of_column(column), schemas.example(column)
    if declared.op == "in":
        parsed, example = _several(parsed, example)
    info = Field(
        alias=declared.name, default=None, description=declared.doc or column.doc, examples=[example]
    )
    return Annotated[Any, parsed], info


def _several(parsed: Parsed, example: Any) -> tuple[Parsed, Any]:
    read = fields.listed(parsed.read)
    if parsed.schema["type"] == "string" and "format" not in parsed.schema:
        # In an address a list of texts is a text with commas: as an array, a number would seem not to fit,
        # and it does.
        return Parsed(read, {"type": "string"}), example
    schema = {"type": "array", "items": parsed.schema, "maxItems": fields.MOST_VALUES}
    return Parsed(read, schema), [example]
