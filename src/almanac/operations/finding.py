"""One thing that `almanac doctor` has examined."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """One thing that was examined: `level` is ok, warning or error; `advice` is the way out."""

    what: str
    level: str
    detail: str
    advice: str = ""
