"""Taking in log entries, and texts that somebody wants classified."""

import json
import re
from collections.abc import Sequence
from functools import partial
from typing import Any

from fastapi import Request
from starlette.responses import Response

from almanac import fields
from almanac.contract import Contract
from almanac.workloads.logs.shared import cleaning, masking
from almanac.workloads.logs.shared.intake import ClassifyRequest, Entry, ingest_item
from serve.answers import responses
from serve.answers.service import Service
from serve.http.endpoints import Answer, Endpoint
from serve.http.parameters import TEXT, Parameter, Values
from serve.http.problems import Problem
from serve.http.request_bodies import BadItem, JsonBody

MOST_ENTRIES = 1_000
MOST_BYTES = 5_000_000
INGEST = b"SELECT place, entry_id, is_new FROM api.log_ingest(%s)"
ASK = b"SELECT api.log_ask(%s, %s)"
ASKED = b"SELECT asked_at FROM api.log_questions WHERE text_id = %s"
KNOWN = b"""SELECT row_to_json(found)::text FROM (
    SELECT text_id, template_id, level, level_confidence, warning_chance FROM api.logs_texts
    WHERE text_id = %s AND run_id = ANY (%s) ORDER BY array_position(%s, run_id::text) DESC LIMIT 1) AS found"""
EXAMPLE = {
    "id": "node-7/000123", "time": "2025-04-15T06:00:00Z", "source": "broker", "session": "req-81", "level": "WARN", "logger": "kafka.server",
    "text": "Connection to node 7 was broken",
}  # fmt: skip
CLASS = {
    "text_id": "3ab8a8b5cd15",
    "template_id": "3ab8a8b5cd15",
    "level": "info",
    "level_confidence": 0.93,
    "warning_chance": 0.04,
}
CLASS_SCHEMA = {
    "type": "object",
    "required": [*CLASS, "model_version", "release"],
    "properties": {
        name: {"type": "number" if isinstance(value, float) else "string"} for name, value in CLASS.items()
    }
    | {"model_version": {"type": ["integer", "null"]}, "release": {"type": ["integer", "null"]}},
}
WAITING = {"text_id": "3ab8a8b5cd15", "location": "/v1/logs/classify/3ab8a8b5cd15"}
WAITING_SCHEMA = {
    "type": "object",
    "required": [*WAITING],
    "properties": {name: {"type": "string"} for name in WAITING},
}
RESULT_SCHEMA = {
    "type": "object",
    "required": ["accepted", "duplicate", "rejected", "results"],
    "properties": {
        **{name: {"type": "integer", "minimum": 0} for name in ("accepted", "duplicate", "rejected")},
        "results": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["line", "status"],
                "properties": {
                    "line": {"type": "integer", "minimum": 1},
                    "status": {"enum": ["accepted", "duplicate", "rejected"]},
                    "entry_id": {"type": "integer"},
                    "errors": {"type": "array", "items": {"type": "object"}},
                },
            },
        },
    },
}


def endpoints(service: Service, contract: Contract) -> list[Endpoint]:
    """Return the routes that take something in, and the one where the answer to a question will be."""
    return [_storing(service, contract), _classifying(service, contract), _answering(service, contract)]


def _storing(service: Service, contract: Contract) -> Endpoint:
    return Endpoint(
        path="/v1/logs",
        summary="Store log entries",
        doc="Up to 1,000 entries as a JSON array or as lines of JSON, 5 MB unpacked. An entry whose `id` is there already is a duplicate "
        "and changes nothing; without `id` every call stores it. `time` is that of receipt where it is missing. What a terminal would obey "
        "is taken out of the text.",
        handler=partial(_store, service),
        schema=RESULT_SCHEMA,
        example={
            "accepted": 1,
            "duplicate": 0,
            "rejected": 0,
            "results": [{"line": 1, "status": "accepted", "entry_id": 1204}],
        },
        tag=contract.name,
        method="POST",
        body=JsonBody(
            Entry,
            [EXAMPLE],
            "Entries; bad ones are told one by one.",
            most_items=MOST_ENTRIES,
            limit_bytes=MOST_BYTES,
            gzip=True,
        ),
        writes=True,
    )


def _classifying(service: Service, contract: Contract) -> Endpoint:
    return Endpoint(
        path="/v1/logs/classify",
        summary="What level would this text get?",
        doc="The text is masked and looked up among those that are published. If it is new, 202 says where the answer of the next run will be; "
        "of the text only the masked form is kept, for 24 hours.",
        handler=partial(_classify, service, contract),
        schema=CLASS_SCHEMA,
        example=CLASS | {"model_version": 3, "release": 12},
        tag=contract.name,
        method="POST",
        body=JsonBody(ClassifyRequest, {"text": EXAMPLE["text"]}, "The text."),
        writes=True,
        others=(Answer(202, "Not known yet; ask again at `location`", WAITING_SCHEMA, WAITING),),
    )


def _answering(service: Service, contract: Contract) -> Endpoint:
    text_id = Parameter(
        "text_id",
        _text_id,
        TEXT | {"pattern": "^[0-9a-f]{12}$"},
        "Id of the masked text.",
        CLASS["text_id"],
        "path",
    )
    return Endpoint(
        path="/v1/logs/classify/{text_id}",
        summary="The answer to an earlier question",
        doc="200 once a run has predicted the text, 202 while it waits, 404 where nobody asked or 24 hours have passed.",
        handler=partial(_answered, service, contract),
        schema=CLASS_SCHEMA,
        example=CLASS | {"model_version": 3, "release": 12},
        parameters=(text_id,),
        refusals=(404, 422, 503),
        tag=contract.name,
        others=(Answer(202, "Still waiting", WAITING_SCHEMA, WAITING),),
    )


async def _store(service: Service, _request: Request, values: Values) -> Response:
    items: Sequence[Entry | BadItem] = values["body"]
    good = [(line, item) for line, item in enumerate(items, start=1) if isinstance(item, Entry)]
    results: list[dict[str, Any]] = [
        {"line": line, "status": "rejected", "errors": list(item.errors)}
        for line, item in enumerate(items, start=1)
        if isinstance(item, BadItem)
    ]
    if good and service.ingest:
        told = json.dumps([ingest_item(item) for _, item in good])
        for (line, _), (_, number, is_new) in zip(
            good, await service.ingest.rows(INGEST, (told,)), strict=True
        ):
            results.append(
                {"line": line, "status": "accepted" if is_new else "duplicate", "entry_id": number}
            )
    counts = {
        kind: sum(result["status"] == kind for result in results)
        for kind in ("accepted", "duplicate", "rejected")
    }
    return responses.fresh(
        json.dumps(
            counts | {"results": sorted(results, key=lambda result: result["line"])}, separators=(",", ":")
        ).encode()
    )


async def _classify(service: Service, contract: Contract, _request: Request, values: Values) -> Response:
    masked = masking.mask(cleaning.clean(values["body"].text))
    text_id = masking.text_id(masked)
    found = await _known(service, contract, text_id)
    if found:
        return responses.fresh(found)
    if service.ingest:
        await service.ingest.rows(ASK, (text_id, masked))
    return _waiting(text_id)


async def _answered(service: Service, contract: Contract, _request: Request, values: Values) -> Response:
    found = await _known(service, contract, values["text_id"])
    if found:
        return responses.fresh(found)
    if await service.database.rows(ASKED, (values["text_id"],)):
        return _waiting(values["text_id"])
    raise Problem(404, "Nobody asked about this text within the last 24 hours. POST /v1/logs/classify asks.")


async def _known(service: Service, contract: Contract, text_id: str) -> bytes | None:
    live = await service.releases.live(contract.name)
    found = (
        await service.database.rows(KNOWN, (text_id, list(live.run_ids), list(live.run_ids))) if live else []
    )
    if not found or not live:
        return None
    return json.dumps(
        json.loads(found[0][0]) | {"model_version": live.model_version, "release": live.release_id}
    ).encode()


def _waiting(text_id: str) -> Response:
    told = {"text_id": text_id, "location": f"/v1/logs/classify/{text_id}"}
    waiting = responses.fresh(json.dumps(told).encode(), status=202)
    waiting.headers["Location"] = told["location"]
    return waiting


def _text_id(given: str) -> str:
    text = fields.text(given)
    if not re.fullmatch("[0-9a-f]{12}", text):
        raise ValueError("must be 12 hexadecimal digits")
    return text
