"""Forms of pages: their bodies read within limits, and validated as JSON bodies are."""

from dataclasses import dataclass
from typing import Any, ClassVar
from urllib.parse import parse_qsl

from fastapi import Depends, Request
from pydantic import BaseModel, ValidationError

from serve.http.problems import Problem, refused
from serve.http.request_bodies import errors_of, received_from

FORM = "application/x-www-form-urlencoded"
LIMIT_BYTES = 16_384
MOST_FIELDS = 20
UNREADABLE = f"The body must be a form: percent-encoded UTF-8 with at most {MOST_FIELDS} fields, each once."


@dataclass(frozen=True)
class FormBody:
    """A dependency that reads a `model` from the fields of a form; an empty field counts as left out."""

    model: type[BaseModel]

    refusals: ClassVar[tuple[int, ...]] = (400, 408, 413, 415, 422)

    async def __call__(self, request: Request) -> BaseModel:
        """Return what the form of `request` holds; raises Problem 400, 408, 413, 415 or 422."""
        if request.headers.get("content-type", "").partition(";")[0].strip().lower() != FORM:
            raise Problem(415, f"Content-Type must be {FORM}.", headers={"Accept": FORM})
        fields = _fields(await received_from(request, LIMIT_BYTES))
        try:
            return self.model.model_validate_strings(fields)
        except ValidationError as error:
            raise refused(*errors_of(self.model, error)) from None


def form(model: type[BaseModel]) -> Any:
    """Return the dependency for `login: Annotated[Login, form(Login)]`."""
    return Depends(FormBody(model))


def _fields(content: bytes) -> dict[str, str]:
    try:
        pairs = parse_qsl(content.decode("ascii"), errors="strict", max_num_fields=MOST_FIELDS)
    except ValueError:
        raise Problem(400, UNREADABLE) from None
    fields = dict(pairs)
    if len(fields) < len(pairs):
        raise Problem(400, UNREADABLE)
    return fields
