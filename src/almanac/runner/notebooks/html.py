"""An executed notebook as one HTML page without scripts, small enough for the database."""

from functools import cache
from html import escape
from pathlib import Path
from typing import Any

from almanac.runner.notebooks.imports import without_iri_grammar
from almanac.store.records import notebooks

PAGE = """\
<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="color-scheme" content="light">
<style>{style}</style></head><body>{note}{body}</body></html>
"""
NOTE = "<p class='note'>{}</p>"
WITHOUT_PICTURES = "The notebook is too large to be shown whole: its pictures are left out here."
WITHOUT_OUTPUTS = "The notebook is too large to be shown whole: its outputs are left out here."
CUT = "The notebook is too large to be shown here. Its file is kept with the run."
STYLE = """\
body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:1rem auto;padding:0 1rem;color:#1c2430;
background:#fff}
pre{background:#f5f6f8;padding:.6rem .8rem;border-radius:6px;overflow-x:auto;font-size:13px}
.output pre,.jp-OutputArea-output pre{background:none;border-left:3px solid #d8dde5;border-radius:0}
img,svg{max-width:100%;height:auto}
table{border-collapse:collapse;font-size:13px}
td,th{padding:.2rem .6rem;text-align:right;border-bottom:1px solid #e3e6eb}
.prompt,.anchor-link,.jp-InputPrompt,.jp-OutputPrompt{display:none}
.note{background:#fff4d6;padding:.5rem .8rem;border-radius:6px}
"""


def page(path: Path) -> bytes:
    """Return an executed notebook as HTML; pictures or outputs are left out where it would be too large."""
    notebook = _read(path)
    whole = _html(path.stem, notebook)
    if notebooks.fits(whole):
        return whole
    without = _html(path.stem, _without(notebook, pictures_only=True), WITHOUT_PICTURES)
    if notebooks.fits(without):
        return without
    source = _html(path.stem, _without(notebook, pictures_only=False), WITHOUT_OUTPUTS)
    return source if notebooks.fits(source) else _wrap(path.stem, "", CUT)


def _read(path: Path) -> Any:
    with without_iri_grammar():
        import nbformat
    return nbformat.read(path, as_version=4)


def _html(title: str, notebook: Any, note: str = "") -> bytes:
    body, _ = _exporter().from_notebook_node(notebook)
    return _wrap(title, body, note)


def _wrap(title: str, body: str, note: str) -> bytes:
    style = STYLE + _colours()
    text = NOTE.format(escape(note)) if note else ""
    return PAGE.format(title=escape(title), style=style, note=text, body=body).encode()


def _without(notebook: Any, *, pictures_only: bool) -> Any:
    """Return the notebook without pictures, or without any output."""
    for cell in notebook.cells:
        if cell.cell_type != "code":
            continue
        if not pictures_only:
            cell.outputs = []
        for output in cell.outputs:
            data = output.get("data", {})
            for kind in [kind for kind in data if kind.startswith("image/")]:
                del data[kind]
    return notebook


@cache
def _exporter() -> Any:
    with without_iri_grammar():
        from nbconvert import HTMLExporter
    return HTMLExporter(template_name="basic")


@cache
def _colours() -> str:
    """Return the colours of code."""
    from pygments.formatters import HtmlFormatter  # type: ignore[import-untyped]  # comes without types

    return str(HtmlFormatter().get_style_defs(".highlight"))
