"""Executed notebooks as HTML pages."""

from collections.abc import Iterable
from pathlib import Path

from almanac.errors import NotFound
from almanac.registry import Registry
from almanac.store.records.runs import RunRow


def write_report(registry: Registry, steps: Iterable[RunRow], folder: Path) -> list[Path]:
    """Write each executed notebook below `folder` as HTML and return the pages; fetches what this machine lacks. Raises NotFound."""
    kept = [step for step in steps if step["notebook_uri"]]
    if not kept:
        raise NotFound("This run kept no notebook, so there is nothing to report.")
    folder.mkdir(parents=True, exist_ok=True)
    return [_page(registry, step["notebook_uri"], folder) for step in kept]


def _page(registry: Registry, uri: str, folder: Path) -> Path:
    import nbformat
    from nbconvert import HTMLExporter

    local = folder / uri.rsplit("/", 1)[-1]
    path = local if local.exists() else registry.fetch(uri, folder)
    page = folder / f"{path.stem}.html"
    html, _ = HTMLExporter().from_notebook_node(nbformat.read(path, as_version=4))
    page.write_text(html, encoding="utf-8")
    return page
