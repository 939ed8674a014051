"""Executed notebooks as pages: what is left out where one is too large, and how long they stay."""

import gzip
import random
from base64 import b64encode
from datetime import UTC, datetime, timedelta
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from almanac.runner.notebooks.html import page
from almanac.store.connections.database import Database
from almanac.store.publishing import prune
from almanac.store.records import notebooks
from tests.queries import rows
from tests.stub import STUB, release

LATER = datetime.now(UTC) + STUB.retention + timedelta(hours=1)


def noise(size: int) -> str:
    """Return text that cannot be compressed."""
    return b64encode(random.Random(7).randbytes(size)).decode()


def written(folder: Path, *outputs: nbformat.NotebookNode) -> Path:
    """Return the file of a notebook with a title and one cell with these outputs."""
    cells = [new_markdown_cell("# Chances"), new_code_cell("answer = 6 * 7", outputs=list(outputs))]
    path = folder / "4_predict.ipynb"
    nbformat.write(new_notebook(cells=cells), path)
    return path


def text(size: int) -> nbformat.NotebookNode:
    return new_output("stream", text=noise(size))


def picture(size: int) -> nbformat.NotebookNode:
    return new_output("display_data", data={"image/png": noise(size), "text/plain": "a picture"})


def test_a_notebook_is_one_page_without_scripts_from_elsewhere(tmp_path: Path) -> None:
    html = page(written(tmp_path, picture(3_000))).decode()
    assert "<h1" in html
    assert "Chances" in html
    assert "data:image/png;base64," in html
    assert "http" not in html.replace("http://www.w3.org", "")
    assert "<script" not in html


@pytest.mark.parametrize(
    ("picture_size", "text_size", "note"),
    [(2_000_000, 10, "its pictures are left out"), (10, 2_000_000, "its outputs are left out")],
)
def test_what_makes_a_notebook_too_large_is_left_out(
    tmp_path: Path, picture_size: int, text_size: int, note: str
) -> None:
    html = page(written(tmp_path, picture(picture_size), text(text_size)))
    assert note in html.decode()
    assert b"answer" in html
    assert len(gzip.compress(html)) <= notebooks.MOST_BYTES


def test_notebooks_are_pruned_with_their_runs_except_those_of_live_and_previous(owner: Database) -> None:
    old, previous, current = (release(owner) for _ in range(3))
    for run_id in (old, previous, current):
        with owner.engine.begin() as connection:
            notebooks.store(connection, "stub", run_id, "predict", b"<h1>first</h1>")
            notebooks.store(connection, "stub", run_id, "predict", b"<h1>second</h1>")
    prune.prune(owner, STUB)
    assert len(rows(owner, "SELECT run_id FROM almanac.notebooks_html")) == 3
    prune.prune(owner, STUB, now=LATER)
    stored = rows(owner, "SELECT run_id, content FROM almanac.notebooks_html")
    assert {run_id for run_id, _ in stored} == {previous, current}
    assert {gzip.decompress(bytes(content)) for _, content in stored} == {b"<h1>second</h1>"}
