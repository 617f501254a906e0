"""Take secrets out of what a command printed, before it is stored.

The bytes of a log are read as Latin-1, which maps every byte to one character and back: so
what is no secret stays as it was, be it text, a progress bar, or no text at all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

_BLOCK_BYTES = 1 << 20
_OVERLAP_BYTES = 1 << 16
"""A secret that is cut in two by the end of a block is found if it is no longer than this."""

_KEY_BEGINS, _KEY_ENDS = b"-----BEGIN", b"-----END"
_SEPARATORS = (b"\n", b"\r", b" ")


def redact_log(path: Path, redact: Callable[[str], str]) -> bool:
    """Take secrets out of a log; it is not written where it holds none.

    Args:
        path: The log. It is replaced as a whole, so that it is whole at any time.
        redact: Returns a text without its secrets.

    Returns:
        Whether it held any.

    Raises:
        OSError: The disk is full, read-only or failing; the log is as it was.
    """
    redacted = path.with_name(f"{path.name}-redacted")
    target: BinaryIO | None = None
    position = 0
    try:
        with path.open("rb") as source:
            for block in _read_blocks(source):
                found = redact(block.decode("latin-1")).encode("latin-1")
                if found != block and target is None:
                    target = redacted.open("wb")
                    _copy_start(path, target, position)
                if target is not None:
                    target.write(found)
                position += len(block)
    finally:
        if target is not None:
            target.close()
    if target is None:
        return False
    redacted.replace(path)
    return True


def _read_blocks(source: BinaryIO) -> Iterator[bytes]:
    """Yield the content in blocks that cut no line, and no private key of several lines."""
    rest = b""
    while data := source.read(_BLOCK_BYTES):
        block = rest + data
        cut = _find_cut(block) if len(data) == _BLOCK_BYTES else len(block)
        rest = block[cut:]
        yield block[:cut]
    if rest:
        yield rest


def _find_cut(block: bytes) -> int:
    newest = len(block) - _OVERLAP_BYTES
    key = block.rfind(_KEY_BEGINS, newest)
    if key > 0 and block.find(_KEY_ENDS, key) < 0:
        return key
    for separator in _SEPARATORS:
        cut = block.rfind(separator, newest) + 1
        if cut:
            return cut
    return len(block)


def _copy_start(path: Path, target: BinaryIO, n_bytes: int) -> None:
    """Copy what came before the first secret."""
    with path.open("rb") as source:
        while n_bytes:
            n_bytes -= target.write(source.read(min(n_bytes, _BLOCK_BYTES)))
