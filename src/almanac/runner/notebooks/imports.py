"""Imports that are slow for a reason that runs can do without."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def without_iri_grammar() -> Iterator[None]:
    """Import nbformat and papermill in this block without the optional package `rfc3987_syntax`.

    jsonschema imports it where it is installed, and its grammar of IRIs takes two seconds to build.
    No notebook needs it.
    """
    present = sys.modules.get("rfc3987_syntax")
    sys.modules["rfc3987_syntax"] = present  # type: ignore[assignment]  # None makes the import fail at once
    try:
        yield
    finally:
        if present is None:
            del sys.modules["rfc3987_syntax"]
