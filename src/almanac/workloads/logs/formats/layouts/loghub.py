"""Layouts of the systems of loghub that no other layout covers, and of telephones."""

from typing import Final

from almanac.workloads.logs.formats import times
from almanac.workloads.logs.formats.layouts.layout import BRACKET, DIGITS, LETTERS, OTHERS, Layout

LAYOUTS: Final = (
    Layout(
        "hdfs",
        DIGITS,
        r"(?P<time>\d{6} \d{6}) \d+ (?P<level>[A-Z]+) (?P<logger>[\w.$]+): ",
        times.each(times.one_packed),
    ),
    Layout(
        "android",
        DIGITS,
        r"(?P<time>(?:\d{4}-)?\d\d-\d\d \d\d:\d\d:\d\d\.\d{3,6}) +(?:\d+ +)?\d+ +\d+ (?P<level>[VDIWEFA]) "
        r"(?P<logger>[^:\n]*?) *: ?",
        times.each(lambda text, clock: times.one_iso(text) or times.one_by_numbers(text, clock)),
    ),
    Layout("android", LETTERS, r"(?P<level>[VDIWEF])/(?P<logger>[^(\n]{1,60})\( *\d+\): "),
    Layout(
        "bgl",
        OTHERS + LETTERS,
        r"\S+ \d+ \d{4}\.\d\d\.\d\d \S+ (?P<time>\d{4}-\d\d-\d\d-\d\d\.\d\d\.\d\d\.\d+) "
        r"(?P<logger>\S+ \S+ \S+) (?P<level>[A-Z]+) ?",
        times.each(times.one_dotted),
    ),
    Layout(
        "hpc",
        DIGITS,
        r"\d+ (?P<logger>\S+ [\w.-]+ [\w.-]+) (?P<time>\d{9,10}) \d+ ",
        times.each(times.one_number_text),
    ),
    Layout(
        "proxifier",
        BRACKET,
        r"\[(?P<time>\d\d\.\d\d \d\d:\d\d:\d\d)\] (?P<logger>[^\n]+?(?: \*64)?) - ",
        times.each(times.one_by_numbers),
    ),
    Layout(
        "healthapp",
        DIGITS,
        r"(?P<time>\d{8}-\d{1,2}:\d{1,2}:\d{1,2}:\d{1,3})\|(?P<logger>[^|\n]+)\|\d+\|",
        times.each(
            times.by_fields(
                r"(?P<Y>\d{4})(?P<m>\d\d)(?P<d>\d\d)-"
                r"(?P<H>\d{1,2}):(?P<M>\d{1,2}):(?P<S>\d{1,2}):(?P<ms>\d{1,3})$"
            )
        ),
    ),
)
