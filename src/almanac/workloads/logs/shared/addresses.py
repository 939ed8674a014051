"""Hides addresses of machines and long hexadecimal numbers, which need not hold a digit."""

import re
from typing import Final

MASK: Final = "<*>"
HEX: Final = "[0-9A-Fa-f]"
GROUP: Final = f"{HEX}{{1,4}}"
V4: Final = r"(?:\d{1,3}\.){3}\d{1,3}"
MAC: Final = rf"{HEX}{{2}}(?:([:-]){HEX}{{2}})(?:\1{HEX}{{2}}){{4,6}}|(?:{HEX}{{4}}\.){{2}}{HEX}{{4}}"
# Eight groups, or fewer with :: in place of zeros; the end may look like an IPv4 address.
V6: Final = (
    rf"(?:{GROUP}:){{7}}{GROUP}|(?:{GROUP}(?::{GROUP}){{0,6}})?::(?:(?:{GROUP}:){{0,6}}(?:{V4}|{GROUP}))?"
)
ADDRESSES: Final = (
    re.compile(rf"(?<![\w:.-])(?:{MAC})(?![\w:-])"),
    re.compile(rf"(?<![\w:])(?=[0-9A-Fa-f:]*[0-9A-Fa-f])(?:{V6})(?:%\w+)?(?:/\d{{1,3}})?(?![\w:])"),
    re.compile(r"(?<![^\W_])(?:[a-f]{8,}|[A-F]{8,})(?![^\W_])"),
)
# In the dialect that Python's `re` and RE2 share; a line without any of these has no such address.
HINT: Final = (
    rf"::{HEX}|{HEX}::|{HEX}[:.-][A-Fa-f]{{1,4}}(?:[^A-Za-z0-9]|$)|(?:^|"
    rf"[^A-Za-z0-9])[A-Fa-f]{{1,4}}[:.-]{HEX}|"
    r"[a-f]{8}|[A-F]{8}"
)


def hide(line: str) -> str:
    """Return a line with <*> in place of MAC and IPv6 addresses and of hexadecimal numbers without digits.

    >>> hide("neighbour fe80::dead:beef at de:ad:be:ef:aa:bb")
    'neighbour <*> at <*>'
    """
    for address in ADDRESSES:
        line = address.sub(MASK, line)
    return line
