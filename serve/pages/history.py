"""The ledger of a workload, its runs, one run with its steps, and its executed notebooks."""

import gzip
import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from pydantic import Field
from starlette.responses import Response

from almanac.contract import Contract
from serve.answers import history, notebooks, pages, responses, workloads
from serve.answers.responses import Bytes
from serve.answers.service import Service, ServiceDep
from serve.http.query_models import NUMBER, TEXT, one_of
from serve.pages import banners, rendering, words
from serve.pages.home import MomentQuery
from serve.pages.rendering import FRAMING, Banner, Page
from serve.pages.route import PageRoute

ROWS = 50
# A notebook may hold anything, so nothing in it runs, and nothing in it is loaded.
SANDBOX = b"sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'self'"


class LedgerQuery(MomentQuery):
    """A page of the ledger."""

    before: Annotated[int | None, NUMBER, Field(description="Only releases with a smaller number.")] = None


class RunsQuery(MomentQuery):
    """A page of the runs."""

    before: Annotated[str | None, TEXT, Field(description="Only runs that started before this one.")] = None
    status: Annotated[
        str | None, one_of("running", "succeeded", "failed"), Field(description="Only runs of this status.")
    ] = None


class RunQuery(MomentQuery):
    """One run."""

    run: Annotated[str, TEXT, Field(description="Id of the run.")]


class NotebookQuery(RunQuery):
    """One executed notebook."""

    step: Annotated[str, TEXT, Field(description="The step.")]


def make_router(contract: Contract, mlflow_url: str) -> APIRouter:
    """Return the pages of the history of one workload."""
    router = APIRouter(prefix=f"/{contract.name}", route_class=PageRoute)
    _add_ledger(router, contract)
    _add_runs(router, contract)
    _add_run(router, contract, mlflow_url.rstrip("/"))
    _add_notebook(router, contract)
    return router


def _add_ledger(router: APIRouter, contract: Contract) -> None:
    @router.get("/ledger")
    async def show_ledger(
        request: Request, service: ServiceDep, query: Annotated[LedgerQuery, Depends(LedgerQuery.read)]
    ) -> Page:
        rows = await history.releases(service, contract, ROWS, query.before)
        _, following = pages.cut_by_number(request, rows, ROWS)
        entries = [each for each in history.parsed(rows[:ROWS]) if _was(each["published_at"], query.as_of)]
        values = {"contract": contract, "entries": entries, "following": following}
        title = f"Ledger · {contract.title}"
        return await _page(
            service, contract, query, Page("ledger.html", title, values, json_address="releases")
        )


def _add_runs(router: APIRouter, contract: Contract) -> None:
    @router.get("/runs")
    async def show_runs(
        request: Request, service: ServiceDep, query: Annotated[RunsQuery, Depends(RunsQuery.read)]
    ) -> Page:
        rows = await history.runs(service, contract, ROWS, before=query.before, status=query.status)
        _, following = pages.cut_by_number(request, rows, ROWS)
        runs = [each for each in history.parsed(rows[:ROWS]) if _was(each["started_at"], query.as_of)]
        success = json.loads(await history.success(service, contract))
        values = {"contract": contract, "runs": runs, "following": following, "success": success}
        values |= {"status": query.status or "", "statuses": ("running", "succeeded", "failed")}
        title = f"Runs · {contract.title}"
        return await _page(service, contract, query, Page("runs.html", title, values, json_address="runs"))


def _add_run(router: APIRouter, contract: Contract, mlflow_url: str) -> None:
    @router.get("/runs/{run}")
    async def show_run(service: ServiceDep, query: Annotated[RunQuery, Depends(RunQuery.read)]) -> Page:
        run = json.loads(await history.run(service, contract, query.run))
        values = {
            "contract": contract,
            "run": run,
            "hashes": [name for name in run if name.endswith("_hash") and run[name]],
            "notebooks": {each.step: each for each in await notebooks.of_run(service, contract, query.run)},
            "mlflow": f"{mlflow_url}/#/runs/{run['mlflow_run']}" if mlflow_url and run["mlflow_run"] else "",
        }
        title = f"Run {query.run} · {contract.title}"
        address = f"runs/{query.run}"
        page = Page("run.html", title, values, json_address=address, policy=FRAMING)
        return await _page(service, contract, query, page)


def _add_notebook(router: APIRouter, contract: Contract) -> None:
    @router.get("/runs/{run}/notebooks/{step}")
    async def show_notebook(
        request: Request, service: ServiceDep, query: Annotated[NotebookQuery, Depends(NotebookQuery.read)]
    ) -> Response:
        content = await notebooks.compressed(service, contract, query.run, query.step)
        headers = [
            rendering.HTML_TYPE,
            (b"cache-control", b"private, max-age=3600"),
            responses.VARY,
            (b"content-security-policy", SANDBOX),
        ]
        if responses.wants_gzip(request):
            headers.append((b"content-encoding", b"gzip"))
        else:
            content = gzip.decompress(content)
        return Bytes(content, 200, [*headers, (b"content-length", b"%d" % len(content))])


async def _page(service: Service, contract: Contract, query: MomentQuery, page: Page) -> Page:
    """Return the page with what surrounds every page of this workload."""
    live = await service.releases.live(contract.name)
    notices: Sequence[Banner] = ()
    if query.as_of is None and (await workloads.on_hold(service)).get(contract.name):
        notices = [Banner("on hold", banners.HOLD)]
    surroundings: dict[str, Any] = {
        "workload": contract.name,
        "editions": [live] if live and query.as_of is None else (),
        "banners": notices,
        "topics": () if query.as_of else ("release", "runs"),
        "json_address": f"/v1/{contract.name}/{page.json_address}",
        "attribution": contract.attribution,
    }
    return replace(page, **surroundings)


def _was(moment: str, as_of: datetime | None) -> bool:
    """Tell whether something had happened at the instant of the page."""
    instant = words.instant(moment)
    return as_of is None or (instant is not None and instant <= as_of)
