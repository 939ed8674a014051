"""Masks texts before they are looked up or learned: values and secrets become <*> (standard library only).

`features.mask_all` does the same to whole columns, with the rules that Python's `re` and RE2 share.
"""

import hashlib
import re
from functools import reduce
from typing import Final
from unicodedata import category

from almanac.workloads.logs.shared import addresses, codes, secrets
from almanac.workloads.logs.shared.rules import WORD_WITH_DIGITS, Rule

MASK: Final = "<*>"
TRACE: Final = "<trace>"
LONGEST: Final = 400
# The white space of both dialects.
SPACE: Final = r" \t\n\v\f\r"

# Blank lines around a text say nothing.
EDGES: Final = Rule(rf"^(?:[ \t\v\f]*[\r\n])+|[\r\n][{SPACE}]*$", "")
# Lines after the first are a stack trace. That there is one says more than its words.
FIRST_LINE: Final = Rule(r"(?s)[\r\n].*", f" {TRACE}")
WORDS_WITH_DIGITS: Final = Rule(WORD_WITH_DIGITS, MASK)
# A digit of any script counts as one of ASCII. Python has no class of them, so this is RE2's.
OTHER_DIGITS: Final = Rule(r"[\p{Nd}\p{No}]", "0")
NOT_ASCII: Final = re.compile(r"[^\x00-\x7f]")
# A line with one of these may hold a secret or an address without digits; `hidden` looks closer.
HINT: Final = f"{secrets.HINT}|{addresses.HINT}"
# Run on distinct texts only, in this order.
REST: Final = (
    Rule(rf"[A-Za-z][A-Za-z0-9+.-]*://[^{SPACE}\"')\]}}>]*", MASK),
    Rule(rf"[^{SPACE}\"'()\[\]{{}}<>,;:=]+@[^{SPACE}\"'()\[\]{{}}<>,;]+", MASK),
    Rule(r"\"[^\"]*\"", MASK),
    Rule(r"(^|[ =:(\[])'[^']*'", r"\1<*>"),
    Rule(r"%\([A-Za-z_]*\)[a-z]|%[sdirfx]|\{[A-Za-z_.]*(?:![rs])?(?::[^{}]*)?\}", MASK),
    Rule(r"(?:[A-Za-z]:)?(?:[/\\][A-Za-z_.<*>-]+){2,}[/\\]?", MASK),
    Rule(r"[A-Za-z_+/=-]{40,}", MASK),
    Rule(r"<\*>(?:[ ,:./|_-]*<\*>)+", MASK),
    Rule(rf"[{SPACE}]+", " "),
    Rule(r"^ | $", ""),
)


def mask(text: str) -> str:
    """Return the masked first line of a text, followed by <trace> where more lines follow.

    A look-up finds a text that was masked before, because masking it again changes nothing.

    >>> mask("Served block blk_38865049064139660 to /10.251.91.84 in 12 ms")
    'Served block <*> to <*> in <*> ms'
    >>> mask("login failed: password=hunter two, exit code 137")
    'login failed: password=<*> two, exit code 137'
    """
    line = FIRST_LINE.apply(EDGES.apply(text))[:LONGEST]
    line = NOT_ASCII.sub(_ascii_digit, line)
    if re.search(HINT, line):
        line = hidden(line)
    return reduce(_applied, REST, _without_numbers(line))


def hidden(line: str) -> str:
    """Return a line without secrets and without addresses of machines."""
    return addresses.hide(secrets.hide(line))


def text_id(masked: str) -> str:
    """Return the id of a masked text: 12 hexadecimal digits of its SHA-256.

    >>> text_id("Served block <*>")
    'eff2d31a21e9'
    """
    return hashlib.sha256(masked.encode()).hexdigest()[:12]


def _without_numbers(line: str) -> str:
    """Return a line with <*> in place of words with digits; status and exit codes stay."""
    if re.search(codes.HINT, line):
        return reduce(_applied, (*codes.PROTECT, codes.WORDS, *codes.RESTORE), line)
    return WORDS_WITH_DIGITS.apply(line)


def _ascii_digit(character: re.Match[str]) -> str:
    return "0" if category(character[0]) in ("Nd", "No") else character[0]


def _applied(text: str, rule: Rule) -> str:
    return rule.apply(text)
