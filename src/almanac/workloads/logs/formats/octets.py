"""Undoes the octet counting of syslog (RFC 6587): each message follows its length, and no line end."""

import re
from collections.abc import Iterable, Iterator
from typing import Final

LEAST_HEAD: Final = 1 << 10
FRAME: Final = re.compile(rb"\s*(\d{1,6}) (?=<\d{1,3}>)")
# The first digit of a frame that is not whole yet, or nothing.
UNFINISHED: Final = re.compile(rb"\s*\d{0,6}(?: (?:<\d{0,3})?)?$")


def lines(head: bytes, blocks: Iterable[bytes]) -> Iterator[bytes]:
    """Yield blocks as they are, but of frames each message as a line, with its own line ends indented."""
    return _messages(blocks) if _are_frames(head) else iter(blocks)


def _are_frames(head: bytes) -> bool:
    """Return whether a file begins with a frame that another one follows at once, or nothing does."""
    match = FRAME.match(head)
    if not match:
        return False
    end = match.end() + int(match[1])
    behind = head[end:]
    return end <= len(head) and bool(FRAME.match(behind) or UNFINISHED.match(behind))


def _messages(blocks: Iterable[bytes]) -> Iterator[bytes]:
    rest = b""
    for block in blocks:
        rest += block
        done, place = [], 0
        while match := FRAME.match(rest, place):
            end = match.end() + int(match[1])
            if end > len(rest):
                break
            done.append(_line(rest[match.end() : end]))
            place = end
        else:
            place = _skipped(rest, place, done)
        rest = rest[place:]
        yield b"".join(done)
    match = FRAME.match(rest)
    if rest.strip():
        yield _line(rest[match.end() :] if match else rest)


def _skipped(rest: bytes, place: int, done: list[bytes]) -> int:
    """Return the place behind a line that is no frame, which is yielded as it is."""
    if UNFINISHED.match(rest, place):
        return place
    end = rest.find(b"\n", place) + 1 or len(rest)
    done.append(rest[place:end])
    return end


def _line(message: bytes) -> bytes:
    return message.rstrip(b"\r\n").replace(b"\n", b"\n\t") + b"\n"
