"""Recognises what a Football.TXT file writes below a match: scorers, line-ups, referees, notes."""

import re
from dataclasses import dataclass

from almanac.workloads.football.sources.txt_matches import MatchLine
from almanac.workloads.football.sources.txt_notes import Note, note_of

_LABEL = re.compile(
    r"(?:goals?|scorers?|yellow(?: cards?)?|red(?: cards?)?|cards?|sent[ -]off|penalties|pens?|refs?"
    r"|referees?|coach(?:es)?|att(?:endance)?|line-?ups?|subs(?:titutes)?|bench|venue|stadium|ground)\s*:.*",
    re.IGNORECASE,
)
_LINE_UP = re.compile(r"(?P<club>[^:]{2,60}?)\s*:\s+\S.*")
_MINUTE = re.compile(
    r"[^\W\d_][^\d]*\s\d{1,3}(?:\+\d{1,2})?\s*(?:['’]|\(?pen|\(?og|\(?o\.g|p\b|[,;)\]]|$)|^[\[(]\s*-\s*;"
)
_BARE_SCORERS = re.compile(r"[^\W\d_][^\d:@]*\s\d{1,3}(?:\+\d{1,2})?['’].*")
_NOTE = re.compile(r"\[(?P<text>[^\[\]]*)\]")
_GOES_ON = re.compile(r"[,;–]$|\s-$")


@dataclass
class Details:
    """Follows the lines below one match; `is_open` says that the next line goes on with the last one.

    `status` is what the last line said of the match, an empty text if nothing.
    """

    match: MatchLine | None = None
    is_open: bool = False
    status: str = ""

    def follow(self, match: MatchLine) -> None:
        """Begin with the lines below another match."""
        self.match, self.is_open, self.status = match, False, ""

    def close(self) -> None:
        """Expect no more lines of this match."""
        self.match, self.is_open, self.status = None, False, ""

    def go_on(self, line: str) -> None:
        """Take the continuation of the last line."""
        self.is_open = _GOES_ON.search(line) is not None

    def take(self, line: str) -> bool:
        """Take a line; return False if it is no detail of the match."""
        self.status = ""
        if self.match is None or not self._is_detail(line):
            return False
        self.is_open = _GOES_ON.search(line) is not None
        return True

    def _is_detail(self, line: str) -> bool:
        if note := _NOTE.fullmatch(line):
            meaning = note_of(note["text"])
            self.status = meaning if isinstance(meaning, str) else ""
            if self.status or meaning in (Note.HARMLESS, Note.PENALTIES):
                return True
        if line[0] in "[(":
            return _MINUTE.search(line) is not None
        return self._is_labelled(line) or _BARE_SCORERS.fullmatch(line) is not None

    def _is_labelled(self, line: str) -> bool:
        if _LABEL.fullmatch(line):
            return True
        line_up = _LINE_UP.fullmatch(line)
        clubs = {club.casefold() for club in (self.match.home, self.match.away)} if self.match else set()
        return line_up is not None and line_up["club"].casefold() in clubs
