"""Every example in the OpenAPI description fits the schema that stands beside it."""

from collections.abc import Iterator
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from almanac import discovery
from almanac.settings import Settings
from serve.app import create_app
from tests.stub import STUB


@pytest.fixture(scope="module")
def description() -> dict[str, Any]:
    settings = Settings(database_url="postgresql://localhost/none", ingest=True)
    return create_app(settings, {**discovery.contracts(), "stub": STUB}).openapi()


def operations(description: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, methods in description["paths"].items():
        for method, operation in methods.items():
            yield f"{method.upper()} {path}", operation


def examples(description: dict[str, Any]) -> Iterator[tuple[str, Any, Any]]:
    """Yield the place, the schema and the example of every body, answer and parameter."""
    for name, operation in operations(description):
        for parameter in operation.get("parameters", []):
            if "example" in parameter:
                yield f"{name} {parameter['name']}", parameter["schema"], parameter["example"]
        described = {"body": operation.get("requestBody", {}), **operation["responses"]}
        for place, part in described.items():
            for media_type, content in part.get("content", {}).items():
                if "example" in content:
                    yield f"{name} {place} {media_type}", content["schema"], content["example"]


def test_every_example_fits_its_schema(description):
    places = list(examples(description))
    assert len(places) > 100
    wrong = {}
    for place, schema, example in places:
        errors = [error.message[:150] for error in Draft202012Validator(schema).iter_errors(example)]
        if errors:
            wrong[place] = errors[:3]
    assert wrong == {}


def test_every_route_has_a_summary_a_tag_and_an_example(description):
    for name, operation in operations(description):
        assert operation["summary"], name
        assert operation["tags"], name
        for content in operation["responses"]["200"]["content"].values():
            assert "example" in content, name
