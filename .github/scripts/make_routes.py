"""Make the table of routes in serve/README.md from the OpenAPI description; --check only compares."""

import sys
from collections.abc import Iterator
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from typing import Any, NamedTuple

from almanac.settings import Settings
from serve.app import create_app

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "serve" / "README.md"
BEGIN, END = "<!-- routes: made by .github/scripts/make_routes.py -->\n", "<!-- end of routes -->"
# The same for every workload, so the table has them once.
GENERIC = ("predictions", "predictions/{entity}", "model", "models", "releases", "runs", "runs/{run}")
GENERIC = ("predictions", "predictions/{entity}", "model", "models", "releases", "runs", "runs/{run}")
# Nothing connects before the application starts.
SETTINGS = {"database_url": "postgresql://localhost/none", "ingest": True}


def description() -> dict[str, Any]:
    """Return the OpenAPI description of a server with all routes."""
    return create_app(Settings(**SETTINGS)).openapi()


class Operation(NamedTuple):
    """A row of the table, in the order of the table."""

    tag: str
    path: str
    method: str
    summary: str


def operations(paths: dict[str, Any]) -> Iterator[Operation]:
    """Yield every operation that not every workload has."""
    for path, methods in paths.items():
        for method, operation in methods.items():
            [tag] = operation["tags"]
            if path.removeprefix(f"/v1/{tag}/") not in GENERIC:
                yield Operation(tag, path, method.upper(), operation["summary"])


def table() -> str:
    """Return the routes of each workload and of the platform."""
    rows = ["| route | answers |", "|---|---|"]
    for tag, group in groupby(sorted(operations(description()["paths"])), key=attrgetter("tag")):
        rows.append(f"| **{tag}** | |")
        rows += [f"| `{each.method} {each.path}` | {each.summary} |" for each in group]
    return "\n".join(rows) + "\n"


def page() -> str:
    """Return the whole page with a new table."""
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}{table()}{END}{after}"


def main() -> int:
    """Write the page, or with --check tell whether it is as it should be."""
    if "--check" in sys.argv:
        return int(page() != PAGE.read_text(encoding="utf-8"))
    PAGE.write_text(page(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
