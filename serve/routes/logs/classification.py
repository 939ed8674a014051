"""The level that a text would get, at once where its form is published, else after the next run."""

import json
import re
from typing import Annotated, Final

from fastapi import APIRouter, Depends
from pydantic import Field
from starlette.responses import Response

from almanac import fields
from almanac.workloads.logs.contract import CONTRACT
from almanac.workloads.logs.shared import cleaning, masking
from almanac.workloads.logs.shared.intake import ClassifyRequest
from serve.answers import responses
from serve.answers.service import IngestDep, Service, ServiceDep
from serve.http import schemas
from serve.http.documented import Other, answers
from serve.http.origins import own_origin
from serve.http.problems import NotFound
from serve.http.query_models import TEXT, Parsed, QueryModel
from serve.http.request_bodies import body
from serve.http.route import Route

router = APIRouter(prefix="/v1/logs", tags=["logs"], route_class=Route)
intake_router = APIRouter(
    prefix="/v1/logs", tags=["logs"], route_class=Route, dependencies=[Depends(own_origin)]
)

ASK = b"SELECT api.log_ask(%s, %s)"
ASKED = b"SELECT asked_at FROM api.log_questions WHERE text_id = %s"
# Of several runs that have predicted a text the last one answers.
PUBLISHED = b"""
SELECT row_to_json(published)::text FROM (
    SELECT text_id, template_id, level, level_confidence, warning_chance FROM api.logs_texts
    WHERE text_id = %s AND run_id = ANY (%s) ORDER BY array_position(%s, run_id::text) DESC LIMIT 1
) AS published"""
UNASKED = "Nobody asked about this text within the last 24 hours. POST /v1/logs/classify asks."
TEXT_ID = "3ab8a8b5cd15"
PATTERN = "[0-9a-f]{12}"
WORD = {"type": "string"}
CHANCE = {"type": "number"}
NUMBER = {"type": ["integer", "null"]}
CLASS: Final = schemas.object_of(
    text_id=WORD,
    template_id=WORD,
    level=WORD,
    level_confidence=CHANCE,
    warning_chance=CHANCE,
    model_version=NUMBER,
    release=NUMBER,
)
EXAMPLE = {
    "text_id": TEXT_ID,
    "template_id": TEXT_ID,
    "level": "info",
    "level_confidence": 0.93,
    "warning_chance": 0.04,
    "model_version": 3,
    "release": 12,
}
WAITING: Final = schemas.object_of(text_id=WORD, location=WORD)
WAITING_EXAMPLE = {"text_id": TEXT_ID, "location": f"/v1/logs/classify/{TEXT_ID}"}
NOT_YET = Other("Not predicted yet; ask again at `location`", WAITING, WAITING_EXAMPLE)
STILL_WAITING = Other("Still waiting", WAITING, WAITING_EXAMPLE)


def _text_id(text: str) -> str:
    if not re.fullmatch(PATTERN, fields.text(text)):
        raise ValueError("must be 12 hexadecimal digits")
    return text


class TextQuery(QueryModel):
    """One masked text."""

    text_id: Annotated[
        str,
        Parsed(_text_id, {**TEXT.schema, "pattern": f"^{PATTERN}$"}),
        Field(description="Id of the masked text.", examples=[TEXT_ID]),
    ]


@intake_router.post("/classify", **answers(CLASS, EXAMPLE, 503, others={202: NOT_YET}))
async def classify(
    question: Annotated[
        ClassifyRequest,
        body(ClassifyRequest, {"text": "Connection to node 7 was broken"}, doc="The text."),
    ],
    service: ServiceDep,
    ingest: IngestDep,
) -> Response:
    """Predict the level of a text.

    The text is masked and looked up among those that are published. If it is new, 202 says where the answer
    of the next run will be. Only the masked form of the text is stored, for 24 hours. A text without
    an entry counts as one of a source that the model was not trained on.
    """
    masked = masking.mask(cleaning.clean(question.text))
    text_id = masking.text_id(masked)
    if published := await _published(service, text_id):
        return responses.fresh(published)
    await ingest.rows(ASK, (text_id, masked))
    return _waiting(text_id)


@router.get("/classify/{text_id}", **answers(CLASS, EXAMPLE, 404, 503, others={202: STILL_WAITING}))
async def read_classification(
    query: Annotated[TextQuery, Depends(TextQuery.read)], service: ServiceDep
) -> Response:
    """Return an earlier prediction for a text.

    200 once a run has predicted the text, 202 while it waits, 404 where nobody asked or 24 hours have passed.
    """
    if published := await _published(service, query.text_id):
        return responses.fresh(published)
    if not await service.database.rows(ASKED, (query.text_id,)):
        raise NotFound(UNASKED)
    return _waiting(query.text_id)


async def _published(service: Service, text_id: str) -> bytes | None:
    """Return the published prediction of a masked text as JSON, None where there is none."""
    live = await service.releases.live(CONTRACT.name)
    if live is None:
        return None
    runs = list(live.run_ids)
    rows = await service.database.rows(PUBLISHED, (text_id, runs, runs))
    if not rows:
        return None
    [(prediction,)] = rows
    origin = {"model_version": live.model_version, "release": live.release_id}
    return json.dumps(json.loads(prediction) | origin).encode()


def _waiting(text_id: str) -> Response:
    location = f"/v1/logs/classify/{text_id}"
    content = json.dumps({"text_id": text_id, "location": location})
    response = responses.fresh(content.encode(), status=202)
    response.headers["Location"] = location
    return response
