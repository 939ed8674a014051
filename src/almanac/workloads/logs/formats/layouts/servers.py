"""Layouts of web servers, databases, queues and containers."""

from typing import Final

from almanac.workloads.logs.formats import times
from almanac.workloads.logs.formats.layouts.layout import (
    ANY_LEVEL,
    BRACKET,
    DAY,
    DIGITS,
    ISO,
    LETTERS,
    MONTH,
    OTHERS,
    Layout,
    statuses,
    translated,
)

POSTGRES_LEVEL: Final = (
    r"(?P<level>DEBUG[1-5]?|INFO|NOTICE|WARNING|ERROR|LOG|FATAL|PANIC|DETAIL|HINT|CONTEXT|STATEMENT|QUERY)"
)
OF_DAY: Final = r"\d\d:\d\d:\d\d"
BESIDE: Final = dict.fromkeys(("DETAIL", "HINT", "CONTEXT", "STATEMENT", "QUERY"))
REDIS: Final = {".": "debug", "-": "verbose", "*": "notice", "#": "warning"}
SLASHED: Final = times.by_fields(
    r"(?P<Y>\d{4})/(?P<m>\d\d)/(?P<d>\d\d) (?P<H>\d\d):(?P<M>\d\d):(?P<S>\d\d)(?:\.(?P<f>\d{1,9}))?$"
)

LAYOUTS: Final = (
    Layout(
        "access",
        DIGITS + LETTERS + OTHERS + BRACKET,
        rf"(?P<front>\S+ \S+ [^\[\n]{{1,200}}?) \[(?P<time>\d\d/{MONTH}/\d{{4}}:{OF_DAY} [+-]\d{{4}})\] "
        r"(?=\"(?:[^\"\\\n]|\\.)*\" (?P<level>\d{3})\b)",
        times.each(times.one_with_month),
        statuses,
    ),
    Layout(
        "apache",
        BRACKET,
        rf"\[(?P<time>\w{{3}} {MONTH} \d\d \d\d:\d\d:\d\d(?:\.\d{{1,6}})? \d{{4}})\] "
        r"\[(?:(?P<logger>[\w-]*):)?(?P<level>[a-z]+\d?)\] (?:\[pid [^\]\n]*\] )?",
        times.each(times.one_with_month),
    ),
    Layout(
        "nginx",
        DIGITS,
        r"(?P<time>\d{4}/\d\d/\d\d \d\d:\d\d:\d\d) \[(?P<level>[a-z]+)\] \d+#\d+: (?:\*\d+ )?",
        times.each(SLASHED),
    ),
    Layout(
        "postgresql",
        DIGITS,
        rf"(?P<time>{DAY} \d\d:\d\d:\d\d(?:\.\d{{1,6}})? (?:[A-Z]{{1,5}}|[+-]\d\d)) "
        rf"[^\n]{{0,200}}?{POSTGRES_LEVEL}:  ?",
        times.each(times.one_with_zone_name),
        translated(BESIDE),
    ),
    Layout(
        "mysql",
        DIGITS,
        rf"(?P<time>{ISO}|\d{{6}} [ \d]\d:\d\d:\d\d)(?: \d+)? \[(?P<level>Note|Warning|ERROR|System)\] "
        r"(?:\[(?P<logger>MY-\d+)\] \[\w+\] )?",
        times.each(lambda text, clock: times.one_iso(text, clock) or times.one_packed(text, clock)),
        translated({"Note": "note", "System": "system"}),
    ),
    Layout(
        "redis",
        DIGITS + BRACKET,
        rf"\[?\d+\]?(?::[MSCX])? (?P<time>\d\d {MONTH}(?: \d{{4}})? {OF_DAY}\.\d{{3}}) (?P<level>[.*#-]) ",
        times.each(times.one_with_month),
        translated(dict(REDIS)),
    ),
    Layout(
        "elasticsearch",
        BRACKET,
        rf"\[(?P<time>{ISO})\]\[(?P<level>{ANY_LEVEL}) *\]\[(?P<logger>[^\]\n]+?) *\] ?"
        r"(?:\[(?P<source>[^\]\n]+)\] ?)?",
    ),
    Layout(
        "rabbitmq",
        DIGITS,
        rf"(?P<time>{ISO}) \[(?P<level>{ANY_LEVEL})\] <\d+\.\d+\.\d+> ",
    ),
    Layout(
        "rabbitmq",
        OTHERS,
        r"=(?P<level>[A-Z]+) REPORT==== (?P<time>\d{1,2}-\w{3}-\d{4}::\d\d:\d\d:\d\d(?:\.\d+)?) ===\n",
        times.each(times.one_with_month),
        head_breaks=1,
    ),
    Layout(
        "mongodb",
        DIGITS,
        rf"(?P<time>{ISO}) (?P<level>[FEWID])[1-5]? (?P<logger>[A-Z]+|-) +\[[^\]\n]*\] ",
    ),
    Layout(
        "cri",
        DIGITS,
        rf"(?P<time>{ISO}) std(?:out|err) [FP] ",
    ),
    Layout(
        "klog",
        LETTERS,
        r"(?P<level>[IWEF])(?P<time>\d{4} \d\d:\d\d:\d\d\.\d{6}) +\d+ (?P<logger>[\w./-]+:\d+)\] ",
        times.each(times.one_by_numbers),
    ),
    Layout(
        "haproxy",
        LETTERS + DIGITS + OTHERS,
        rf"(?P<front>\S+:\d+) \[(?P<time>\d\d/{MONTH}/\d{{4}}:\d\d:\d\d:\d\d\.\d{{3}})\] ",
        times.each(times.one_with_month),
    ),
)
