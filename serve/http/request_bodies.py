"""JSON bodies: read within limits, validated strictly, and never repeated in a refusal."""

import asyncio
import zlib
from codecs import BOM_UTF8
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, TypeVar

from fastapi import Depends, Request
from pydantic import BaseModel, ValidationError
from pydantic_core import from_json
from starlette.requests import ClientDisconnect

from serve.http import schemas
from serve.http.problems import CLOSE, Problem, reason_of, refused

JSON = "application/json"
LINES = "application/x-ndjson"
# The body of a request lies here for what runs later in the same request.
SCOPE_KEY = "almanac.body"
# A client has this long to send a body.
BODY_SECONDS = 30.0
MOST_PLACES = 20
UNREADABLE = "must be JSON in UTF-8, with finite numbers, whole characters and at most 200 levels"
INCOMPLETE = "The body ended before it was complete, or is not the gzip that it says it is."
Model = TypeVar("Model", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class BadItem:
    """An item of a list that does not fit; each error says where and what would fit."""

    errors: tuple[dict[str, Any], ...]


@dataclass(frozen=True)
class JsonBody:
    """A dependency that reads one `model`, or with `most_items` a JSON array or lines of them.

    Each item of a list is judged by itself: a bad one becomes BadItem. Without `limit_bytes` the limit of the
    settings holds; it counts what comes out of gzip.
    """

    model: type[BaseModel]
    example: Any
    doc: str = ""
    most_items: int | None = None
    limit_bytes: int | None = None
    gzip: bool = False

    refusals: ClassVar[tuple[int, ...]] = (400, 408, 413, 415, 422)

    async def __call__(self, request: Request) -> BaseModel | list[BaseModel | BadItem]:
        """Return what the body of `request` holds; raises Problem 400, 408, 413, 415 or 422."""
        content = await read(request, self, request.app.state.bounds.body_limit_bytes)
        request.scope[SCOPE_KEY] = content
        return content

    @property
    def media_types(self) -> tuple[str, ...]:
        """The content types that are read."""
        return (JSON, LINES) if self.most_items else (JSON,)

    def documented(self) -> schemas.Schema:
        """Return the body as OpenAPI describes it."""
        declared = self.model.model_json_schema()
        schema = _inlined(declared, declared.pop("$defs", {}))
        if self.most_items:
            # A bad item has a result of its own, so any item is allowed.
            schema = {"type": "array", "maxItems": self.most_items, "items": {"anyOf": [schema, {}]}}
        content: schemas.Schema = {JSON: {"schema": schema, "example": self.example}}
        if self.most_items:
            content[LINES] = {"schema": {}}
        return {"description": self.doc, "required": True, "content": content}


def body(model: type[BaseModel], example: Any, **options: Any) -> Any:
    """Return the dependency for `event: Annotated[Event, body(Event, EXAMPLE)]`, with options of JsonBody."""
    return Depends(JsonBody(model, example, **options))


async def read(
    request: Request, content: JsonBody, default_limit_bytes: int
) -> BaseModel | list[BaseModel | BadItem]:
    """Return what the body of `request` holds; raises Problem 400, 408, 413, 415 or 422."""
    kind = _media_type(request, content)
    limit = content.limit_bytes or default_limit_bytes
    received = await received_from(request, limit, gzip=content.gzip)
    if content.most_items is None:
        return _one(content.model, _parsed(received))
    items = list(_lines(received)) if kind == LINES else _parsed(received)
    if not isinstance(items, list):
        raise refused({"in": "body", "reason": "must be an array"})
    if len(items) > content.most_items:
        detail = f"The body holds more than {content.most_items} items. Send them in several calls."
        raise Problem(413, detail)
    return [_item(content.model, item) for item in items]


def _inlined(schema: Any, parts: Mapping[str, Any]) -> Any:
    """Return a schema with definitions in place of references: OpenAPI has another place for definitions."""
    if isinstance(schema, list):
        return [_inlined(item, parts) for item in schema]
    if not isinstance(schema, dict):
        return schema
    named = parts[schema["$ref"].rpartition("/")[-1]] if "$ref" in schema else {}
    return {name: _inlined(member, parts) for name, member in {**named, **schema}.items() if name != "$ref"}


def _media_type(request: Request, content: JsonBody) -> str:
    kind, _, rest = request.headers.get("content-type", "").lower().partition(";")
    charset = rest.replace(" ", "").replace('"', "").removeprefix("charset=")
    if kind.strip() not in content.media_types or charset not in ("", "utf-8"):
        detail = f"Content-Type must be {' or '.join(content.media_types)}, in UTF-8."
        raise Problem(415, detail, headers={"Accept": ", ".join(content.media_types)})
    return kind.strip()


async def received_from(request: Request, limit: int, *, gzip: bool = False) -> bytes:
    """Return the body unpacked; a body over the limit is refused at the first chunk over it.

    Raises Problem 400, 408, 413 or 415.
    """
    unpack = _unpacking(request, gzip=gzip)
    received, size = [], 0
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for chunk in request.stream():
                received.append(unpack(chunk, limit - size) if unpack else chunk)
                size += len(received[-1])
                if size > limit:
                    raise Problem(413, f"The body is larger than {limit} bytes.", headers=CLOSE)
    except TimeoutError:
        detail = f"The body did not arrive within {BODY_SECONDS:.0f} seconds."
        raise Problem(408, detail, headers=CLOSE) from None
    except (ClientDisconnect, zlib.error):
        raise Problem(400, INCOMPLETE, headers=CLOSE) from None
    if unpack and not unpack.is_complete:
        raise Problem(400, "The gzip of the body ends too early.", headers=CLOSE)
    return b"".join(received)


class _Gzip:
    """Unpacks gzip chunk by chunk, never much more than the limit; members may follow each other."""

    def __init__(self) -> None:
        self._stream = _member()

    def __call__(self, chunk: bytes, room: int) -> bytes:
        """Return what `chunk` unpacks to, at most one byte more than there is room for; raises zlib.error."""
        unpacked = b""
        while chunk and len(unpacked) <= room:
            if self._stream.eof:
                # Zeros may fill up a gzip behind its end.
                chunk = chunk.lstrip(b"\0")
                if not chunk:
                    break
                self._stream = _member()
            unpacked += self._stream.decompress(chunk, room + 1 - len(unpacked))
            chunk = self._stream.unused_data
        return unpacked

    @property
    def is_complete(self) -> bool:
        """Whether the end of the gzip was seen."""
        return self._stream.eof


def _member() -> "zlib._Decompress":
    return zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)


def _unpacking(request: Request, *, gzip: bool) -> _Gzip | None:
    coding = request.headers.get("content-encoding", "identity").strip().lower()
    if coding == "identity":
        return None
    if coding == "gzip" and gzip:
        return _Gzip()
    allowed = "gzip" if gzip else "identity"
    detail = f"Content-Encoding of this route may be {allowed}."
    raise Problem(415, detail, headers={"Accept-Encoding": allowed})


def _value(text: bytes) -> Any:
    """Return the value of JSON, which may begin with a byte order mark; raises ValueError."""
    return from_json(text.removeprefix(BOM_UTF8), allow_inf_nan=False, cache_strings="none")


def _parsed(text: bytes) -> Any:
    try:
        return _value(text)
    except ValueError:
        raise Problem(400, f"The body {UNREADABLE}.") from None


def _lines(text: bytes) -> Iterator[Any]:
    """Yield the value of each line that is not empty; a line that is no JSON becomes BadItem."""
    for line in text.split(b"\n"):
        if not line.removeprefix(BOM_UTF8).strip():
            continue
        try:
            yield _value(line)
        except ValueError:
            yield BadItem(({"in": "body", "reason": UNREADABLE},))


def _one(model: type[Model], value: Any) -> Model:
    item = _item(model, value)
    if isinstance(item, BadItem):
        raise refused(*item.errors)
    return item


def _item(model: type[Model], value: Any) -> Model | BadItem:
    if isinstance(value, BadItem):
        return value
    try:
        return model.model_validate(value, strict=True)
    except ValidationError as error:
        return BadItem(tuple(errors_of(model, error)))


def errors_of(model: type[BaseModel], error: ValidationError) -> Iterator[dict[str, Any]]:
    """Yield what does not fit, by the names of the model: a name that the client invented is not repeated."""
    for each in error.errors(include_url=False, include_input=False, include_context=False)[:MOST_PLACES]:
        if each["type"] == "extra_forbidden":
            members = sorted(model.model_fields)
            yield {"in": "body", "reason": "has a member that is not known", "known": members}
        else:
            yield {"in": "body", **_place(model, each["loc"]), "reason": reason_of(each)}


def _place(model: type[BaseModel], parts: Sequence[int | str]) -> dict[str, str]:
    return {"name": str(parts[0])} if parts and parts[0] in model.model_fields else {}
