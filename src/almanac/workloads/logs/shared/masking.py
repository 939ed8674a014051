"""Masks texts before they are looked up or learned: values and secrets become <*> (standard library only)."""

import hashlib
import re
from typing import NamedTuple

MASK = "<*>"
TRACE = "<trace>"
LONGEST = 400


class Rule(NamedTuple):
    """One replacement in the dialect that Python's `re` and RE2 share: no look-around, ASCII classes."""

    pattern: str
    replacement: str


# Runs on every text, so it is one plain class: a word with a digit is a number, an address, an id or a path.
WORDS_WITH_DIGITS = Rule(r"[A-Za-z0-9_./@$#%&*+~?!|\\^-]*[0-9][A-Za-z0-9_./@$#%&*+~?!|\\^-]*", MASK)
# Lines after the first are a stack trace. That there is one says more than its words.
FIRST_LINE = Rule(r"(?s)[\r\n].*", f" {TRACE}")
SECRETS = "passw(?:or)?d|passwd|pwd|secret|token|credentials?|api[_-]?key|access[_-]?key|private[_-]?key"
# Run on distinct texts only, in this order.
REST = (
    Rule(rf"(?i)((?:{SECRETS})[\"']?[ ]*[:=]+[ ]*)(?:\"[^\"]*\"|'[^']*'|[^\s,;&)\]}}]+)", r"\1<*>"),
    Rule(r"(?i)\b((?:basic|bearer) )[^\s,;\"')\]}]+", r"\1<*>"),
    Rule(r"[A-Za-z][A-Za-z0-9+.-]*://[^\s\"')\]}>]*", MASK),
    Rule(r"[^\s\"'()\[\]{}<>,;:=]+@[^\s\"'()\[\]{}<>,;]+", MASK),
    Rule(r"\"[^\"]*\"", MASK),
    Rule(r"(^|[ =:(\[])'[^']*'", r"\1<*>"),
    Rule(r"%\([A-Za-z_]*\)[a-z]|%[sdirfx]|\{[A-Za-z_.]*(?:![rs])?(?::[^{}]*)?\}", MASK),
    Rule(r"(?:[A-Za-z]:)?(?:[/\\][A-Za-z_.<*>-]+){2,}[/\\]?", MASK),
    Rule(r"[A-Za-z_+/=-]{40,}", MASK),
    Rule(r"<\*>(?:[ ,:./|_-]*<\*>)+", MASK),
    Rule(r"\s+", " "),
    Rule(r"^ | $", ""),
)


def mask(text: str) -> str:
    """Return the masked first line of a text, followed by <trace> where more lines follow.

    A look-up finds a text that was masked before, because masking it again changes nothing.

    >>> mask("Served block blk_38865049064139660 to /10.251.91.84 in 12 ms")
    'Served block <*> to <*> in <*> ms'
    >>> mask("login failed: password=hunter two")
    'login failed: password=<*> two'
    """
    line = _applied(FIRST_LINE, text)
    masked = _applied(WORDS_WITH_DIGITS, line[:LONGEST])
    for rule in REST:
        masked = _applied(rule, masked)
    return masked


def text_id(masked: str) -> str:
    """Return the id of a masked text: 12 hexadecimal digits of its SHA-256.

    >>> text_id("Served block <*>")
    'eff2d31a21e9'
    """
    return hashlib.sha256(masked.encode()).hexdigest()[:12]


def _applied(rule: Rule, text: str) -> str:
    return re.sub(rule.pattern, rule.replacement, text)
