"""Detects the format of a log file from its first block."""

from collections.abc import Sequence

from almanac.errors import UsageError
from almanac.workloads.logs.formats import layouts
from almanac.workloads.logs.formats.chunks import text_blocks
from almanac.workloads.logs.formats.object_lines import object_of

# So many lines from everywhere in the block are looked at.
SAMPLE = 400
# A format is chosen from this share of the lines on; lines of a stack trace do not count.
LEAST_SHARE = 0.02
PARQUET, PARQUET_MAGIC = "hdfs_parquet", b"PAR1"
OBJECTS, LOGFMT, CRI, PLAIN = "jsonl", "logfmt", "cri", "plain"
FORMATS = (
    OBJECTS,
    LOGFMT,
    "loghub_csv",
    PARQUET,
    *dict.fromkeys(layout.format for layout in layouts.LAYOUTS),
    PLAIN,
)


def detect(head: bytes) -> str:
    """Return one of FORMATS for a file that begins with these bytes; `plain` where nothing fits."""
    return PARQUET if head.startswith(PARQUET_MAGIC) else detect_text(next(text_blocks([head]), ""))


def detect_text(head: str) -> str:
    """Return one of FORMATS for a file that begins with this text; `plain` where nothing fits.

    It is the format of most lines; lines of other formats are understood too.
    """
    lines = sample(head)
    if lines and lines[0].startswith("LineId,") and "Content" in lines[0]:
        return "loghub_csv"
    begins = [line for line in lines if not line.startswith((" ", "\t"))]
    objects = [line for line in begins if object_of(line.partition("\n")[0]) is not None]
    layout, count = layouts.choose(begins)
    least = LEAST_SHARE * len(begins)
    if len(objects) > count and len(objects) >= least:
        return OBJECTS if objects[0].startswith("{") else LOGFMT
    return layout.format if layout and count >= least else PLAIN


def check_format(form: str) -> None:
    """Raise UsageError for an unknown format; an empty one is detected later."""
    if form and form not in FORMATS:
        formats = ", ".join(FORMATS)
        raise UsageError(f"Unknown log format '{form}'. Known: {formats}.")


def sample(head: str) -> Sequence[str]:
    """Return the first line and others that are not blank, from everywhere in a text, each with the next."""
    lines = head.split("\n")
    places = [place for place, line in enumerate(lines) if line.strip()]
    chosen = places[:: max(1, len(places) // SAMPLE)]
    return ["\n".join(lines[place : place + 2]) for place in chosen]
