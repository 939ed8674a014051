"""Finds names of secrets in a line, and the value of each."""

import re
from collections.abc import Iterator
from typing import Final

from almanac.workloads.logs.shared.secret_values import GAP, PLAIN, QUOTE, QUOTED, SAID, after

# Words before "key" that make it a secret one.
KEYS: Final = (
    "api|access|private|secret|encrypt(?:ion)?|decrypt(?:ion)?|cipher|crypto|signing|master|shared|account|"
    "license|consumer|auth|service|client|storage|ssh|gpg|pgp|rsa|aes|hmac|webhook|deploy|app|application|"
    "subscription|session|pre[ _-]?shared|admin|ingest|write|functions?"
)
LONG: Final = (
    r"pass[ _-]?(?:wor[dt]|wd|phrase|code|key)|pwd|psk|kennwort|contrase[nñ]a|senha|wachtwoord|пароль|密码|"
    r"secret|token|credential|bearer|jwt|signature|connection[ _-]?string|"
    rf"(?:{KEYS})[ _.-]?keys?|j?session[_-]?(?:id|key)|phpsessid|connect\.sid"
)
# Short names count where they begin a word or a part of one: db_pass and userPass, not compass.
SHORT: Final = (
    r"(?:(?<![a-z])|(?<=(?-i:[a-z]))(?=(?-i:[A-Z])))(?:pass|pw|pat|sig|otp|pin|cvv)(?![a-z])(?:[_.-]\w*)?"
)
HEADER: Final = r"authorization|cookie2?s?"
# What follows these without a sign between is a secret.
DIRECT: Final = (
    r"identified\s+by(?:\s+password)?|requirepass|masterauth|(?-i:\bAUTH)|\b(?:basic|bearer)(?=\s)|"
    r"credentials?(?=\s[^\s:/]+[:/]\S)"
)
NAMES: Final = re.compile(rf"(?i)(?P<header>{HEADER})|(?P<direct>{DIRECT})|(?:(?:{LONG})[\w.-]*|{SHORT})")
# The characters of a name before the part that tells it.
LETTERS: Final = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.:-"
SCHEMES: Final = (
    r"(?:(?:basic|bearer|token|digest|negotiate|ntlm|api-?key|oauth|jwt|hawk|hmac|key|ssws|bot|"
    r"splunk|signature|"
    r"sharedkey|sharedaccesssignature|aws4-hmac-sha256)\s+)?"
)
ASSIGNED: Final = r"\s*(?:[:=：＝][:=>]*|-+>)\s*(?:!+\w+\s+)?"
OF_WHAT: Final = r"(?:\s(?:for|of)(?:\s[^\s:=]+){1,3}|\s?\([^()]{0,60}\)|\[\w*\])?"
WORD_OF_VALUE: Final = "(?:value|val|data|content)"
OF_HEADER: Final = (
    after(rf"{QUOTE}\s*(?:[:=,]|=>)+\s*\[?\s*(?={QUOTE})", QUOTED),
    after(rf"\s*(?:[:=]+>?|->)\s*{SCHEMES}", r"(?![\"'`\\])\S.*"),
)
# A header in quotes ends with them.
OF_QUOTED_HEADER: Final = {
    '"': after(rf"\s*[:=]\s*{SCHEMES}", r"(?:\\.|[^\"\\])+"),
    "'": after(rf"\s*[:=]\s*{SCHEMES}", r"[^']+"),
}
OF_ELEMENT: Final = after(
    r"(?:\s(?:[^<>]|<\*>)*?)?(?<!/)(?:>|&gt;)",
    r"\s*<!\[CDATA\[.*?(?:\]\]>|$)|(?!\s*(?:<|&lt;)[/!]?\w).+?(?=\s*(?:</|&lt;/))|(?![\s<]).+",
)
OF_LINE: Final = after(r"[\"']?:\s+", r"(?![\"'`|>&*!\[{\\]|.*[\s,;][\w.-]+\s?[=:]).+")
OF_DIRECT: Final = after(rf"\s+(?:token\s*[:=]?\s+)?{SAID}", rf"{GAP}|{QUOTED}|{PLAIN}")
OF_OPTION: Final = after(r"\s+(?!--?[a-z][\w-]*(?:[\s=]|$))")
OF_NAME: Final = (
    after(r"\"\"\s*[:=,]\s*\"\"", r".*?(?=\"\"|$)"),
    after(rf"{OF_WHAT}\s+(?:is|was|are|were|equals|(?:set|changed|reset|updated)\s+to)\s*:?\s+{SAID}"),
    after(rf"(?:{QUOTE}){{0,2}}\]?{OF_WHAT}{ASSIGNED}"),
    after(rf"{QUOTE}\s*,\s*(?={QUOTE})(?!{QUOTE}(?:{WORD_OF_VALUE}|message)\b)", QUOTED),
    after(rf"(?:{QUOTE})?[\s,;]+(?:{QUOTE})?{WORD_OF_VALUE}(?:{QUOTE})?\s*[:=]\s*"),
    after(rf"\s+(?={QUOTE})", QUOTED),
)
# Words before a name that make what follows a secret: "login anna password x", "with password x".
LOGIN: Final = re.compile(
    r"(?i)\b(?:(?:login|user|username|account|machine)\s+\S+\s+(?:and\s+)?|"
    r"(?:with|using|entered|typed|trying|tried)\s+(?:the\s+)?(?:user\s+)?)$"
)
VARIABLE: Final = re.compile(r"(?i)\b(?:env|arg|setenv|export|set)\s+$")
OF_LEADING: Final = after(rf"\s+{SAID}")
Span = tuple[int, int]


def values(line: str) -> Iterator[Span]:
    """Yield begin and end of the value of each name of a secret, in their order."""
    name = NAMES.search(line)
    while name:
        end = name.end()
        if span := _value(line, name):
            yield span
            end = span[1]
        name = NAMES.search(line, end)


def _value(line: str, name: re.Match[str]) -> Span | None:
    head = line[: name.start()].rstrip(LETTERS)
    for pattern in _patterns(line[len(head) : name.start()], head, name):
        if match := pattern.match(line, name.end()):
            return match.end("before"), match.end()
    return None


def _patterns(prefix: str, head: str, name: re.Match[str]) -> Iterator[re.Pattern[str]]:
    """Yield the forms that a value may have behind a name, the most telling form first."""
    if name["header"]:
        yield from _of_header(head)
        return
    if name["direct"]:
        yield OF_DIRECT
    if head.endswith(("<", "&lt;")):
        yield OF_ELEMENT
    if not head.strip(" \t-\"'"):
        yield OF_LINE
    yield from OF_NAME
    if prefix.startswith("-") or head.endswith("/"):
        yield OF_OPTION
    is_password = name[0][:2].lower() in ("pa", "pw")
    if VARIABLE.search(head) or (is_password and LOGIN.search(head)):
        yield OF_LEADING


def _of_header(head: str) -> Iterator[re.Pattern[str]]:
    yield OF_HEADER[0]
    yield OF_QUOTED_HEADER.get(head[-1:], OF_HEADER[1])
