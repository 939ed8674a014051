"""Unpacks blocks of bytes by their first bytes: gzip, bzip2 and xz are read, others are refused."""

import bz2
import lzma
import zlib
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from typing import Final, Protocol

from almanac.errors import SourceCorrupt, UsageError

PEEK: Final = 8
# Of a damaged file at most so many packed bytes are lost, and of gzip none that could be read.
STEP: Final = 1 << 16
# The first bytes of what is no log, and what unpacks or prints it.
REFUSED: Final = {
    b"\x28\xb5\x2f\xfd": ("compressed with zstd", "zstd -dc"),
    b"\x04\x22\x4d\x18": ("compressed with lz4", "lz4 -dc"),
    b"\x1f\x9d": ("compressed with compress", "uncompress -c"),
    b"\x1f\xa0": ("compressed with compress", "uncompress -c"),
    b"\xff\x06\x00\x00sN": ("compressed with snappy", "snzip -dc"),
    b"LZIP": ("compressed with lzip", "lzip -dc"),
    b"7z\xbc\xaf\x27\x1c": ("an archive of 7-Zip", "7z x -so"),
    b"PK\x03\x04": ("a ZIP archive", "unzip -p"),
    b"Rar!": ("a RAR archive", "unrar p -inul"),
    b"LPKSHHRH": ("a journal of systemd", "journalctl -o json --file"),
    b"ElfFile\x00": ("an event log of Windows", "evtx_dump -o jsonl"),
}


class _Unpacker(Protocol):
    """What the three libraries have in common."""

    @property
    def eof(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, /) -> bytes: ...


def _gzip() -> _Unpacker:
    return zlib.decompressobj(wbits=31)


READ: Final[dict[bytes, tuple[str, Callable[[], _Unpacker]]]] = {
    b"\x1f\x8b": ("gzip", _gzip),
    b"BZh": ("bzip2", bz2.BZ2Decompressor),
    b"\xfd7zXZ\x00": ("xz", lzma.LZMADecompressor),
    b"\x5d\x00\x00": ("lzma", lzma.LZMADecompressor),
}


def unpacked(blocks: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the content of blocks that may be compressed.

    Raises UsageError for a compression that is not read. Raises SourceCorrupt after the last byte that
    could be read where a file is truncated or damaged.
    """
    rest = iter(blocks)
    head = _peek(rest)
    whole = chain([head], rest) if head else rest
    for magic, (what, tool) in REFUSED.items():
        if head.startswith(magic):
            raise UsageError(f"It is {what}. Unpack it: {tool} FILE | almanac ingest logs -")
    for magic, (name, make) in READ.items():
        if head.startswith(magic):
            return _members(whole, magic, name, make)
    return whole


def _peek(blocks: Iterator[bytes]) -> bytes:
    head = b""
    for block in blocks:
        head += block
        if len(head) >= PEEK:
            break
    return head


def _members(
    blocks: Iterable[bytes], magic: bytes, name: str, make: Callable[[], _Unpacker]
) -> Iterator[bytes]:
    """Yield the content of all members, one after the other; zeros after the last are padding."""
    unpacker, size = make(), 0
    is_between = False
    for packed in _steps(blocks):
        data = packed
        while data:
            if is_between:
                data = data.lstrip(b"\0")
                if not data:
                    break
                if not _begins(data, magic):
                    raise _damage(name, size, "what follows its end is not compressed")
                unpacker, is_between = make(), False
            for content, error in _content(unpacker, data):
                size += len(content)
                yield content
                if error:
                    raise _damage(name, size, error)
            data, is_between = unpacker.unused_data, unpacker.eof
            if not is_between:
                break
    if not is_between:
        raise _damage(name, size, "the file is truncated")


def _begins(data: bytes, magic: bytes) -> bool:
    return data.startswith(magic) or magic.startswith(data)


def _steps(blocks: Iterable[bytes]) -> Iterator[bytes]:
    for block in blocks:
        for begin in range(0, len(block), STEP):
            yield block[begin : begin + STEP]


def _content(unpacker: _Unpacker, data: bytes) -> Iterator[tuple[bytes, str]]:
    """Yield what a step unpacks to, and why it goes no further."""
    copy = getattr(unpacker, "copy", None)
    saved = copy() if copy else None
    try:
        yield unpacker.decompress(data), ""
    except (zlib.error, OSError, EOFError, lzma.LZMAError) as error:
        yield (_readable(saved, data) if saved else b""), f"it is damaged ({error})"


def _readable(unpacker: _Unpacker, data: bytes) -> bytes:
    """Return what the bytes before the damage unpack to."""
    content = b""
    for begin in range(len(data)):
        try:
            content += unpacker.decompress(data[begin : begin + 1])
        except zlib.error:
            break
    return content


def _damage(name: str, size: int, reason: str) -> SourceCorrupt:
    return SourceCorrupt(f"The {name} data ends early after {size:,} bytes of text: {reason}")
