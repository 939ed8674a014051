"""Executed notebooks as HTML pages."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from almanac.errors import NotFound
from almanac.registry import Registry
from almanac.runner.notebooks.imports import without_iri_grammar
from almanac.writing import write_whole


def write_report(registry: Registry, steps: Iterable[Mapping[Any, Any]], folder: Path) -> list[Path]:
    """Write each executed notebook below `folder` as HTML and return the pages.

    Notebooks that this machine lacks are fetched from the registry. Raises NotFound where a run has none.
    """
    uris = [step["notebook_uri"] for step in steps if step["notebook_uri"]]
    if not uris:
        raise NotFound("This run kept no notebook, so there is nothing to report.")
    folder.mkdir(parents=True, exist_ok=True)
    return [_page(registry, uri, folder) for uri in uris]


def write_page(notebook: Path, folder: Path) -> Path:
    """Write an executed notebook as HTML into `folder` and return the page."""
    with without_iri_grammar():
        import nbformat
        from nbconvert import HTMLExporter
    html, _ = HTMLExporter().from_notebook_node(nbformat.read(notebook, as_version=4))
    page = folder / f"{notebook.stem}.html"
    write_whole(page, html.encode())
    return page


def _page(registry: Registry, uri: str, folder: Path) -> Path:
    local = folder / uri.rsplit("/", 1)[-1]
    return write_page(local if local.exists() else registry.fetch(uri, folder), folder)
