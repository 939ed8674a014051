"""Executed notebooks as HTML, stored by the runner."""

from typing import NamedTuple

from almanac.contract import Contract
from serve.answers.service import Service
from serve.http.problems import NotFound

LIST = b"""
SELECT step, html_bytes FROM api.notebooks_html
WHERE workload = %s AND run_id = %s ORDER BY stored_at, step"""
ONE = b"SELECT content FROM api.notebooks_html WHERE workload = %s AND run_id = %s AND step = %s"
MISSING = (
    "This run has no such notebook here: none was executed, or it is past the retention of the workload."
)


class NotebookPage(NamedTuple):
    """A notebook that can be shown."""

    step: str
    html_bytes: int


async def of_run(service: Service, contract: Contract, run_id: str) -> list[NotebookPage]:
    """Return the notebooks of a run that can be shown; raises Unavailable."""
    rows = await service.database.rows(LIST, (contract.name, run_id))
    return [NotebookPage(*row) for row in rows]


async def compressed(service: Service, contract: Contract, run_id: str, step: str) -> bytes:
    """Return one notebook as gzipped HTML; raises NotFound or Unavailable."""
    rows = await service.database.rows(ONE, (contract.name, run_id, step))
    if not rows:
        raise NotFound(MISSING)
    return bytes(rows[0][0])
