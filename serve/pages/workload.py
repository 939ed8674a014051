"""The pages that every workload has: its predictions with filters, one of them, and its model."""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from pydantic import Field

from almanac.contract import Column, Contract, Filter
from serve.answers import history, pages, workloads
from serve.answers.release import Release, ReleaseOf
from serve.http import query_models
from serve.http.problems import NotFound
from serve.http.query_models import EntityQuery, PageQuery, of_column
from serve.pages import banners
from serve.pages.rendering import Page
from serve.pages.route import PageRoute

MOST_COLUMNS = 8
FIELD_TYPES = {"date": "date", "real": "number", "integer": "number", "bigint": "number"}
VERSIONS = 30


def make_router(contract: Contract, *, has_own_page: bool) -> APIRouter:
    """Return the generic pages of a workload; one with a page of its own lists its predictions below it."""
    router = APIRouter(prefix=f"/{contract.name}", route_class=PageRoute)
    _add_predictions(router, contract, has_own_page=has_own_page)
    _add_prediction(router, contract)
    _add_model(router, contract)
    return router


def _add_predictions(router: APIRouter, contract: Contract, *, has_own_page: bool) -> None:
    async def show_predictions(
        request: Request,
        query: Annotated[PageQuery, Depends(query_models.filtered(contract).read)],
        release: Annotated[Release, Depends(ReleaseOf(contract))],
    ) -> Page:
        rows = await release.page_rows(query.parameters())
        pin = release.edition.pin if release.edition else ""
        listed, following = pages.cut(release.read, pin, rows)
        columns = columns_of(contract)
        values = {
            "contract": contract,
            "columns": columns,
            "more": len(contract.predictions.columns) - len(columns),
            "rows": [json.loads(row) for row in listed],
            "following": following,
            "fields": [_field(contract, each, request.query_params) for each in contract.filters],
            "is_filtered": any(each.name in request.query_params for each in contract.filters),
            "address": request.scope["path"],
        }
        page = Page("workload.html", contract.title, values, json_address=f"predictions?{request.url.query}")
        return await released(release, page)

    if not has_own_page:
        router.add_api_route("", show_predictions, methods=["GET"])
    router.add_api_route("/predictions", show_predictions, methods=["GET"])


def _add_prediction(router: APIRouter, contract: Contract) -> None:
    column = contract.predictions.column(contract.entity)

    class OneQuery(EntityQuery):
        """One prediction."""

        entity: Annotated[Any, of_column(column), Field(description=column.doc)]

    @router.get("/predictions/{entity:path}")
    async def show_prediction(
        request: Request,
        query: Annotated[OneQuery, Depends(OneQuery.read)],
        release: Annotated[Release, Depends(ReleaseOf(contract))],
    ) -> Page:
        row = json.loads(await release.row(contract.predictions, query.entity))
        values = {"contract": contract, "row": row, "entity": query.entity}
        title = f"{query.entity} · {contract.title}"
        address = request.scope["path"].removeprefix(f"/{contract.name}/")
        page = Page("prediction.html", title, values, json_address=f"{address}?{request.url.query}")
        return await released(release, page)


def _add_model(router: APIRouter, contract: Contract) -> None:
    @router.get("/model")
    async def show_model(request: Request, release: Annotated[Release, Depends(ReleaseOf(contract))]) -> Page:
        try:
            model = json.loads(await release.model())
        except NotFound:
            model = None
        versions = history.parsed(await history.models(release.service, contract, VERSIONS))[:VERSIONS]
        values = {"contract": contract, "model": model, "versions": versions, "metrics": _metrics(versions)}
        page = Page(
            "model.html", f"Model · {contract.title}", values, json_address=f"model?{request.url.query}"
        )
        return await released(release, page)


async def released(release: Release, page: Page) -> Page:
    """Return a page that is made from a release, with its banners; its JSON is below that of the workload."""
    contract = release.read.contract
    holds = {} if release.read.pins else await workloads.on_hold(release.service)
    return replace(
        page,
        workload=contract.name,
        editions=[release.edition] if release.edition else (),
        banners=banners.of_release(release, on_hold=holds.get(contract.name, False)),
        topics=() if release.read.pins else ("release", "runs"),
        json_address=f"/v1/{contract.name}/{page.json_address}".rstrip("?"),
        attribution=contract.attribution,
    )


def columns_of(contract: Contract) -> list[Column]:
    """Return the columns that a table shows: those of the order, the entity, then the first short ones."""
    table = contract.predictions
    first = [table.column(name) for name in dict.fromkeys((contract.entity, *contract.order))]
    others = [each for each in table.columns if each.type != "json" and each not in first]
    return [*first, *others][:MOST_COLUMNS]


def _field(contract: Contract, declared: Filter, query: Mapping[str, str]) -> dict[str, str]:
    """Return what a form shows of a filter."""
    column = contract.predictions.column(declared.column)
    kind = "text" if declared.op == "in" else FIELD_TYPES.get(column.type, "text")
    several = " Several with commas." if declared.op == "in" else ""
    doc = declared.doc or f"{column.doc}{several}"
    return {"name": declared.name, "kind": kind, "doc": doc, "value": query.get(declared.name, "")}


def _metrics(versions: list[dict[str, Any]]) -> list[tuple[str, list[float]]]:
    """Return the figures by metric, oldest version first; those of the newest version only."""
    newest = versions[0]["metrics"] if versions else {}
    names = [name for name, value in newest.items() if _is_number(value)]
    return [
        (
            name,
            [each["metrics"][name] for each in reversed(versions) if _is_number(each["metrics"].get(name))],
        )
        for name in names
    ]


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
