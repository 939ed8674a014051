"""Arguments and options that several commands share."""

from typing import Annotated

import typer

from almanac.errors import UsageError

# The largest version that the database can hold.
LARGEST_VERSION = 2**31 - 1

Workload = Annotated[str, typer.Argument(help="Name of a workload; `almanac list` shows them.")]
AnyWorkload = Annotated[str, typer.Argument(help="Name of a workload; empty for all.")]
RunId = Annotated[str, typer.Argument(help="A run id, or its unique beginning.")]
Limit = Annotated[int, typer.Option(min=1, max=1000, help="How many.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def name_and_value(text: str, complaint: str) -> tuple[str, str]:
    """Return the two parts of `name=value`; raises UsageError with the complaint where they are not two."""
    name, equals, value = text.partition("=")
    if not equals:
        raise UsageError(f"'{text}' {complaint}")
    return name, value
