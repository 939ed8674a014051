"""Layouts of syslog and of what is written beside it."""

from typing import Final

from almanac.workloads.logs.formats import times
from almanac.workloads.logs.formats.layouts.layout import (
    ANGLE,
    BRACKET,
    DIGITS,
    ISO,
    LETTERS,
    MONTH,
    OTHERS,
    SYSLOG_TIME,
    Layout,
    priorities,
)

DATA: Final = r"-|(?:\[(?:[^\]\"\\\n]|\"(?:[^\"\\\n]|\\.)*\")*\])+"
PRIORITY: Final = r"(?:<(?P<level>\d{1,3})>)"
# A program with its number, and on a Mac the part of it. Its name has blanks on a Mac only.
TAG: Final = (
    r"(?:(?P<logger>[^\s:\[\]]+|[^\s:\[\]]+(?: [^\s:\[\]]+){1,2}(?=\[\d+\]))"
    r"(?:\[[\d.]+\])?(?: \([^)\n]*\))?:(?:[ \t]|(?=\n)|$))?"
)
CISCO: Final = r"(?P<logger>%[A-Z0-9_]+(?:-[A-Z0-9_]+)*-(?P<level>[0-7])-[A-Z0-9_]+): ?"
CISCO_TIME: Final = rf"{MONTH} [ \d]?\d(?:,? \d{{4}})? \d\d:\d\d:\d\d(?:\.\d{{1,6}})?(?: [A-Z]{{2,5}})?"
ZONED: Final = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:[.,]\d{1,9})?(?:[zZ]|[+-]\d\d:?\d\d)"
# Seconds since the machine started say no time of day.
UPTIME: Final = r"\[ *\d{1,10}\.\d{1,9}(?:@\d+)?\]"
WEEKDAY_TIME: Final = rf"\[(?P<time>\w{{3}} {MONTH} [ \d]\d \d\d:\d\d:\d\d \d{{4}})\]"
KERNEL_LEVEL: Final = r"[a-z0-9]{2,10} *:(?P<level>emerg|alert|crit|err|warn|notice|info|debug) *: "
STARTS: Final = ANGLE + LETTERS + DIGITS

LAYOUTS: Final = (
    Layout(
        "syslog5424",
        ANGLE + DIGITS,
        rf"(?:\d{{1,6}} )?{PRIORITY}1 (?P<time>-|{ISO}) (?P<source>\S+) (?P<logger>\S+) \S+ \S+ "
        rf"(?:{DATA})(?: (?:\ufeff)?|(?=\n)|$)",
        levels=priorities,
    ),
    Layout(
        "cisco",
        ANGLE + LETTERS + DIGITS + OTHERS,
        rf"(?:\d{{1,6}} )?(?:<\d{{1,3}}>)?(?:\d+: )?(?:[\w.-]+: )?(?:\d+: )?"
        rf"[*.]?(?P<time>{CISCO_TIME})"
        rf"(?: (?P<source>[\w.-]+))? ?: {CISCO}",
        times.each(times.one_with_month),
        priorities,
    ),
    Layout(
        "cisco",
        ANGLE + LETTERS,
        rf"(?:<\d{{1,3}}>)?(?P<time>{SYSLOG_TIME}) (?P<source>\S+) (?:\d+: )?(?:[^\n%]{{0,60}}: )?{CISCO}",
        times.each(times.one_with_month),
        priorities,
    ),
    Layout(
        "syslog",
        STARTS,
        rf"(?:\d{{1,6}} )?{PRIORITY}?(?P<time>{SYSLOG_TIME}) (?P<source>[\w.:/@-]+) {TAG}",
        times.each(times.one_with_month),
        priorities,
    ),
    # rsyslog's own layout: the default of Debian 12 and Ubuntu 24.04; `journalctl -o short-iso` too.
    Layout(
        "syslog",
        STARTS,
        rf"(?:\d{{1,6}} )?{PRIORITY}?(?P<time>{ZONED}) (?P<source>[\w.:-]+) "
        r"(?P<logger>[\w./()@-]+)(?:\[\d+\])?: ?",
        levels=priorities,
    ),
    Layout("syslog", ANGLE, rf"{PRIORITY}(?P<time>{ISO}) (?P<source>\S+) {TAG}", levels=priorities),
    Layout(
        "thunderbird",
        OTHERS + LETTERS,
        rf"\S+ (?P<time>\d{{10}}) \d{{4}}\.\d\d\.\d\d (?P<source>\S+) {MONTH} +\d+ \d\d:\d\d:\d\d \S+ {TAG}",
        times.each(times.one_number_text),
    ),
    Layout("dmesg", BRACKET, rf"{WEEKDAY_TIME} ", times.each(times.one_with_month)),
    # With priorities as numbers (dmesg --raw) and as words (dmesg --decode).
    Layout("dmesg", ANGLE, rf"{PRIORITY}{UPTIME} ", levels=priorities),
    Layout("dmesg", ANGLE, rf"{PRIORITY}{WEEKDAY_TIME} ", times.each(times.one_with_month), priorities),
    Layout("dmesg", LETTERS, rf"{KERNEL_LEVEL}{UPTIME} "),
    Layout("dmesg", LETTERS, rf"{KERNEL_LEVEL}{WEEKDAY_TIME} ", times.each(times.one_with_month)),
)
