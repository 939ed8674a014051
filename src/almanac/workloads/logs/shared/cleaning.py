"""Cleans hostile text before it is stored: no NUL, no terminal command, no unlimited length."""

import re
from typing import Final

from almanac.workloads.logs.shared.limits import LONGEST_TEXT

CUT: Final = " … [cut]"
TERMINAL = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\-_])?")
# All control characters but tab and newline, in the dialect that Python's `re` and RE2 share.
CONTROL_PATTERN: Final = r"[\x00-\x08\x0b-\x1f\x7f]"
# These, and lone surrogates, which UTF-8 cannot encode.
UNPRINTABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff]")
CONTROLS = bytes([*range(9), *range(11, 32), 127])
REPLACEMENT = "\ufffd"


def clean(text: str) -> str:
    """Return a text as it may be stored: inert, without blank lines at its ends, at most LONGEST_TEXT long.

    >>> clean("\\x1b[31mred\\x1b[0m\\r\\nblue\\x00")
    'red\\nblue�'
    """
    return bounded(trimmed(_inert(text)))


def trimmed(text: str) -> str:
    """Return a text without the blank lines at its ends.

    >>> trimmed("\\n \\n  disk full\\n\\n")
    '  disk full'
    """
    if "\n" not in text:
        return text
    begin = text.rfind("\n", 0, len(text) - len(text.lstrip())) + 1
    end = text.find("\n", len(text.rstrip()))
    return text[begin:] if end < 0 else text[begin : max(begin, end)]


def bounded(text: str) -> str:
    """Return a text, cut to LONGEST_TEXT characters with a mark at its end where it is longer."""
    return text if len(text) <= LONGEST_TEXT else text[: LONGEST_TEXT - len(CUT)] + CUT


def decoded(block: bytes) -> str:
    """Return a block of a file as inert text; invalid UTF-8 becomes U+FFFD."""
    text = block.decode("utf-8", errors="replace")
    # Deleting bytes is many times faster than searching the text, and most logs have no control characters.
    has_controls = len(block.translate(None, CONTROLS)) < len(block)
    return _inert(text) if has_controls else text


def _inert(text: str) -> str:
    if text.isprintable():
        return text
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    if "\x1b" in text:
        text = TERMINAL.sub("", text)
    return UNPRINTABLE.sub(REPLACEMENT, text)
