"""JSON Schema of the answers, made from a contract's columns."""

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

from almanac.contract import Column

Schema = dict[str, Any]
TYPES: Mapping[str, Schema] = {
    "text": {"type": "string"},
    "integer": {"type": "integer"},
    "bigint": {"type": "integer"},
    "real": {"type": "number"},
    "boolean": {"type": "boolean"},
    "date": {"type": "string", "format": "date"},
    "timestamp": {"type": "string", "format": "date-time"},
    "json": {},
}
EXAMPLES: Mapping[str, Any] = {
    "text": "text",
    "integer": 1,
    "bigint": 1,
    "real": 0.5,
    "boolean": True,
    "date": "2025-04-18",
    "timestamp": "2025-04-18T06:00:00Z",
    "json": [],
}
PROBLEM: Schema = {
    "type": "object",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "What is wrong and the way out."},
        "errors": {
            "type": "array",
            "items": {"type": "object"},
            "description": "With 422: each parameter that does not fit.",
        },
        "ledger": {
            "type": "object",
            "description": "With 410: what the ledger says of the release whose rows are gone.",
        },
    },
}
NULLABLE_TEXT: Schema = {"type": ["string", "null"]}
# The members of every answer from a release; the flags appear only where they are true.
ENVELOPE: Schema = {
    "workload": {"type": "string"},
    "release": {
        "type": ["integer", "null"],
        "description": "The row of the ledger this answer comes from; null before the first release.",
    },
    "published_at": {**NULLABLE_TEXT, "format": "date-time", "description": "When the release was made."},
    "model_version": {
        "type": ["integer", "null"],
        "description": "Version of the model that made the predictions.",
    },
    "run": {
        **NULLABLE_TEXT,
        "description": "The run that made the predictions; /runs/{run} says everything about it.",
    },
    "data_as_of": {
        **NULLABLE_TEXT,
        "format": "date",
        "description": "The model saw nothing from this day on.",
    },
    "source": {**NULLABLE_TEXT, "description": "Where the data came from."},
    "demo": {
        "const": True,
        "description": "Present where the predictions are about a past date, for demonstration.",
    },
    "simulated": {"const": True, "description": "Present where the data were generated."},
    "stale": {
        "const": True,
        "description": "Present where the live release is older than the workload promises, or its data"
        " were older at the cut-off than the rhythm of their sources.",
    },
    "stale_reason": {"type": "string", "description": "Present with `stale`: why, in words."},
    "newest_data": {
        "type": "string",
        "format": "date",
        "description": "Present where the run recorded it: the day of its newest datum.",
    },
    "as_of": {
        "type": "string",
        "format": "date-time",
        "description": "Present where the request asked for an instant.",
    },
    "attribution": {"type": "string"},
}
ALWAYS = ("workload", "release", "published_at", "model_version", "run", "data_as_of", "source")


def plain(column: Column) -> Schema:
    """Return the schema of one value of `column`, without its documentation."""
    return dict(TYPES[column.type])


@cache
def column(column: Column) -> Schema:
    """Return the schema of `column` in an answer, the same object each time."""
    schema = plain(column) | ({"description": column.doc} if column.doc else {})
    if column.nullable and "type" in schema:
        schema["type"] = [schema["type"], "null"]
    return schema


def object_of(**members: Schema) -> Schema:
    """Return the schema of an object that has all these members."""
    return {"type": "object", "required": list(members), "properties": members}


def array(items: Schema) -> Schema:
    """Return the schema of an array."""
    return {"type": "array", "items": items}


def row(columns: Iterable[Column]) -> Schema:
    """Return the schema of one row; every column is present."""
    members = {each.name: column(each) for each in columns}
    return object_of(**members)


def example(column: Column) -> Any:
    """Return a value that `column` might have."""
    return EXAMPLES[column.type]


def example_row(columns: Iterable[Column]) -> dict[str, Any]:
    """Return a row that these columns might have."""
    return {column.name: example(column) for column in columns}


def rows(items: Schema) -> Schema:
    """Return the members of a list answer."""
    return {
        "rows": {"type": "array", "items": items},
        "next": {"type": ["string", "null"], "description": "Address of the next page, or null."},
    }


def listing(items: Schema) -> Schema:
    """Return the schema of a list that comes from no release."""
    return {
        "type": "object",
        "required": ["workload", "rows", "next"],
        "properties": {"workload": {"type": "string"}, **rows(items)},
    }


def envelope(members: Schema) -> Schema:
    """Return the schema of an answer from a release with these further members."""
    required = [*ALWAYS, *members]
    return {"type": "object", "required": required, "properties": ENVELOPE | members}
