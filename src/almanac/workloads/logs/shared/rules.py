"""The form of a rule of masking."""

import re
from typing import Final, NamedTuple

# One plain class, because it runs on every text: a number, an address, an id or a path.
WORD_WITH_DIGITS: Final = r"[A-Za-z0-9_./@$#%&*+~?!|\\^-]*[0-9][A-Za-z0-9_./@$#%&*+~?!|\\^-]*"


class Rule(NamedTuple):
    """One replacement in the dialect that Python's `re` and RE2 share: no look-around, ASCII classes."""

    pattern: str
    replacement: str

    def apply(self, text: str) -> str:
        """Return a text with the replacement."""
        return re.sub(self.pattern, self.replacement, text)
