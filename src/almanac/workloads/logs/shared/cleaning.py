"""Makes hostile text inert before it is stored: no NUL, no terminal commands, no text without end."""

import re
from typing import Final

from almanac.workloads.logs.shared.limits import LONGEST_TEXT

CUT: Final = " … [cut]"
TERMINAL = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\-_])?")
# All controls but tab and newline, and lone surrogates, which UTF-8 cannot hold.
UNPRINTABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff]")
CONTROLS = bytes([*range(9), *range(11, 32), 127])
REPLACEMENT = "\ufffd"


def clean(text: str) -> str:
    """Return a text as it may be stored; one longer than LONGEST_TEXT is cut, and says so.

    >>> clean("\\x1b[31mred\\x1b[0m\\r\\nblue\\x00")
    'red\\nblue�'
    """
    plain = _inert(text)
    return plain if len(plain) <= LONGEST_TEXT else plain[: LONGEST_TEXT - len(CUT)] + CUT


def decoded(block: bytes) -> str:
    """Return a block of a file as text; what is no UTF-8 becomes U+FFFD."""
    text = block.decode("utf-8", errors="replace")
    # Counting bytes is many times faster than searching the text, and most logs have none of them.
    return text if len(block.translate(None, CONTROLS)) == len(block) else _inert(text)


def _inert(text: str) -> str:
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    if "\x1b" in text:
        text = TERMINAL.sub("", text)
    return UNPRINTABLE.sub(REPLACEMENT, text)
