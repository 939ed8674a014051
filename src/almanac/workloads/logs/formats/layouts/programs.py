"""Layouts of programs: Java, Python, Ruby, PHP, Go, Rust and .NET."""

from typing import Final

from almanac.workloads.logs.formats import times
from almanac.workloads.logs.formats.layouts.layout import (
    ANY_LEVEL,
    BRACKET,
    CLOCK,
    DIGITS,
    ISO,
    LETTERS,
    LEVEL,
    MONTH,
    Layout,
    statuses,
)

# A thread in brackets may have a pair of brackets in its name.
NESTED: Final = r"(?:[^\[\]\n]|\[[^\[\]\n]*\])*"
THREAD: Final = rf"\[{NESTED}\]"
CLASS: Final = r"(?P<logger>[\w.$/-]+)"
QUALIFIED: Final = r"(?P<logger>[\w$]+(?:[.:/]+[\w$]+)+|[\w$]+(?=: ))"
TIME: Final = rf"(?P<time>{ISO})"
ANY: Final = rf"(?P<level>{ANY_LEVEL})"
SLASHED: Final = times.by_fields(
    r"(?P<Y>\d{4})/(?P<m>\d\d)/(?P<d>\d\d)(?: -)? (?P<H>\d\d):(?P<M>\d\d):(?P<S>\d\d)(?:\.(?P<f>\d{1,9}))?$"
)

FIRST: Final = (
    Layout("log4j", BRACKET, rf"\[{TIME}\] {ANY} ", logger_behind=True),
    Layout("monolog", BRACKET, rf"\[{TIME}\] (?P<logger>[\w.-]+)\.(?P<level>{LEVEL}): "),
    Layout(
        "ruby", LETTERS, rf"[DIWEFAU], \[(?P<time>{ISO}) #\d+\] +(?P<level>[A-Z]+) -- (?P<logger>[^:\n]*): "
    ),
    Layout("python", BRACKET, rf"\[{TIME}: {ANY}/(?P<logger>[\w.-]+)\] "),
    Layout("python", BRACKET, rf"\[{TIME}\] \[\d+\] \[{ANY}\] "),
    Layout(
        "python",
        BRACKET,
        rf"\[(?P<time>\d{{4}}-\d\d-\d\d,? \d\d:\d\d:\d\d(?:[.,]\d+)?(?: [A-Z]{{1,5}})?)\] "
        rf"\{{(?P<logger>[^}}\n]+)\}} {ANY} - ",
        times.each(times.one_with_zone_name),
    ),
    Layout("rust", BRACKET, rf"\[{TIME} +(?P<level>{LEVEL}) +(?P<logger>[\w:-]+)\] "),
    Layout(
        "windows_cbs",
        DIGITS,
        rf"(?P<time>\d{{4}}-\d\d-\d\d {CLOCK.strip()}), (?P<level>Info|Warning|Error|Debug|Fatal) +"
        r"(?P<logger>[A-Z][A-Za-z]+) +",
    ),
    Layout(
        "spark",
        DIGITS,
        rf"(?P<time>\d\d/\d\d/\d\d \d\d:\d\d:\d\d(?:[.,]\d+)?) (?P<level>{LEVEL}) "
        rf"(?:{THREAD} )?(?P<logger>[\w.$-]+): ",
        times.each(
            times.by_fields(
                r"(?P<y>\d\d)/(?P<m>\d\d)/(?P<d>\d\d) (?P<H>\d\d):(?P<M>\d\d):(?P<S>\d\d)"
                r"(?:[.,](?P<f>\d+))?$"
            )
        ),
    ),
    Layout(
        "openstack",
        DIGITS + LETTERS,
        rf"(?:[\w.-]+\.log\S* )?{TIME} \d+ {ANY} (?P<logger>[\w.$-]+) \[[^\]\n]*\] ",
    ),
    # Hadoop, Spring Boot, logback, log4net, ZooKeeper and what else Java writes.
    Layout(
        "log4j",
        DIGITS,
        rf"{TIME}[ \t]+{ANY}[ \t]+{THREAD}[ \t]+{CLASS}[ \t]*(?:-[ \t]|:[ \t]|\([^)\n]*\) )",
    ),
    Layout(
        "log4j",
        DIGITS,
        rf"{TIME}[ \t]+{THREAD}[ \t]+{ANY}[ \t]+{CLASS}(?:[ \t]+{THREAD})?[ \t]*[-:][ \t]",
    ),
    Layout("log4j", DIGITS, rf"{TIME}[ \t]+{ANY}[ \t]+\d+ --- (?:{THREAD} )+(?P<logger>\S+)[ \t]*: "),
    Layout(
        "zookeeper",
        DIGITS,
        rf"{TIME} (?:{THREAD} )?- {ANY} +\[(?P<logger>{NESTED})\] - ",
    ),
    Layout("python", DIGITS, rf"{TIME} - (?P<logger>[^\n]{{1,80}}?) - {ANY} - "),
    Layout("python", DIGITS, rf"{TIME} - {ANY} - (?:(?P<logger>[\w.]+) - )?"),
    Layout(
        "log4j",
        DIGITS,
        rf"{TIME} +(?P<level>{LEVEL}) +{QUALIFIED}(?: -|:)[ \t]",
    ),
    Layout("zap", DIGITS, rf"{TIME}\t(?:\x1b\[\d+m)?{ANY}\t(?:(?P<logger>[\w./-]+:\d+|[\w.-]+)\t)?"),
    Layout("nlog", DIGITS, rf"{TIME}\|{ANY}\|(?P<logger>[^|\n]*)\|"),
    Layout(
        "java",
        LETTERS,
        rf"(?P<time>{MONTH} \d{{1,2}}, \d{{4}},? \d{{1,2}}:\d\d:\d\d\s?[AP]M) (?P<logger>[\w.$]+) "
        r"[^\n]*\n(?P<level>[A-Z]+): ",
        times.each(times.one_with_month),
        head_breaks=1,
    ),
    Layout(
        "java",
        DIGITS,
        rf"(?P<time>\d\d-{MONTH}-\d{{4}} \d\d:\d\d:\d\d(?:\.\d{{3}})?) {ANY} {THREAD} (?P<logger>[\w.$-]+) ",
        times.each(times.one_with_month),
    ),
    Layout("java", LETTERS, rf"(?P<level>{LEVEL}) +{THREAD} {TIME} (?P<logger>[\w.$]+)(?::\d+)? - "),
    Layout("log4j", DIGITS, rf"{TIME}[ \t]+\[{ANY}[ \t]*\][ \t:-]*"),
    Layout("log4j", DIGITS + BRACKET, rf"\[?{TIME}\]?[ \t:|-]*\[?(?P<level>{LEVEL})\b\]?[ \t:|-]*"),
    Layout("log4j", DIGITS + BRACKET, rf"\[?{TIME}\]?[ \t|-]*\[?{ANY}(?:\]|:|[ \t]*\||\t| - | +\[)[ \t:|-]*"),
    Layout(
        "go",
        BRACKET + DIGITS,
        r"(?P<front>\[[\w.-]+\]) (?P<time>\d{4}/\d\d/\d\d - \d\d:\d\d:\d\d) \| (?=(?P<level>\d{3}) )",
        times.each(SLASHED),
        statuses,
    ),
    Layout(
        "go",
        DIGITS,
        rf"(?P<time>\d{{4}}/\d\d/\d\d \d\d:\d\d:\d\d(?:\.\d{{1,9}})?) (?:(?P<logger>[\w./-]+\.go:\d+): )?"
        rf"(?:\[?(?P<level>{LEVEL})\b\]?:? )?",
        times.each(SLASHED),
    ),
)
# These fit much, so they are tried last.
LAST: Final = (
    Layout("python", LETTERS, rf"(?P<level>{LEVEL}):(?P<logger>[\w.]+):(?=\S)"),
    Layout("level", LETTERS + BRACKET, rf"\[?(?P<level>{LEVEL})(?: *\]|:)[ \t]+"),
    Layout("time", DIGITS + BRACKET, rf"\[?{TIME}\]?[ \t:|-]*(?=\S)"),
)
