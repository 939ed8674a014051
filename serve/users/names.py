"""Names of users and keys: plain ASCII, so that no two look alike and none breaks a header or a log line."""

import re

PLAIN = re.compile(r"[a-z0-9][a-z0-9._@-]{0,63}")
RULE = "must have 1 to 64 of a-z, 0-9, '.', '_', '@' and '-', and begin with a letter or digit"


def plain_name(text: str) -> str | None:
    """Return a name as it is stored, in lower case, or None for what can be no name.

    >>> plain_name("Anna.K"), plain_name("аdmin")
    ('anna.k', None)
    """
    lower = text.lower() if text.isascii() else ""
    return lower if PLAIN.fullmatch(lower) else None
