"""Where the value of a secret begins and ends in a line, as patterns of regular expressions."""

import re
from typing import Final

MASK: Final = "<*>"
# A quote with the backslashes before it, as in JSON inside of JSON.
QUOTE: Final = r"\\*[\"'`]"
# What may follow a closing quote. A quote before a letter does not close.
BEHIND: Final = r"[\s,;:&)\]}>|/?<=\\\"'`]|$"
# A pair that follows, or brackets and quotes at the end of a word, end a value without quotes.
NEXT_PAIR: Final = rf"[\"'`\\\])}}>]*[,;&]+\s*[{{\\\"'`]*[A-Za-z_][\w.-]*(?:{QUOTE})?\s*[=:]"
STOP: Final = rf"{NEXT_PAIR}|[\"'`\\\])}}>,;]+(?:\s|$)|</|&lt;"
QUOTED: Final = "|".join(
    [
        rf"[brufBRUF$@]{{0,2}}{mark}(?:\\.|[^{mark}\\]|{mark}{{1,2}}(?!{BEHIND}))*(?:{mark}|$)"
        for mark in "\"'`"
    ]
    + [rf"(?P<mark>\\+[\"'`]).*?(?:(?<!\\)(?P=mark)(?={BEHIND})|$)"]
)
PLAIN: Final = rf"(?:(?!{STOP})\S)+"
# The value is masked already, or is the gap of a format.
GAP: Final = r"<\*>|\{[\w.]*\}"
VALUE: Final = rf"(?:{GAP}|{QUOTED}|[\[{{(]\s*[\"'\\][^\]}})]*[\]}})]?|{PLAIN})"
# Words that are said of a password or token and are none.
NO_SECRETS: Final = (
    "not no now too invalid valid expired expiring missing required empty wrong incorrect correct null none "
    "undefined unset set disabled enabled about being been already still only unknown unavailable accepted "
    "rejected refused denied malformed reset changed updated stored saved found used the a an in on at for "
    "from to of or and is was with by has have had will must should can could cannot does did "
    "authentication auth "
    "login based protected hash file prompt policy manager check verification received mismatch "
    "failed failure "
    "error request requested response weak strong longer shorter ok outdated stale revoked present absent "
    "generated created deleted removed encrypted hashed mandatory optional needed"
)
SAID: Final = rf"(?!(?:{'|'.join(NO_SECRETS.split())})(?:[\s.,;:!?)]|$))"


def after(before: str, value: str = VALUE) -> re.Pattern[str]:
    """Return a pattern of a value; what stays before it stands in the group `before`."""
    return re.compile(f"(?i)(?P<before>{before})(?:{value})")
