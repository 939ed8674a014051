"""The README of the server has the routes of the code."""

import runpy
from collections.abc import Callable
from pathlib import Path

import serve

README = Path(serve.__file__).with_name("README.md")
PROGRAM = README.parents[1] / ".github" / "scripts" / "make_routes.py"


def test_the_table_of_routes_is_that_of_the_openapi_description() -> None:
    page: Callable[[], str] = runpy.run_path(str(PROGRAM))["page"]
    assert page() == README.read_text(), "Run: .venv/bin/python .github/scripts/make_routes.py"
