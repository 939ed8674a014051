"""Blocks of bytes of a file, turned into blocks of text that each end with a line."""

import codecs
import re
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Final

from almanac.workloads.logs.shared.cleaning import decoded

# A block has at least about so many bytes, but the last.
MOST_CARRIED = 1 << 20
# What a line has beyond so many bytes is left out; a text keeps far less.
LONGEST_LINE: Final = 8 << 20
WIDE: Final = {
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
LETTERS: Final = 64
LEAST_LETTERS: Final = 6
# A file that was truncated while a program wrote begins with zeros up to where the program was.
ZEROS: Final = re.compile(rb"(^|\n)\x00+")


def text_blocks(blocks: Iterable[bytes]) -> Iterator[str]:
    """Yield inert text in blocks that end with a line; the last one may lack its line end.

    UTF-16 and UTF-32 are understood by their mark, or by zeros beside the first letters.
    """
    rest = iter(blocks)
    head = next(_from_first_byte(rest), b"")
    for block in whole_lines(_narrow(head, rest)):
        text = decoded(ZEROS.sub(rb"\1", block) if b"\x00" in block else block)
        if text:
            yield text


def whole_lines(blocks: Iterable[bytes]) -> Iterator[bytes]:
    """Yield blocks that end with a line; of a line only LONGEST_LINE bytes are kept."""
    rest = b""
    for block in gathered(blocks):
        joined = rest + block
        end = joined.rfind(b"\n") + 1
        # One byte more says that the line is too long.
        rest = joined[end:][: LONGEST_LINE + 1]
        if end:
            yield _bounded(joined[:end])
    if rest:
        yield rest[:LONGEST_LINE]


def gathered(blocks: Iterable[bytes]) -> Iterator[bytes]:
    """Join small blocks, such as the lines of an open file, to blocks of at least MOST_CARRIED bytes."""
    waiting: list[bytes] = []
    size = 0
    for block in blocks:
        waiting.append(block)
        size += len(block)
        if size >= MOST_CARRIED:
            yield b"".join(waiting)
            waiting, size = [], 0
    yield b"".join(waiting)


def _bounded(block: bytes) -> bytes:
    if len(block) <= LONGEST_LINE:
        return block
    return b"\n".join([line[:LONGEST_LINE] for line in block.split(b"\n")])


def _from_first_byte(blocks: Iterator[bytes]) -> Iterator[bytes]:
    """Yield the blocks without zeros at the beginning of the file, small ones joined."""
    head = b""
    for block in blocks:
        head += block
        if not _is_wide(head[1:]):
            head = head.lstrip(b"\x00")
        if len(head) >= max(map(len, WIDE)):
            break
    if head:
        yield head
    yield from blocks


def _narrow(head: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    """Return blocks in UTF-8 without a mark of the byte order."""
    whole = chain([head], rest)
    encoding = _encoding(head)
    if encoding:
        return _recoded(whole, encoding)
    return chain([head.removeprefix(codecs.BOM_UTF8)], rest)


def _encoding(head: bytes) -> str:
    for mark, encoding in WIDE.items():
        if head.startswith(mark):
            return encoding
    if _is_wide(head):
        return "utf-16-le"
    return "utf-16-be" if _is_wide(head[1:]) else ""


def _is_wide(head: bytes) -> bool:
    """Return whether every second byte is a zero, as that of ASCII in UTF-16 is."""
    begin = head[:LETTERS]
    return len(begin) >= LEAST_LETTERS and not any(begin[1::2]) and all(begin[::2])


def _recoded(blocks: Iterable[bytes], encoding: str) -> Iterator[bytes]:
    decoder = codecs.getincrementaldecoder(encoding)(errors="replace")
    for block in blocks:
        yield decoder.decode(block).encode("utf-8", errors="replace")
    yield decoder.decode(b"", final=True).encode("utf-8", errors="replace")
