"""Columns of entries from the heads of a layout."""

from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from almanac.workloads.logs.formats import entries
from almanac.workloads.logs.formats.entries import Defaults
from almanac.workloads.logs.formats.folding import Extra
from almanac.workloads.logs.formats.layouts import Layout
from almanac.workloads.logs.terms import arrays

SPACE = pa.scalar(" ", arrays.TEXT)
LOGGER_BEHIND = r"^(?P<text>.*) \((?P<logger>[A-Za-z0-9_.$]+)\)$"


def layout_table(layout: Layout, columns: dict[str, Any], texts: pa.Array, defaults: Defaults) -> pa.Table:
    """Return the entries of a layout from the groups of its heads and what follows each."""
    complete = dict(columns) | {"text": pc.utf8_trim_whitespace(texts)}
    written = complete.pop("time", None)
    if written is not None:
        complete["event_time"] = layout.times(written, defaults.clock)
    if layout.levels:
        complete["level"] = layout.levels(complete["level"])
    if front := complete.pop("front", None):
        complete["text"] = pc.binary_join_element_wise(arrays.texts(front), complete["text"], SPACE)
    if "source" in complete:
        complete["source"] = [_source(source, defaults) for source in complete["source"]]
    if layout.logger_behind:
        complete |= _logger_behind(complete["text"])
    return entries.table(len(texts), complete, defaults)


def _source(name: str | None, defaults: Defaults) -> str:
    """Return a source; syslog writes - for none."""
    return name if name and name != "-" else defaults.source


def extra_table(layout: Layout, extras: Sequence[Extra], defaults: Defaults) -> pa.Table:
    """Return single entries of a layout."""
    groups = zip(*(extra.groups for extra in extras), strict=True)
    columns: dict[str, Any] = {
        name: list(values) for name, values in zip(layout.columns, groups, strict=True)
    }
    columns["place"] = [extra.place for extra in extras]
    return layout_table(layout, columns, arrays.texts(extra.text for extra in extras), defaults)


def _logger_behind(texts: pa.Array) -> dict[str, pa.Array]:
    groups = pc.extract_regex(texts, pattern=LOGGER_BEHIND)
    without_logger = pc.struct_field(groups, "text")
    return {"text": pc.coalesce(without_logger, texts), "logger": pc.struct_field(groups, "logger")}
