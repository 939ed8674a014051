"""The routes that every workload has, made from its contract."""

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from starlette.responses import Response

from almanac.contract import Contract
from serve.answers.release import Release, ReleaseOf, ReleaseRoute
from serve.http import query_models, schemas
from serve.http.documented import RUN_EXAMPLE, page_of, released
from serve.http.query_models import EntityQuery, PageQuery
from serve.reading import queries, records
from serve.routes import history

PAGES_DOC = "Each page names the next and stays in the release it began with."
MODEL_DOC = """\
Version, held-out figures and what it was trained on. With `as_of` or `model_version`, those of another."""


def make_router(contract: Contract, example: Mapping[str, Any] | None = None) -> APIRouter:
    """Return the routes of a workload; `example` is a prediction that a stranger understands."""
    router = APIRouter(prefix=f"/v1/{contract.name}", tags=[contract.name], route_class=ReleaseRoute)
    prediction = dict(example or schemas.example_row(contract.predictions.columns))
    _add_predictions(router, contract, prediction)
    _add_prediction(router, contract, prediction)
    _add_model(router, contract)
    history.add_to(router, contract, model_example(contract))
    return router


def _add_predictions(router: APIRouter, contract: Contract, example: Mapping[str, Any]) -> None:
    order = ", ".join(queries.key_columns(contract))

    @router.get(
        "/predictions",
        summary=f"{contract.title}: all that fit the filters",
        description=f"{contract.doc} Sorted by {order}. {PAGES_DOC}",
        **page_of(contract, contract.predictions.columns, example),
    )
    async def list_predictions(
        query: Annotated[PageQuery, Depends(query_models.filtered(contract).read)],
        release: Annotated[Release, Depends(ReleaseOf(contract))],
    ) -> Response:
        return await release.page(query.parameters())


def _add_prediction(router: APIRouter, contract: Contract, example: Mapping[str, Any]) -> None:
    table = contract.predictions
    entity = query_models.of_entity(contract, example[contract.entity])

    @router.get(
        "/predictions/{entity:path}",
        summary=f"{contract.title}: one by its {contract.entity}",
        description=table.doc,
        **released(contract, {"row": schemas.row(table.columns)}, {"row": example}),
    )
    async def read_prediction(
        query: Annotated[EntityQuery, Depends(entity.read)],
        release: Annotated[Release, Depends(ReleaseOf(contract))],
    ) -> Response:
        return release.answer(row=await release.row(table, query.entity))


def _add_model(router: APIRouter, contract: Contract) -> None:
    example = model_example(contract)

    @router.get(
        "/model",
        summary=f"{contract.title}: the model that answers",
        description=MODEL_DOC,
        **released(contract, {"model": schemas.row(records.MODEL_COLUMNS)}, {"model": example}),
    )
    async def read_model(release: Annotated[Release, Depends(ReleaseOf(contract))]) -> Response:
        return release.answer(model=await release.model())


def model_example(contract: Contract) -> dict[str, Any]:
    """Return what a model might say of itself."""
    example = schemas.example_row(records.MODEL_COLUMNS)
    return example | {"version": 3, "primary_metric": contract.primary_metric, "run": RUN_EXAMPLE}
