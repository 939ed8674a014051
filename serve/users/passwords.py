"""Passwords: the rules of NIST SP 800-63B, and Argon2id on one thread with a bounded queue."""

import asyncio
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import NamedTuple, TypeVar
from unicodedata import normalize

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError

from serve.http.problems import Problem

LEAST_CHARACTERS, MOST_CHARACTERS = 12, 256
# Equal to what OWASP recommends, with little memory: 7 MiB, five passes, one lane.
MEMORY_KIB, PASSES, LANES = 7_168, 5, 1
MOST_WAITING = 40
BUSY = "Too many logins wait at this moment. Try again in a second."
TOO_SHORT = f"has fewer than {LEAST_CHARACTERS} characters"
TOO_LONG = f"has more than {MOST_CHARACTERS} characters"
COMMON = "is one of the commonest, or only repeats or continues itself"
LIKE_NAME = "is hardly more than the user name"
# What people type first. Each of them, twice, with another or with digits around it is refused.
WORDS = frozenset(
    """
    password passwort motdepasse contrasena letmein welcome willkommen admin administrator root user
    guest login secret geheim changeme change default master access almanac football baseball soccer
    dragon monkey shadow sunshine princess iloveyou trustno qwerty qwertz azerty qwertyuiop
    qwertzuiop asdfgh asdfghjkl yxcvbnm zxcvbnm superman batman starwars pokemon computer internet
    server database summer winter spring autumn sommer hello test testing demo example temp
    temporary company office secure security abc abcd abcdef
    """.split()
)
ROWS = (
    "0123456789",
    "abcdefghijklmnopqrstuvwxyz",
    "qwertyuiop",
    "qwertzuiop",
    "asdfghjkl",
    "zxcvbnm",
    "yxcvbnm",
)
LEET = str.maketrans("@431!0$57", "aaeiiosst")
NO_LETTERS = re.compile(r"[\W\d_]+")
# What people put before and behind a word.
ENDS = re.compile(r"^[\W\d_]+|[\W\d_]+$")
LEAST_BESIDE_NAME = 4
Result = TypeVar("Result")


class Verdict(NamedTuple):
    """Whether a password is right, and its new hash where the parameters have changed since."""

    is_right: bool
    new_hash: str | None = None


class Hasher:
    """Hashes and verifies one password after the other; those beyond a bound are refused with 503."""

    def __init__(self) -> None:
        self._argon2 = make_argon2()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="passwords")
        self._waiting = 0
        # Verified where there is no such user, so that both take the same time.
        self._dummy = self._argon2.hash("nobody has this password")

    async def hash(self, password: str) -> str:
        """Return the hash of a password; raises Problem 503."""
        return await self._run(partial(self._argon2.hash, prepared(password)))

    async def verify(self, stored: str | None, password: str) -> Verdict:
        """Compare a password with a stored hash, or with a dummy; raises Problem 503."""
        verdict = await self._run(partial(self._verify, stored or self._dummy, prepared(password)))
        return verdict if stored else Verdict(False)

    def close(self) -> None:
        """End the thread."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _verify(self, stored: str, password: str) -> Verdict:
        try:
            self._argon2.verify(stored, password)
        except (Argon2Error, InvalidHashError):
            return Verdict(False)
        is_old = self._argon2.check_needs_rehash(stored)
        return Verdict(True, self._argon2.hash(password) if is_old else None)

    async def _run(self, work: Callable[[], Result]) -> Result:
        if self._waiting >= MOST_WAITING:
            raise Problem(503, BUSY, headers={"Retry-After": "1"})
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, work)
        finally:
            self._waiting -= 1


def make_argon2() -> PasswordHasher:
    """Return Argon2id with the parameters of this version."""
    return PasswordHasher(time_cost=PASSES, memory_cost=MEMORY_KIB, parallelism=LANES)


def prepared(password: str) -> str:
    """Return the password as it is hashed: the same text, whatever keyboard has composed it."""
    return normalize("NFKC", password)


def weakness(password: str, name: str) -> str | None:
    """Return why a password is refused, or None for one that may be used."""
    text = prepared(password)
    if len(text) < LEAST_CHARACTERS:
        return TOO_SHORT
    if len(text) > MOST_CHARACTERS:
        return TOO_LONG
    lower = text.casefold()
    if name in lower and len(NO_LETTERS.sub("", lower.replace(name, ""))) < LEAST_BESIDE_NAME:
        return LIKE_NAME
    if len(set(lower)) < 4 or _is_row(lower) or _is_common(lower):
        return COMMON
    return None


def _is_common(text: str) -> bool:
    """Tell whether nothing is left of a text, with or without digits read as letters, but common words."""
    core = ENDS.sub("", text)
    spellings = {NO_LETTERS.sub("", text), NO_LETTERS.sub("", core.translate(LEET))}
    return any(spelling and _consists_of_words(spelling) for spelling in spellings)


def _consists_of_words(text: str) -> bool:
    """Tell whether a text can be cut into words of the list."""
    ends = {0}
    for end in range(1, len(text) + 1):
        if any(end - len(word) in ends and text.startswith(word, end - len(word)) for word in WORDS):
            ends.add(end)
    return len(text) in ends


def _is_row(text: str) -> bool:
    """Tell whether a text is part of a repeated row of the keyboard or alphabet, forwards or backwards."""
    return any(text in row * 6 or text in row[::-1] * 6 for row in ROWS)
