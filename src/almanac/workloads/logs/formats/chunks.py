"""Blocks of bytes of a file, joined and cut so that each ends with a line."""

from collections.abc import Iterable, Iterator

# A text without a place to cut grows to at most about so many bytes or characters.
MOST_CARRIED = 1 << 20


def whole_lines(blocks: Iterable[bytes]) -> Iterator[bytes]:
    """Yield blocks that end with a line; a line longer than MOST_CARRIED is cut in two."""
    rest = b""
    for block in gathered(blocks):
        joined = rest + block
        end = _end(joined)
        rest = joined[end:]
        if end:
            yield joined[:end]
    if rest:
        yield rest


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


def _end(block: bytes) -> int:
    """Return the end of the last line, or of a block without one that is too long; else 0."""
    end = block.rfind(b"\n") + 1
    return len(block) if not end and len(block) > MOST_CARRIED else end
