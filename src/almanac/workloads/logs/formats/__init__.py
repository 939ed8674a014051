"""Reads log files of several formats into columns of entries; no line but blank ones is lost."""

from almanac.workloads.logs.formats.detection import FORMATS, detect
from almanac.workloads.logs.formats.entries import SCHEMA, Parsed
from almanac.workloads.logs.formats.reading import ReadOptions, parse, parse_file, parse_opened
from almanac.workloads.logs.shared.cleaning import clean
from almanac.workloads.logs.shared.limits import LONGEST_TEXT

__all__ = [
    "FORMATS",
    "LONGEST_TEXT",
    "SCHEMA",
    "Parsed",
    "ReadOptions",
    "clean",
    "detect",
    "parse",
    "parse_file",
    "parse_opened",
]
