"""Keeps status and exit codes while every other number is masked: 200 and 500 are different news."""

from typing import Final

from almanac.workloads.logs.shared.rules import WORD_WITH_DIGITS, Rule

# Stands before each digit that stays, until every other number is masked.
MARK: Final = "\ue000"
NAME: Final = (
    r"(?i:exit(?:ed|s)?(?:[ _-](?:with|a|an|non-?zero|exit))*(?:[ _-]?(?:code|status|value))?(?: of)?|"
    r"(?:return|result|status|response|reply|http|completion)[ _-]?(?:code|status)|status|http|"
    r"[^a-z]rc)(?i: is| was)?[\"']?(?:[ ]*[:=]+[ ]*|[ ]+)-?"
)
REQUEST: Final = (
    r"(?:GET|POST|PUT|PATCH|DELETE|HEAD|OPTIONS) [^ ]+(?: HTTP/[0-9.]+)?[\"']?[ ]+(?:[=-]>?[ ]+)?"
)
VERSION: Final = r"HTTP/[0-9.]+[\"']?[ ]+"
DIGITS: Final = r"([0-9])([0-9]?)([0-9]?)"
END: Final = r"([^0-9A-Za-z_.:/%-]|[.:][^0-9A-Za-z]|[.:]$|/[A-Z]|$)"
# A text that is masked already has no other numbers than those that stay.
AFTER_MASK: Final = r"<\*>[^0-9A-Za-z<]{1,3}"
STAYS: Final = rf"\1{MARK}\2{MARK}\3{MARK}\4"
# In the dialect that Python's `re` and RE2 share. A line without HINT has no code.
HINT: Final = (
    r"(?i:exit|status|http[ /:=]|(?:return|result|response|reply|completion)[ _-]?code|[^a-z]rc[^a-z])|"
    rf"(?:GET|POST|PUT|PATCH|DELETE|HEAD|OPTIONS) |<\*>|{MARK}"
)
PROTECT: Final = (
    Rule(MARK, ""),
    Rule(rf"({NAME})\"{DIGITS}\"", STAYS),
    Rule(rf"({NAME}){DIGITS}{END}", rf"{STAYS}\5"),
    Rule(rf"({VERSION}|{REQUEST})([1-5])([0-9])([0-9]){END}", rf"{STAYS}\5"),
    Rule(rf"({AFTER_MASK}){DIGITS}{END}", rf"{STAYS}\5"),
)
# A word with a digit becomes <*>; a digit behind the mark stays, and loses mark and <*> again.
WORDS: Final = Rule(rf"({MARK}[0-9])|{WORD_WITH_DIGITS}", r"\1<*>")
RESTORE: Final = (Rule(rf"{MARK}([0-9])<\*>", r"\1"), Rule(MARK, ""))
